"""What is in the sky, drawn before anything is known of errors.

Each kind of scene is a number of stars, a number of galaxies (`spacekit.simulate.galaxies`) and
what is peculiar to it: a giant galaxy, a cluster of galaxies with arcs, nebulosity, a planet or
something smaller that moves (`spacekit.simulate.moving`).

Stars: number within a field log-uniform by kind of scene; magnitudes from exponential counts
``N(<m) ~ 10**(s m)``, s 0.18 to 0.33 (the slope of counts at 18 to 26 mag in the Galaxy, Bahcall
& Soneira 1980, to that of a cluster's main sequence); colours normal with a red tail; a share of
binaries with separations log-uniform 1 to 12 px. Globular clusters: surface density of a Plummer
sphere (1911).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from spacekit.simulate.galaxies import cluster_of_galaxies, draw_galaxies, giant_galaxy
from spacekit.simulate.moving import draw_moving, draw_planet
from spacekit.simulate.objects import (
    Field,
    Galaxies,
    Glow,
    Moving,
    Stars,
    log_uniform,
    magnitudes,
    number,
    places,
)

__all__ = ["Field", "Glow", "Scene", "Stars", "draw_scene"]

#: Stars and galaxies in a field of 512 x 512 px, lowest and highest, log-uniform.
_STARS: Final = {
    "blank": (0.5, 6.0),
    "stars": (8.0, 400.0),
    "crowded": (400.0, 2000.0),
    "cluster": (120.0, 1200.0),
    "galaxies": (3.0, 40.0),
    "galaxy-cluster": (4.0, 60.0),
    "big-galaxy": (5.0, 150.0),
    "nebula": (8.0, 300.0),
    "planet": (1.0, 80.0),
    "moving-target": (4.0, 200.0),
}
_GALAXIES: Final = {
    "blank": (0.5, 8.0),
    "stars": (2.0, 30.0),
    "crowded": (1.0, 8.0),
    "cluster": (1.0, 10.0),
    "galaxies": (25.0, 120.0),
    "galaxy-cluster": (15.0, 60.0),
    "big-galaxy": (3.0, 25.0),
    "nebula": (1.0, 10.0),
    "planet": (0.5, 6.0),
    "moving-target": (2.0, 30.0),
}


@dataclass(frozen=True)
class Scene:
    """Everything in the field.

    Parameters
    ----------
    kind : str
        Key of `spacekit.simulate.conditions.SCENE_KINDS`.
    stars : Stars
        Stars; reference catalogs are drawn from them.
    galaxies : Galaxies
        Galaxies and their parts that are resolved.
    knots : Stars
        Point sources that are no stars: clusters and star-forming knots in galaxies.
    glow : Glow or None
        Nebulosity.
    moving : tuple of Moving
        What moves.
    """

    kind: str
    stars: Stars
    galaxies: Galaxies
    knots: Stars
    glow: Glow | None = None
    moving: tuple[Moving, ...] = ()


def draw_scene(kind: str, field: Field, rng: Generator) -> Scene:
    """Draw a scene of a kind.

    Parameters
    ----------
    kind : str
        A key of `spacekit.simulate.conditions.SCENE_KINDS`.
    field : Field
        Where and how deep.
    rng : Generator
        Source of randomness.
    """
    stars = _draw_stars(kind, field, rng)
    galaxies, knots = draw_galaxies(field, number(field, *_GALAXIES[kind], rng), rng)
    special = {"big-galaxy": giant_galaxy, "galaxy-cluster": cluster_of_galaxies}.get(kind)
    if special is not None:
        more, lumps = special(field, rng)
        galaxies, knots = galaxies.plus(more), knots.plus(lumps)
    glow = _draw_glow(rng) if kind == "nebula" else None
    mover = {"planet": draw_planet, "moving-target": draw_moving}.get(kind)
    moving = () if mover is None else mover(field, rng)
    return Scene(kind, stars, galaxies, knots, glow, moving)


def _draw_stars(kind: str, field: Field, rng: Generator) -> Stars:
    n = number(field, *_STARS[kind], rng)
    mag = magnitudes(field, n, rng, rng.uniform(0.18, 0.33), rng.uniform(5.0, 9.5))
    if kind != "blank":
        # Nearby stars in front, which counts of one population lack: wings, spikes, bleeding.
        ahead = number(field, 0.3, 15.0, rng)
        mag = np.concatenate([mag, field.faint_mag - rng.uniform(4.5, 10.3, ahead)])
        n += ahead
    colour = rng.normal(rng.uniform(0.3, 1.2), 0.35, n) + rng.exponential(0.25, n)
    if field.far_uv:
        colour = rng.normal(-0.3, 0.15, n)
    east, north = places(field, n, rng)
    if kind == "cluster":
        inside = rng.random(n) < 0.75
        members = _plummer(field, n, rng)
        east, north = np.where(inside, members, (east, north))
    return _with_binaries(Stars(east, north, mag, colour), field, rng)


def _plummer(field: Field, n: int, rng: Generator) -> NDArray[np.float64]:
    """Positions (east, north) of a star cluster's members; shape (2, n)."""
    core = rng.uniform(0.1, 0.45) * field.seen_arcsec
    share = rng.uniform(0.0, 0.98, n)
    radius = core * np.sqrt(share / (1 - share))
    angle = rng.uniform(0, 2 * np.pi, n)
    middle = rng.normal(0, 0.3 * field.seen_arcsec, (2, 1))
    return np.asarray(middle + radius * np.stack([np.cos(angle), np.sin(angle)]))


def _with_binaries(stars: Stars, field: Field, rng: Generator) -> Stars:
    share = rng.choice([0.02, 0.1, 0.4], p=[0.6, 0.3, 0.1])
    chosen = np.flatnonzero(rng.random(stars.size) < share)
    n = chosen.size
    apart = log_uniform(rng, 1.0, 12.0, n) * field.pixel_arcsec
    angle = rng.uniform(0, 2 * np.pi, n)
    companions = Stars(
        stars.east[chosen] + apart * np.cos(angle),
        stars.north[chosen] + apart * np.sin(angle),
        stars.mag[chosen] + rng.exponential(1.0, n),
        stars.colour[chosen] + np.abs(rng.normal(0, 0.3, n)),
    )
    return stars.plus(companions)


def _draw_glow(rng: Generator) -> Glow:
    """Draw an exponentiated Gaussian random field of power-law spectrum: filaments and voids.

    Slopes about 3: the power spectrum of interstellar clouds (Elmegreen & Scalo 2004).
    """
    n = 512
    wave = np.hypot(*np.meshgrid(np.fft.fftfreq(n), np.fft.fftfreq(n)))
    wave[0, 0] = np.inf
    spectrum = np.fft.fft2(rng.standard_normal((n, n))) * wave ** (-rng.uniform(2.6, 3.4) / 2)
    field = np.fft.ifft2(spectrum).real
    field = (field - field.mean()) / field.std()
    surface = float(log_uniform(rng, 0.3, 8.0)) * np.exp(rng.uniform(0.4, 0.9) * field)
    return Glow(surface.astype(np.float32), float(rng.normal(0, 0.7)))
