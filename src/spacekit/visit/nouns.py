"""What a visit is on disk: plain data, no reading.

A *visit* is a folder that the pipeline left. It holds one *mosaic* for each detector that was
used: the total detection product with the filter and exposure products drizzled onto the same
pixel grid. The mosaic is what gets a verdict.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Mosaic", "Problem", "Product", "ProductName"]


@dataclass(frozen=True, order=True)
class ProductName:
    """The parts of a HAP product's name, all lower case.

    ``hst_<proposal>_<visit>_<instrument>_<detector>_<filter>_<ipppss>[<exposure>]``

    Parameters
    ----------
    proposal, visit, instrument, detector : str
        As in the name ("16901", "01", "wfc3", "ir").
    filter : str
        "total" for the total detection product, else the filter ("f606w-clear2l").
    ipppss : str
        Instrument letter, program, visit ("iza101").
    exposure : str
        Two letters for an exposure product, else empty.
    """

    proposal: str
    visit: str
    instrument: str
    detector: str
    filter: str
    ipppss: str
    exposure: str = ""

    def __str__(self) -> str:
        parts = (self.proposal, self.visit, self.instrument, self.detector, self.filter)
        return "_".join(("hst", *parts, self.ipppss + self.exposure))

    @property
    def is_total(self) -> bool:
        """Whether this names a total detection product."""
        return self.filter == "total"


@dataclass(frozen=True)
class Product:
    """One product and the files that go with it; None where a file is missing.

    Parameters
    ----------
    name : ProductName
        Whose files these are.
    drizzled : Path or None
        drz.fits or drc.fits (drc where both are there).
    point_catalog, segment_catalog : Path or None
        ECSV catalogs.
    qa : dict of str to Path
        QA JSON by test ("num_sources", "gaia_sources", "interfilter_crossmatch", ...).
    """

    name: ProductName
    drizzled: Path | None = None
    point_catalog: Path | None = None
    segment_catalog: Path | None = None
    qa: dict[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class Mosaic:
    """One detector's products of one visit: what gets a verdict.

    Parameters
    ----------
    folder : Path
        Where they lie. Folder and index together are the key of a mosaic.
    index : str
        Its name in every table: the total's name, for a corrupted copy with the folder's suffix.
    total : Product
        The total detection product.
    filters, exposures : tuple of Product
        Filter and exposure products of the same detector, by name; may be empty.
    reference_catalogs : tuple of Path
        Gaia reference catalogs, the most specific first; may be empty.
    """

    folder: Path
    index: str
    total: Product
    filters: tuple[Product, ...] = ()
    exposures: tuple[Product, ...] = ()
    reference_catalogs: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Problem:
    """What went wrong with a mosaic or a file, for problems.csv and the screen.

    Parameters
    ----------
    index : str
        The mosaic, empty where none is known.
    file : str
        The file or folder at fault.
    reason : str
        What is wrong and what to do, in a sentence.
    fatal : bool
        True when the mosaic got no row, False when it got one with something missing.
    """

    index: str
    file: str
    reason: str
    fatal: bool = True
