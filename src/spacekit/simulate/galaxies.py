"""Galaxies of a scene: field galaxies, spirals, mergers, a giant, clusters with arcs.

Distributions
-------------
Counts with slope 0.25 to 0.4 (Hubble Ultra Deep Field, Beckwith et al. 2006). Half-light radii
log-normal, sigma 0.45 in ln R (Shen et al. 2003), growing with brightness, median 0.25" at the
faint end (van der Wel et al. 2014). Seven of ten are discs: oblate, thickness 0.22, seen from
anywhere (Padilla & Strauss 2008), Sersic indices log-normal about 1, half of them with a bulge
of up to half the light (Allen et al. 2006). The rest are spheroids: axis ratio about 0.75,
indices about 3.5. Knots of star formation lie along logarithmic arms, pitch 10 to 25 deg
(Savchenko et al. 2020), or in clumps in irregular ones, and hold 8 to 35% of the light (Guo et
al. 2015); their luminosities go as L**-2. One in twelve has a second core 2 to 12 px off or is
a pair that merges (3 to 10% of galaxies: Lotz et al. 2011).
Clusters: projected density (1 + (r/rc)**2)**-1, a red sequence of scatter 0.06 mag (Bower et al.
1992), luminosities of Schechter's function with slope -1, a bright central galaxy, and arcs on a
circle about it (Meneghetti et al. 2013: 0.1 to 0.4" wide, up to some ten times longer).
"""

from __future__ import annotations

from typing import Final, TypeVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from spacekit.simulate.objects import Field, Galaxies, Stars, log_uniform, magnitudes, places

__all__ = ["cluster_of_galaxies", "draw_galaxies", "giant_galaxy"]

_Rows = TypeVar("_Rows", Galaxies, Stars)
_DISCS: Final = 0.7
_THICKNESS: Final = 0.22
_DOUBLES: Final = 1 / 12
#: Galaxies larger than this (half-light radius, px) show structure.
_RESOLVED_PX: Final = 3.5
_LEAST_KNOTS, _MOST_KNOTS = 6, 60


def _fainter(mag: NDArray[np.float64], share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Magnitudes of a part that has a share of the light."""
    return np.asarray(mag - 2.5 * np.log10(share))


def draw_galaxies(field: Field, n: int, rng: Generator) -> tuple[Galaxies, Stars]:
    """Draw galaxies all over the field, with bulges, arms, clumps and second cores.

    Parameters
    ----------
    field : Field
        Where and how deep.
    n : int
        How many.
    rng : Generator
        Source of randomness.

    Returns
    -------
    Galaxies, Stars
        Smooth parts, and knots.
    """
    east, north = places(field, n, rng)
    mag = magnitudes(field, n, rng, rng.uniform(0.25, 0.4), 6.0) - 2.2
    disc = rng.random(n) < _DISCS
    radius = 0.25 * np.exp(rng.normal(0, 0.45, n)) * 10 ** (0.08 * (field.faint_mag - mag))
    # In pixels that hardly resolve them they are scaled to what a frame would show.
    radius *= np.clip(field.pixel_arcsec / 0.06, 0.5, 1.5)
    spheroid = (rng.normal(3.5, 0.8, n), rng.normal(0.75, 0.15, n))
    incline = rng.uniform(0, 1, n)
    oblate = np.sqrt(incline**2 * (1 - _THICKNESS**2) + _THICKNESS**2)
    smooth = Galaxies(
        east,
        north,
        mag,
        np.where(disc, rng.normal(0.55, 0.3, n), rng.normal(1.05, 0.15, n)),
        np.clip(radius, 0.8 * field.pixel_arcsec, 0.25 * field.seen_arcsec),
        np.where(disc, np.exp(rng.normal(0, 0.25, n)), np.clip(spheroid[0], 2.0, 5.5)),
        np.where(disc, oblate, np.clip(spheroid[1], 0.35, 1.0)),
        rng.uniform(0, 180, n),
    )
    return _with_structure(smooth, disc, field, rng)


def _with_structure(
    smooth: Galaxies, disc: NDArray[np.bool_], field: Field, rng: Generator
) -> tuple[Galaxies, Stars]:
    parts, knots = [smooth], [Stars.none()]
    large = smooth.radius > _RESOLVED_PX * field.pixel_arcsec
    chance = rng.random((3, smooth.size))
    if np.any(bulged := disc & (chance[0] < 0.5)):
        parts.append(_bulges(smooth, np.flatnonzero(bulged), rng))
    clumpy = np.flatnonzero(disc & large & (chance[1] < 0.7)).tolist()
    knots.extend(_knots_of(smooth, i, field, rng) for i in clumpy)
    if np.any(double := large & (chance[2] < _DOUBLES)):
        parts.append(_second_cores(smooth, np.flatnonzero(double), field, rng))
    return _joined(parts), _joined(knots)


def _joined(parts: list[_Rows]) -> _Rows:
    first = parts[0]
    for part in parts[1:]:
        first = first.plus(part)
    return first


def _bulges(of: Galaxies, which: NDArray[np.intp], rng: Generator) -> Galaxies:
    n = which.size
    return Galaxies(
        of.east[which],
        of.north[which],
        _fainter(of.mag[which], rng.uniform(0.05, 0.5, n)),
        of.colour[which] + np.abs(rng.normal(0.3, 0.15, n)),
        of.radius[which] * rng.uniform(0.12, 0.35, n),
        rng.uniform(1.5, 4.0, n),
        np.clip(of.ratio[which] + rng.uniform(0.0, 0.5, n), 0.3, 1.0),
        of.angle_deg[which],
    )


def _second_cores(of: Galaxies, which: NDArray[np.intp], field: Field, rng: Generator) -> Galaxies:
    """Companions 2 to 12 px off: a hard negative, for it looks like a doubled source."""
    n = which.size
    apart = log_uniform(rng, 2.0, 12.0, n) * field.pixel_arcsec
    angle = rng.uniform(0, 2 * np.pi, n)
    return Galaxies(
        of.east[which] + apart * np.cos(angle),
        of.north[which] + apart * np.sin(angle),
        of.mag[which] + np.abs(rng.normal(0, 0.8, n)),
        of.colour[which] + rng.normal(0, 0.1, n),
        np.minimum(of.radius[which] * rng.uniform(0.3, 0.9, n), 1.5 * apart),
        rng.uniform(1.0, 4.0, n),
        rng.uniform(0.4, 1.0, n),
        rng.uniform(0, 180, n),
    )


def _plane_to_sky(
    along: NDArray[np.float64], across: NDArray[np.float64], of: Galaxies, i: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Positions in a galaxy's plane (arcsec along its major and minor axis) on the sky."""
    angle = np.radians(of.angle_deg[i])
    c, s, across = np.cos(angle), np.sin(angle), across * of.ratio[i]
    return of.east[i] + along * s + across * c, of.north[i] + along * c - across * s


def _knots_of(of: Galaxies, i: int, field: Field, rng: Generator) -> Stars:
    """Knots of a disc galaxy: two to four arms, or a few clumps where there are none."""
    n = int(np.clip(rng.poisson(6 * of.radius[i] / field.pixel_arcsec), _LEAST_KNOTS, _MOST_KNOTS))
    radius = of.radius[i] * np.clip(rng.gamma(4.0, 0.3, n), 0.25, 2.6)
    if rng.random() < 0.7:
        arms = rng.integers(2, 5)
        winding = np.log(radius / of.radius[i]) / np.tan(np.radians(rng.uniform(10, 25)))
        spread = rng.normal(0, 0.16, n)
        turn = winding * rng.choice([-1, 1]) + rng.integers(0, arms, n) * 2 * np.pi / arms + spread
    else:
        turn = rng.choice(rng.uniform(0, 2 * np.pi, 4), n) + rng.normal(0, 0.35, n)
    turn += rng.uniform(0, 2 * np.pi)
    east, north = _plane_to_sky(radius * np.cos(turn), radius * np.sin(turn), of, i)
    light = 1 / (1 - rng.uniform(0, 0.97, n))  # luminosities with dN/dL ~ L**-2
    share = rng.uniform(0.08, 0.35) * light / light.sum()
    mag = _fainter(np.full(n, of.mag[i]), share)
    return Stars(east, north, mag, of.colour[i] + rng.normal(-0.5, 0.2, n))


def giant_galaxy(field: Field, rng: Generator) -> tuple[Galaxies, Stars]:
    """Draw a bright galaxy that fills the field; its core is in it more often than not."""
    place = rng.normal(0, 0.5 * field.seen_arcsec, 2)
    spiral = rng.random() < 0.6
    giant = Galaxies(
        place[:1],
        place[1:],
        np.array([field.faint_mag - rng.uniform(8.0, 12.0)]),
        np.array([rng.normal(0.7 if spiral else 1.1, 0.15)]),
        np.array([rng.uniform(0.3, 1.1) * field.seen_arcsec]),
        np.array([1.0 if spiral else rng.uniform(3.0, 4.5)]),
        np.array([rng.uniform(0.3, 1.0)]),
        rng.uniform(0, 180, 1),
    )
    parts, knots = [giant], Stars.none()
    if spiral:
        parts.append(_bulges(giant, np.array([0]), rng))
        knots = _arms_of_giant(giant, field, rng)
    if rng.random() < 0.15:
        parts.append(_second_cores(giant, np.array([0]), field, rng))
    return _joined(parts), knots.plus(_globulars(giant, field, rng))


def _arms_of_giant(giant: Galaxies, field: Field, rng: Generator) -> Stars:
    """Thousands of blue knots along the arms, down to below the limit."""
    n = int(rng.choice([150, 500, 1200]) * min(field.fields, 5.0) / 4)
    arms, pitch = rng.integers(2, 4), np.radians(rng.uniform(12, 25))
    radius = giant.radius[0] * np.clip(rng.gamma(4.0, 0.28, n), 0.1, 3.0)
    winding = np.log(radius / giant.radius[0]) / np.tan(pitch) * rng.choice([-1, 1])
    clumps = rng.normal(0, 0.12, 40)[rng.integers(0, 40, n)] + rng.normal(0, 0.04, n)
    turn = winding + rng.integers(0, arms, n) * 2 * np.pi / arms + clumps
    east, north = _plane_to_sky(radius * np.cos(turn), radius * np.sin(turn), giant, 0)
    return Stars(east, north, magnitudes(field, n, rng, 0.35, 4.5), rng.normal(0.0, 0.25, n))


def _globulars(giant: Galaxies, field: Field, rng: Generator) -> Stars:
    n = int(rng.poisson(rng.choice([5, 40, 120]) * min(field.fields, 4.0) / 3))
    place = rng.standard_t(3.0, (2, n)) * giant.radius[0] * 0.6
    east, north = _plane_to_sky(place[0], place[1], giant, 0)
    return Stars(east, north, magnitudes(field, n, rng, 0.35, 3.5), rng.normal(0.95, 0.12, n))


def cluster_of_galaxies(field: Field, rng: Generator) -> tuple[Galaxies, Stars]:
    """Draw a cluster of galaxies: central galaxy, members, and gravitational arcs."""
    middle = rng.normal(0, 0.25 * field.seen_arcsec, 2)
    bright = field.faint_mag - rng.uniform(7.0, 9.5)
    red = rng.normal(1.3, 0.2)
    central = Galaxies(
        middle[:1],
        middle[1:],
        np.array([bright]),
        np.array([red]),
        np.array([rng.uniform(0.08, 0.25) * field.seen_arcsec]),
        np.array([4.0]),
        rng.uniform(0.6, 0.95, 1),
        rng.uniform(0, 180, 1),
    )
    members = _members(field, middle, bright, red, rng)
    parts, knots = [central, members], Stars.none()
    for _ in range(int(rng.integers(1, 6))):
        arc, lumps = _arc(field, middle, rng)
        parts.append(arc)
        knots = knots.plus(lumps)
    return _joined(parts), knots


def _members(
    field: Field, middle: NDArray[np.float64], bright: float, red: float, rng: Generator
) -> Galaxies:
    n = int(rng.integers(20, 90))
    share = rng.uniform(0, 1, n)
    core = 0.25 * field.seen_arcsec
    reach = np.log1p((field.radius_arcsec / core) ** 2)
    radius = core * np.sqrt(np.expm1(share * reach))
    angle = rng.uniform(0, 2 * np.pi, n)
    light = np.minimum(rng.exponential(1.0, n), 3.5)  # Schechter with slope -1, cut at M* + 4
    mag = bright + 1.8 - 2.5 * np.log10(np.maximum(light * rng.uniform(0.05, 1, n), 0.02))
    size = 0.35 * np.exp(rng.normal(0, 0.4, n)) * 10 ** (0.12 * (field.faint_mag - mag - 3.0))
    size *= np.clip(field.pixel_arcsec / 0.06, 0.5, 1.5)
    return Galaxies(
        middle[0] + radius * np.cos(angle),
        middle[1] + radius * np.sin(angle),
        mag,
        red + rng.normal(0, 0.06, n) - 0.03 * (mag - bright),
        np.clip(size, field.pixel_arcsec, 0.15 * field.seen_arcsec),
        np.clip(rng.normal(3.5, 0.8, n), 1.5, 5.5),
        np.clip(rng.normal(0.75, 0.15, n), 0.3, 1.0),
        rng.uniform(0, 180, n),
    )


def _arc(field: Field, middle: NDArray[np.float64], rng: Generator) -> tuple[Galaxies, Stars]:
    """Draw a tangential arc as overlapping Gaussians along a circle, with a few knots in it."""
    ring = rng.uniform(0.25, 0.85) * field.seen_arcsec
    width = float(log_uniform(rng, 0.9, 3.0)) * field.pixel_arcsec
    length = min(width * float(log_uniform(rng, 6.0, 40.0)), 1.2 * ring)
    n = max(int(length / (2.2 * width)), 3)
    turn = rng.uniform(0, 2 * np.pi) + np.linspace(-0.5, 0.5, n) * length / ring
    taper = 0.35 + np.cos(np.linspace(-1.3, 1.3, n))
    total = field.faint_mag - rng.uniform(2.0, 4.5)
    mag = _fainter(np.full(n, total), taper / taper.sum())
    colour = np.full(n, rng.normal(0.1, 0.25))
    east, north = middle[0] + ring * np.sin(turn), middle[1] + ring * np.cos(turn)
    tangent = np.degrees(turn) + 90.0
    arc = Galaxies(
        east, north, mag, colour, np.full(n, 2.2 * width), np.full(n, 0.5), np.full(n, 0.4), tangent
    )
    chosen = rng.integers(0, n, int(rng.integers(0, 5)))
    lumps = Stars(east[chosen], north[chosen], mag[chosen] + 1.2, colour[chosen])
    return arc, lumps
