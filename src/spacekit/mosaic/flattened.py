"""An image less its sky, in pieces: a full-format mosaic is never copied as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spacekit.mosaic.background import Depth
from spacekit.mosaic.scratch import release

__all__ = ["Flattened"]


@dataclass(frozen=True)
class Flattened:
    """Pixels less their sky; 0 where nothing is looked for.

    Parameters
    ----------
    pixels : ndarray, shape (ny, nx), float32
        Electrons/s.
    level : float or ndarray, shape (ny, nx), float32
        Of the sky, electrons/s.
    depth : Depth
        Regions of the image.
    """

    pixels: NDArray[np.float32]
    level: NDArray[np.float32] | float
    depth: Depth

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width, px."""
        ny, nx = self.pixels.shape
        return ny, nx

    def __getitem__(self, key: Any) -> NDArray[np.float32]:
        level = self.level if isinstance(self.level, float) else self.level[key]
        piece: NDArray[np.float32] = self.pixels[key] - level
        release(self.pixels)
        piece[self.depth.region[key] == 0] = 0
        return piece

    def above(self, threshold: float, key: Any) -> NDArray[np.float32]:
        """Give by how much pixels exceed a threshold, that of the deepest region; else 0."""
        limits = self.depth.factor * np.float32(threshold)
        region = self.depth.region[key]
        over = np.where(region > 0, self[key] - limits[region], 0)
        result: NDArray[np.float32] = np.maximum(over, 0)
        return result
