"""What the page shows, as plain data: checked, bounded, not yet escaped."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Entry", "Offset", "OffsetGroup", "Offsets", "Pictures"]


@dataclass(frozen=True)
class Offset:
    """How one product lies against the reference: its minus reference, along the mosaic's axes.

    Parameters
    ----------
    filter, exposure : str
        Whose product; the exposure's two letters, empty for a filter product.
    dx_px, dy_px, dx_mas, dy_mas : float or None
        The shift, None where it could not be measured.
    sigma_px : float or None
        Its standard error, per axis.
    roll_deg : float or None
        Rotation from +x to +y.
    n_sources : int or None
        Sources it was measured on.
    method : str
        How, in a word; "no match" for a product whose sources match the reference's nowhere.
    """

    filter: str
    exposure: str = ""
    dx_px: float | None = None
    dy_px: float | None = None
    dx_mas: float | None = None
    dy_mas: float | None = None
    sigma_px: float | None = None
    roll_deg: float | None = None
    n_sources: int | None = None
    method: str = ""


@dataclass(frozen=True)
class OffsetGroup:
    """Products that were measured against the same one.

    Parameters
    ----------
    reference : str
        That product.
    products : tuple of Offset
        The others.
    """

    reference: str
    products: tuple[Offset, ...]


@dataclass(frozen=True)
class Offsets:
    """The measured offsets of a mosaic.

    Parameters
    ----------
    groups : tuple of OffsetGroup
        Filter products, exposure products; those that were compared.
    absolute_mas : tuple of float or None
        (dx, dy) of the mosaic as a whole against the reference catalog, along its axes.
    absolute_sources : int or None
        Catalog sources that was measured on.
    """

    groups: tuple[OffsetGroup, ...]
    absolute_mas: tuple[float, float] | None = None
    absolute_sources: int | None = None


@dataclass(frozen=True)
class Pictures:
    """Which pictures of a mosaic lie in ``media/<name>/<kind>.jpg``.

    Parameters
    ----------
    kinds : tuple of str
        "plain", "source", "gaia", "stamps", "blink_<product>", "blinkfield_<product>".
    notes : tuple of str
        Why others don't, a sentence each.
    """

    kinds: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Entry:
    """One mosaic on the page.

    Parameters
    ----------
    index : str
        Its name.
    detector : str
        "ir", "uvis", ..., "unknown".
    verdict : str
        One of `spacekit.evaluate.tally.WORDS`.
    probability : float or None
        Of misalignment.
    offset_px : float or None
        The largest measured, px.
    reason, rests_on : str
        In words; empty where the table has none.
    unfamiliar : str
        What lies far outside of the model's training, mostly empty.
    target : str
        TARGNAME; empty where unknown.
    ra_deg, dec_deg : float or None
        Of the target.
    values : dict of str to float
        The measured columns of the table.
    offsets : Offsets or None
        Where they were measured product by product.
    pictures : Pictures
        What is to be seen.
    problems : tuple of str
        What went wrong with it.
    """

    index: str
    detector: str
    verdict: str
    probability: float | None
    offset_px: float | None = None
    reason: str = ""
    rests_on: str = ""
    unfamiliar: str = ""
    target: str = ""
    ra_deg: float | None = None
    dec_deg: float | None = None
    values: dict[str, float] = field(default_factory=dict)
    offsets: Offsets | None = None
    pictures: Pictures = field(default_factory=Pictures)
    problems: tuple[str, ...] = ()
