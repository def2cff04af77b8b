"""What is in the sky: stars, galaxies and glow, drawn before anything is known of errors.

Distributions
-------------
Stars: number within a field log-uniform by kind of scene; magnitudes from exponential counts
``N(<m) ~ 10**(s m)``, s 0.18 to 0.33 (the slope of counts at 18 to 26 mag in the Galaxy, Bahcall
& Soneira 1980, to that of a cluster's main sequence); colours normal with a red tail; a share of
binaries with separations log-uniform 1 to 12 px. Galaxies: counts with slope 0.25 to 0.4 (HUDF),
half-light radii log-normal about 0.25" (Shen et al. 2003), Sersic indices 0.8 to 4.5, axis ratios
0.25 to 1.
Magnitudes are AB in the visit's reddest filter. All positions are on the tangent plane of the
field's centre, arcsec to the east and to the north.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

__all__ = ["SCENE_KINDS", "Field", "Galaxies", "Glow", "Scene", "Stars", "draw_scene"]

#: Kinds of scene and how often each is drawn.
SCENE_KINDS: Final[dict[str, float]] = {
    "blank": 0.08,
    "stars": 0.36,
    "crowded": 0.12,
    "cluster": 0.12,
    "galaxies": 0.16,
    "big-galaxy": 0.08,
    "nebula": 0.08,
}
#: Stars and galaxies in a field of 512 x 512 px, lowest and highest, log-uniform.
_STARS: Final = {
    "blank": (0.5, 6.0),
    "stars": (8.0, 400.0),
    "crowded": (400.0, 2000.0),
    "cluster": (120.0, 1200.0),
    "galaxies": (3.0, 40.0),
    "big-galaxy": (5.0, 150.0),
    "nebula": (8.0, 300.0),
}
_GALAXIES: Final = {
    "blank": (0.5, 8.0),
    "stars": (2.0, 30.0),
    "crowded": (1.0, 8.0),
    "cluster": (1.0, 10.0),
    "galaxies": (25.0, 120.0),
    "big-galaxy": (3.0, 25.0),
    "nebula": (1.0, 10.0),
}


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
    def fields(self) -> float:
        """Its area in fields of 512 x 512 px."""
        return (2 * self.radius_arcsec / self.pixel_arcsec / 512) ** 2


@dataclass(frozen=True)
class Stars:
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
class Galaxies:
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
class Scene:
    """Everything in the field."""

    kind: str
    stars: Stars
    galaxies: Galaxies
    glow: Glow | None


def log_uniform(
    rng: Generator, low: float, high: float, size: int | None = None
) -> NDArray[np.float64]:
    """Draw log-uniform numbers."""
    return np.exp(rng.uniform(np.log(low), np.log(high), size))


def draw_scene(kind: str, field: Field, rng: Generator) -> Scene:
    """Draw a scene of a kind.

    Parameters
    ----------
    kind : str
        A key of `SCENE_KINDS`.
    field : Field
        Where and how deep.
    rng : Generator
        Source of randomness.
    """
    stars = _draw_stars(kind, field, rng)
    galaxies = _draw_galaxies(kind, field, rng)
    if kind == "big-galaxy":
        galaxies = _add_giant(galaxies, field, rng)
        stars = _join(stars, _knots(galaxies, field, rng))
    glow = _draw_glow(rng) if kind == "nebula" else None
    return Scene(kind, stars, galaxies, glow)


def _counts(field: Field, n: int, rng: Generator, slope: float, span: float) -> NDArray[np.float64]:
    """Magnitudes from exponential counts, from 0.7 mag below the limit to `span` above."""
    u = rng.uniform(10 ** (-slope * span), 1.0, n)
    return np.asarray(field.faint_mag + 0.7 + np.log10(u) / slope)


def _places(
    field: Field, n: int, rng: Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r = field.radius_arcsec
    return rng.uniform(-r, r, n), rng.uniform(-r, r, n)


def _draw_stars(kind: str, field: Field, rng: Generator) -> Stars:
    low, high = _STARS[kind]
    # A field of 512 px is what is seen; large formats are not filled as densely.
    n = int(rng.poisson(float(log_uniform(rng, low, high)) * min(field.fields, 12.0)))
    slope = rng.uniform(0.18, 0.33)
    mag = _counts(field, n, rng, slope, rng.uniform(5.0, 9.5))
    if kind != "blank":
        # Nearby stars in front, which counts of one population lack: wings, spikes, bleeding.
        ahead = int(rng.poisson(float(log_uniform(rng, 0.3, 15.0)) * min(field.fields, 12.0)))
        mag = np.concatenate([mag, field.faint_mag - rng.uniform(4.5, 10.3, ahead)])
        n += ahead
    colour = rng.normal(rng.uniform(0.3, 1.2), 0.35, n) + rng.exponential(0.25, n)
    if field.far_uv:
        colour = rng.normal(-0.3, 0.15, n)
    east, north = _places(field, n, rng)
    if kind == "cluster":
        core = rng.uniform(0.12, 0.5) * field.radius_arcsec
        inside = rng.random(n) < 0.75
        radius = core * rng.exponential(1.0, n)
        angle = rng.uniform(0, 2 * np.pi, n)
        shift = rng.normal(0, 0.2 * field.radius_arcsec, 2)
        east = np.where(inside, shift[0] + radius * np.cos(angle), east)
        north = np.where(inside, shift[1] + radius * np.sin(angle), north)
    return _with_binaries(Stars(east, north, mag, colour), field, rng)


def _with_binaries(stars: Stars, field: Field, rng: Generator) -> Stars:
    share = rng.choice([0.02, 0.1, 0.4], p=[0.6, 0.3, 0.1])
    chosen = np.flatnonzero(rng.random(stars.mag.size) < share)
    n = chosen.size
    apart = log_uniform(rng, 1.0, 12.0, n) * field.pixel_arcsec
    angle = rng.uniform(0, 2 * np.pi, n)
    companions = Stars(
        stars.east[chosen] + apart * np.cos(angle),
        stars.north[chosen] + apart * np.sin(angle),
        stars.mag[chosen] + rng.exponential(1.0, n),
        stars.colour[chosen] + np.abs(rng.normal(0, 0.3, n)),
    )
    return _join(stars, companions)


def _join(a: Stars, b: Stars) -> Stars:
    return Stars(*(np.concatenate([getattr(a, f), getattr(b, f)]) for f in a.__dataclass_fields__))


def _draw_galaxies(kind: str, field: Field, rng: Generator) -> Galaxies:
    low, high = _GALAXIES[kind]
    n = int(rng.poisson(float(log_uniform(rng, low, high)) * min(field.fields, 12.0)))
    east, north = _places(field, n, rng)
    mag = _counts(field, n, rng, rng.uniform(0.25, 0.4), 6.0) - 2.2
    disc = rng.random(n) < 0.7
    brightness = field.faint_mag - mag
    radius = 0.25 * np.exp(rng.normal(0, 0.5, n)) * 10 ** (0.08 * brightness)
    # In pixels that hardly resolve them they are scaled to what a frame would show.
    radius *= np.clip(field.pixel_arcsec / 0.06, 0.5, 1.5)
    return Galaxies(
        east,
        north,
        mag,
        rng.normal(0.7, 0.35, n),
        np.clip(radius, 0.8 * field.pixel_arcsec, 0.2 * field.radius_arcsec),
        np.where(disc, rng.uniform(0.8, 1.6, n), rng.uniform(2.0, 4.5, n)),
        np.where(disc, rng.uniform(0.25, 1.0, n), rng.uniform(0.55, 1.0, n)),
        rng.uniform(0, 180, n),
    )


def _add_giant(galaxies: Galaxies, field: Field, rng: Generator) -> Galaxies:
    """Add a bright galaxy that fills the field; its core is in it more often than not."""
    place = rng.normal(0, 0.35 * field.radius_arcsec, 2)
    giant = replace(
        galaxies,
        east=place[:1],
        north=place[1:],
        mag=np.array([field.faint_mag - rng.uniform(8.0, 12.0)]),
        colour=np.array([rng.normal(0.8, 0.2)]),
        radius=np.array([rng.uniform(0.2, 0.7) * field.radius_arcsec]),
        index=np.array([rng.choice([1.0, 2.0, 4.0])]),
        ratio=np.array([rng.uniform(0.4, 1.0)]),
        angle_deg=rng.uniform(0, 180, 1),
    )
    names = galaxies.__dataclass_fields__
    return Galaxies(*(np.concatenate([getattr(galaxies, f), getattr(giant, f)]) for f in names))


def _knots(galaxies: Galaxies, field: Field, rng: Generator) -> Stars:
    """Clusters and star-forming knots of a big galaxy: faint, blue, in lumps."""
    n = int(rng.poisson(rng.choice([0, 60, 250]) * min(field.fields, 4.0)))
    giant = (galaxies.east[-1], galaxies.north[-1])
    lumps = rng.normal(giant, 0.9 * galaxies.radius[-1], (25, 2))
    chosen = lumps[rng.integers(0, 25, n)] + rng.normal(0, 0.04 * field.radius_arcsec, (n, 2))
    mag = _counts(field, n, rng, 0.35, 4.0)
    return Stars(chosen[:, 0], chosen[:, 1], mag, rng.normal(0.1, 0.3, n))


def _draw_glow(rng: Generator) -> Glow:
    """Draw an exponentiated Gaussian random field of power-law spectrum: filaments and voids."""
    n = 256
    wave = np.hypot(*np.meshgrid(np.fft.fftfreq(n), np.fft.fftfreq(n)))
    wave[0, 0] = np.inf
    spectrum = np.fft.fft2(rng.standard_normal((n, n))) * wave ** (-rng.uniform(2.6, 3.4) / 2)
    field = np.fft.ifft2(spectrum).real
    field = (field - field.mean()) / field.std()
    surface = float(log_uniform(rng, 0.3, 8.0)) * np.exp(rng.uniform(0.4, 0.9) * field)
    return Glow(surface.astype(np.float32), float(rng.normal(0, 0.7)))
