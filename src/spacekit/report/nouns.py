"""What the page shows, as plain data: checked, bounded, not yet escaped."""

from __future__ import annotations

from dataclasses import dataclass, field

from spacekit.measure.findings import Findings

__all__ = ["Entry", "Pictures"]


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
    findings : Findings or None
        Where offsets were measured product by product.
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
    findings: Findings | None = None
    pictures: Pictures = field(default_factory=Pictures)
    problems: tuple[str, ...] = ()
