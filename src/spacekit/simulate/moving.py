"""What moves against the stars: planets with moons, asteroids, comets.

The telescope guides on the stars, or the headers of exposures that track the target give where
each really pointed: stars agree between exposures and the target is displaced, and trailed
within an exposure. A visit of that kind is aligned.

Rates: a main-belt asteroid 10 to 60 arcsec/h, a trans-Neptunian one 1 to 3 (HST's parallax
included); planets near their stationary points a few arcsec/h down to nothing.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from spacekit.simulate.objects import Disc, Field, Galaxies, Moving, Stars, log_uniform

__all__ = ["draw_moving", "draw_planet"]

#: Arcsec/h of planets and of small bodies.
_PLANET_RATES: Final = (0.02, 6.0)
_BODY_RATES: Final = (0.5, 60.0)
#: By how much a planet's pixels are brighter than a star at the limit, mag (of a pixel's light).
_PLANET_SURFACE: Final = (2.0, 5.5)


def _rate(low: float, high: float, rng: Generator) -> tuple[float, float]:
    size = float(log_uniform(rng, low, high)) / 3600.0
    angle = rng.uniform(0, 2 * np.pi)
    return size * float(np.cos(angle)), size * float(np.sin(angle))


def _point(east: float, north: float, mag: float, colour: float) -> Stars:
    return Stars(*(np.array([v]) for v in (east, north, mag, colour)))


def draw_planet(field: Field, rng: Generator) -> tuple[Moving, ...]:
    """Draw a banded, limb-darkened planet that fills a part of the field, and up to five moons."""
    disc = _disc(field, rng)
    rate = _rate(*_PLANET_RATES, rng)
    planet = Moving(rate, Stars.none(), Galaxies.none(), disc)
    moons = []
    for _ in range(int(rng.integers(0, 6))):
        apart, angle = disc.radius * rng.uniform(1.1, 4.0), rng.uniform(0, 2 * np.pi)
        orbit = _rate(0.01, 3.0, rng)
        moon = _point(
            float(disc.east + apart * np.cos(angle)),
            float(disc.north + apart * np.sin(angle)),
            field.faint_mag - rng.uniform(2.0, 7.0),
            float(rng.normal(0.7, 0.15)),
        )
        moons.append(Moving((rate[0] + orbit[0], rate[1] + orbit[1]), moon, Galaxies.none()))
    return (planet, *moons)


def _disc(field: Field, rng: Generator) -> Disc:
    """Draw a planet's disc with its bands and storms."""
    seen = field.seen_arcsec
    east, north = (float(v) for v in rng.normal(0, 0.3 * seen, 2))
    radius = float(log_uniform(rng, 0.08, 0.75)) * seen
    surface = field.faint_mag - rng.uniform(*_PLANET_SURFACE)
    bands = int(rng.integers(3, 8))
    storms = int(rng.integers(0, 4))
    return Disc(
        east,
        north,
        radius,
        mag=surface + 5 * float(np.log10(field.pixel_arcsec)),
        colour=float(rng.normal(0.6, 0.4)),
        flattening=float(rng.uniform(0.0, 0.1)),
        angle_deg=float(rng.uniform(0, 180)),
        limb=float(rng.uniform(0.6, 1.0)),
        bands=_uniform(rng, bands, (0.02, 0.12), (1.0, 9.0), (0, 6.3)),
        storms=_uniform(rng, storms, (-0.6, 0.6), (-0.5, 0.5), (0.03, 0.12), (-0.3, 0.3)),
    )


def _uniform(rng: Generator, count: int, *ranges: tuple[float, float]) -> NDArray[np.float64]:
    """Draw evenly from each range, shape (count, ranges)."""
    return np.stack([rng.uniform(low, high, count) for low, high in ranges], axis=1)


def draw_moving(field: Field, rng: Generator) -> tuple[Moving, ...]:
    """Draw one or two small bodies; four in ten of them are comets with a coma and a tail."""
    bodies = []
    for _ in range(1 if rng.random() < 0.8 else 2):
        rate = _rate(*_BODY_RATES, rng)
        # Half of what a typical visit lasts, so that it crosses the field's middle.
        place = rng.normal(0, 0.3 * field.seen_arcsec, 2) - 1000.0 * np.array(rate)
        mag = field.faint_mag - rng.uniform(2.0, 7.0)
        nucleus = _point(float(place[0]), float(place[1]), mag, float(rng.normal(0.8, 0.1)))
        coma = _coma(nucleus, field, rng) if rng.random() < 0.4 else Galaxies.none()
        bodies.append(Moving(rate, nucleus, coma))
    return tuple(bodies)


def _coma(nucleus: Stars, field: Field, rng: Generator) -> Galaxies:
    """Draw a round coma and a tail of six fading, widening pieces to one side."""
    n = 7
    tail = rng.uniform(0, 2 * np.pi)
    size = float(log_uniform(rng, 4.0, 25.0)) * field.pixel_arcsec
    step = np.arange(n, dtype=float) * size * 0.9
    return Galaxies(
        nucleus.east[0] + step * np.sin(tail),
        nucleus.north[0] + step * np.cos(tail),
        nucleus.mag[0] - 1.0 + 0.75 * np.arange(n),
        np.full(n, nucleus.colour[0]),
        size + 0.4 * step,
        np.where(np.arange(n) == 0, 1.3, 0.6),
        np.where(np.arange(n) == 0, 0.95, 0.55),
        np.full(n, np.degrees(tail)),
    )
