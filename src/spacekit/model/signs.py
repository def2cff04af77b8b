"""What no aligned mosaic shows: measurements that tell an error by themselves.

Each is measured in a way that chance hardly ever makes so much of: a shift that ten sources share,
patches that cosmic-ray rejection took at one shift from the stars, a second image of every star.
There are many and each is rare, so that a training set has a few dozen mosaics of each: too few
for a network to learn what one of them is worth against all that looks well. So the largest of
them, each in units of where it becomes sure, is one more column of the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from spacekit.model.features import NUMERIC

__all__ = ["SIGNS", "Sign", "surest", "with_surest"]

#: Twice as much as is sure is no surer.
_LARGEST: Final = 2.0


@dataclass(frozen=True)
class Sign:
    """A measurement that tells an error by itself.

    Parameters
    ----------
    column : str
        Of the table.
    sure : float
        From here on it does, in the column's unit.
    beside : str
        Another column that must say `least` for that; empty: none.
    least : float
        In that column's unit.
    still : bool
        Whether it is none where the telescope follows a target: stars trail there.
    """

    column: str
    sure: float
    beside: str = ""
    least: float = 0.0
    still: bool = False


#: Sources that share a shift which is no chance.
_MANY: Final = 10

#: Where they become sure. Shifts, less two standard errors: well above the 0.25 px that exposures
#: of an aligned mosaic may lie apart. Surprises of rejected patches, and shares of sources at
#: a second shift, are 0 unless chance would make as much once in 10,000 mosaics. Second images,
#: turns and lost weight: in standard errors, above all that neighbours, spikes, astigmatism and
#: cosmic rays make.
SIGNS: Final = (
    Sign("exposure_sure_px", 0.4, "exposure_offset_sources", _MANY),
    Sign("sure_px", 0.4, "offset_sources", _MANY),
    Sign("exposure_part_share", 0.2),
    Sign("rejected_surprise", 0.1),
    Sign("rejected_turned", 0.1),
    Sign("twin_turned", 4.0),
    Sign("filter_twin_turned", 4.0),
    Sign("twin_crossed", 6.0),
    Sign("filter_twin_crossed", 6.0),
    Sign("lost_turned", 4.0),
    Sign("filter_lost_turned", 4.0),
    Sign("lost_crossed", 4.0),
    Sign("filter_lost_crossed", 4.0),
    Sign("turned_sigmas", 8.0, "turned_ellipticity", 0.03, still=True),
)


def surest(numeric: Tensor) -> Tensor:
    """Give the largest sign of each row, 1 and more where it is sure, at most 2; shape (N, 1).

    Parameters
    ----------
    numeric : Tensor, shape (N, K), float32
        Columns `NUMERIC`, NaN where missing: then it is no sign.
    """
    none = torch.zeros_like(numeric[:, 0])
    told = []
    for sign in SIGNS:
        value = numeric[:, NUMERIC.index(sign.column)]
        value = torch.where(value > 0, value / sign.sure, none)  # NaN is no more than 0
        if sign.beside:
            value = torch.where(numeric[:, NUMERIC.index(sign.beside)] >= sign.least, value, none)
        if sign.still:
            value = torch.where(numeric[:, NUMERIC.index("moving")] > 0, none, value)
        told.append(value)
    return torch.stack(told, dim=1).amax(dim=1, keepdim=True).clamp(max=_LARGEST)


def with_surest(numeric: Tensor) -> Tensor:
    """Append the surest sign to a table's columns, shape (N, K) to (N, K + 1)."""
    return torch.cat([numeric, surest(numeric)], dim=1)
