"""The reference catalog that goes into a pipeline, as a file beside the exposures."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from astropy.table import Table

from spacekit.files import replacing
from spacekit.visit.catalogs import read_csv_catalog, read_ecsv

__all__ = ["read_reference_stars", "write_reference_stars"]

#: What the simulator calls it beside the exposures.
_REFERENCE_NAME: Final = "reference_catalog.csv"
_SKY: Final = ("RA", "RA_error", "DEC", "DEC_error")


def read_reference_stars(folder: Path) -> Table | None:
    """Read the reference catalog of a folder: the service's answer (CSV), or what a run left.

    Parameters
    ----------
    folder : Path
        Of exposures.

    Returns
    -------
    Table or None
        RA and DEC (deg) and whatever else the file has, names as `align_exposures` wants them.
        A catalog that a run left is at the epoch of observation already and has no `epoch`
        column, so that nobody moves it again. None where no file has RA and Dec.

    Raises
    ------
    ProductError
        If such a file can't be read.
    """
    for path in (*sorted(folder.glob("*.csv")), *sorted(folder.glob("*metawcs*ref_cat.ecsv"))):
        table = read_ecsv(path) if path.suffix == ".ecsv" else read_csv_catalog(path)
        for name in _SKY:
            if name.lower() in table.colnames:
                table.rename_column(name.lower(), name)
        if {"RA", "DEC"} <= set(table.colnames):
            if path.suffix == ".ecsv" and "epoch" in table.colnames:
                table.remove_column("epoch")
            return table
    return None


def write_reference_stars(folder: Path, stars: Table) -> Path:
    """Write a reference catalog as the service would answer it, whole or not at all."""
    table = stars.copy()
    for name in _SKY:
        if name in table.colnames:
            table.rename_column(name, name.lower())
    formats = {name: "%.10f" for name in ("ra", "dec") if name in table.colnames}
    path = folder / _REFERENCE_NAME
    with replacing(path) as part:
        table.write(part, format="ascii.csv", formats=formats)
    return path
