"""What a scene is made of: plain arrays of stars, galaxies, discs and glow.

All positions are on the tangent plane of the field's centre, arcsec to the east and to the
north; magnitudes are AB in the visit's reddest filter.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Self, TypeVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

__all__ = [
    "Disc",
    "Field",
    "Galaxies",
    "Glow",
    "Moving",
    "Stars",
    "Table",
    "log_uniform",
    "magnitudes",
    "number",
    "places",
]

#: Large formats are not filled as densely as a field of 512 px: at most so many times its count.
_MOST_FIELDS = 12.0


@dataclass(frozen=True)
class Field:
    """The patch of sky to fill.

    Parameters
    ----------
    radius_arcsec : float
        Half the side of a square that holds every exposure at every roll.
    pixel_arcsec : float
        Pixel of the detector.
    faint_mag : float
        AB magnitude of a 5 sigma star in one exposure of the reddest filter.
    far_uv : bool
        Whether hot stars are what is seen.
    """

    radius_arcsec: float
    pixel_arcsec: float
    faint_mag: float
    far_uv: bool = False

    @property
    def seen_arcsec(self) -> float:
        """Half the side of the part that exposures see; the rest is for dithers and rolls."""
        return max((self.radius_arcsec - 60 * self.pixel_arcsec) / 1.5, 10 * self.pixel_arcsec)

    @property
    def fields(self) -> float:
        """Its area in fields of 512 x 512 px."""
        return (2 * self.radius_arcsec / self.pixel_arcsec / 512) ** 2


@dataclass(frozen=True)
class Table:
    """Columns of equal length."""

    @property
    def size(self) -> int:
        """Number of rows."""
        return int(getattr(self, fields(self)[0].name).size)

    def plus(self, other: Self) -> Self:
        """Rows of both."""
        names = [f.name for f in fields(self)]
        return type(self)(*(np.concatenate([getattr(self, n), getattr(other, n)]) for n in names))

    def take(self, rows: NDArray[np.intp]) -> Self:
        """Give some rows, in the order they are named."""
        return type(self)(*(getattr(self, f.name)[rows] for f in fields(self)))

    @classmethod
    def none(cls) -> Self:
        """No rows."""
        return cls(*(np.empty(0) for _ in fields(cls)))


@dataclass(frozen=True)
class Stars(Table):
    """Point sources; arrays of shape (n,).

    Parameters
    ----------
    east, north : ndarray
        Arcsec.
    mag : ndarray
        AB in the reddest filter.
    colour : ndarray
        V - I (AB); other filters follow from it.
    """

    east: NDArray[np.float64]
    north: NDArray[np.float64]
    mag: NDArray[np.float64]
    colour: NDArray[np.float64]


@dataclass(frozen=True)
class Galaxies(Table):
    """Sersic profiles; arrays of shape (n,).

    Parameters
    ----------
    east, north, mag, colour : ndarray
        As of stars.
    radius : ndarray
        Half-light radius along the major axis, arcsec.
    index, ratio, angle_deg : ndarray
        Sersic index, axis ratio, position angle of the major axis (east of north).
    """

    east: NDArray[np.float64]
    north: NDArray[np.float64]
    mag: NDArray[np.float64]
    colour: NDArray[np.float64]
    radius: NDArray[np.float64]
    index: NDArray[np.float64]
    ratio: NDArray[np.float64]
    angle_deg: NDArray[np.float64]


@dataclass(frozen=True)
class Glow:
    """Nebulosity: a random field in units of the sky's surface brightness.

    Parameters
    ----------
    surface : ndarray, shape (n, n), float32
        Brightness over sky, on a grid that spans the field; row is north, column is east.
    colour : float
        Magnitudes by which the other filters see less (or more) of it.
    """

    surface: NDArray[np.float32]
    colour: float


@dataclass(frozen=True)
class Disc:
    """A planet.

    Parameters
    ----------
    east, north, radius : float
        Centre and equatorial radius, arcsec.
    mag : float
        AB of a square arcsecond at its middle.
    colour : float
        As of stars.
    flattening, angle_deg : float
        1 - polar/equatorial radius; position angle of the equator.
    limb : float
        Exponent of Minnaert's law at full phase: brightness goes as mu**(2 limb - 1).
    bands : ndarray, shape (n, 3)
        Amplitude, cycles from pole to pole and phase (rad) of belts and zones.
    storms : ndarray, shape (m, 4)
        Place along the equator and the axis, size (in radii), contrast.
    """

    east: float
    north: float
    radius: float
    mag: float
    colour: float
    flattening: float
    angle_deg: float
    limb: float
    bands: NDArray[np.float64]
    storms: NDArray[np.float64]

    @property
    def middle(self) -> Stars:
        """Its centre, with its surface brightness for a magnitude."""
        return Stars(*(np.array([v]) for v in (self.east, self.north, self.mag, self.colour)))


Body = TypeVar("Body", Stars, Galaxies, Disc)


@dataclass(frozen=True)
class Moving:
    """Something that moves against the stars, as a whole.

    Parameters
    ----------
    rate_arcsec_s : tuple of float
        To the east and to the north.
    stars, galaxies : Stars, Galaxies
        Its parts (a nucleus, a coma), where they are at the start of the visit's first exposure.
    disc : Disc or None
        A planet.
    """

    rate_arcsec_s: tuple[float, float]
    stars: Stars
    galaxies: Galaxies
    disc: Disc | None = None

    def at(self, seconds: float) -> Moving:
        """Give it as it is so long after the visit's start."""
        east, north = (rate * seconds for rate in self.rate_arcsec_s)

        return replace(
            self,
            stars=_shifted(self.stars, east, north),
            galaxies=_shifted(self.galaxies, east, north),
            disc=None if self.disc is None else _shifted(self.disc, east, north),
        )


def _shifted(body: Body, east: float, north: float) -> Body:
    return replace(body, east=body.east + east, north=body.north + north)


def log_uniform(
    rng: Generator, low: float, high: float, size: int | None = None
) -> NDArray[np.float64]:
    """Draw log-uniform numbers."""
    return np.exp(rng.uniform(np.log(low), np.log(high), size))


def number(field: Field, low: float, high: float, rng: Generator) -> int:
    """Draw how many there are, from how many (log-uniform) a field of 512 x 512 px has."""
    return int(rng.poisson(float(log_uniform(rng, low, high)) * min(field.fields, _MOST_FIELDS)))


def magnitudes(
    field: Field, n: int, rng: Generator, slope: float, span: float
) -> NDArray[np.float64]:
    """Magnitudes from exponential counts, from 0.7 mag below the limit to `span` above."""
    u = rng.uniform(10 ** (-slope * span), 1.0, n)
    return np.asarray(field.faint_mag + 0.7 + np.log10(u) / slope)


def places(field: Field, n: int, rng: Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw positions all over the field."""
    r = field.radius_arcsec
    return rng.uniform(-r, r, n), rng.uniform(-r, r, n)
