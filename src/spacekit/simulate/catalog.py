"""A reference catalog as the service of the real pipeline would answer it."""

from __future__ import annotations

from typing import Final

import numpy as np
from astropy.table import Table
from numpy.random import Generator
from numpy.typing import NDArray

from spacekit.simulate.sky import Stars
from spacekit.simulate.wcs import tangent_plane

__all__ = ["draw_reference_count", "reference_catalog"]

_FAINTEST_G: Final = 20.9
#: Of Gaia's third release, Julian year.
_EPOCH: Final = 2016.0


def draw_reference_count(gaia: str, rng: Generator) -> int:
    """Draw how many reference stars shall fall on the field."""
    if gaia == "none":
        return 0
    if gaia == "few":
        return int(rng.integers(1, 12))
    return int(np.exp(rng.uniform(np.log(14), np.log(90))))


def reference_catalog(  # noqa: PLR0913, PLR0917
    stars: Stars,
    centre: tuple[float, float],
    half_field_arcsec: float,
    orient_deg: float,
    count: int,
    pm_residual_mas: float,
    year: float,
    rng: Generator,
) -> Table:
    """Thin the scene's stars to a catalog with errors.

    Parameters
    ----------
    stars : Stars
        The scene's.
    centre : tuple of float
        RA, Dec (deg) of the field's centre.
    half_field_arcsec : float
        Half the side of the exposures' field, dithers included; stars beyond are thinned alike.
    orient_deg : float
        Rotation of that field.
    count : int
        Reference stars wanted within it; fewer where the scene has fewer stars.
    pm_residual_mas : float
        Scatter by proper motions nobody corrected.
    year : float
        Of the observation, Julian year: the scene's stars are where it shows them then, the
        catalog tells where they were in 2016, and how they move.
    rng : Generator
        Source of randomness.

    Returns
    -------
    Table
        objID, RA, RA_error, DEC, DEC_error, pmra, pmra_error, pmdec, pmdec_error, mag, epoch;
        degrees, mas, mas/yr, mag. May be empty.
    """
    near = np.hypot(stars.east, stars.north) < 1.7 * half_field_arcsec
    c, s = np.cos(np.radians(orient_deg)), np.sin(np.radians(orient_deg))
    x, y = s * stars.north - c * stars.east, s * stars.east + c * stars.north
    inside = np.maximum(np.abs(x), np.abs(y)) < half_field_arcsec
    chosen = np.concatenate(
        [
            _thin(np.flatnonzero(near & inside), stars.mag, count, rng),
            _thin(np.flatnonzero(near & ~inside), stars.mag, round(count * 0.9), rng),
        ]
    )
    rng.shuffle(chosen)
    return _table(stars.take(chosen), centre, pm_residual_mas, year - _EPOCH, rng)


def _thin(
    candidates: NDArray[np.intp], mag: NDArray[np.float64], count: int, rng: Generator
) -> NDArray[np.intp]:
    """Take `count` at random of the half more than that which are brightest."""
    bright = candidates[np.argsort(mag[candidates], kind="stable")][: count + count // 2]
    return rng.permutation(bright)[:count]


def _table(
    stars: Stars,
    centre: tuple[float, float],
    pm_residual_mas: float,
    years: float,
    rng: Generator,
) -> Table:
    n, g = stars.size, stars.mag
    # Shallow exposures may see only what Gaia sees, deep ones far beyond: keep its range.
    g = g - max(float(g.max()) - _FAINTEST_G, 0.0) if n else g
    error_mas = 0.05 * 10 ** (0.2 * np.clip(g - 15.0, 0.0, 6.0))
    scatter = np.hypot(error_mas, pm_residual_mas)
    motion = rng.normal(0, 3.0, (2, n))  # mas/yr, of disc stars a few kpc away
    places = np.stack([stars.east, stars.north]) - motion * years / 1000
    east, north = places + rng.normal(0, 1, (2, n)) * scatter / 1000
    ra, dec = tangent_plane(*centre).wcs_pix2world(east, north, 0) if n else (g, g)
    motion_error_mas = 1.2 * error_mas  # a year
    motion = motion + rng.normal(0, 1, (2, n)) * motion_error_mas
    return Table(
        {
            "objID": 5_000_000_000_000 + rng.choice(10**9, n, replace=False),
            "RA": np.asarray(ra, float),
            "RA_error": error_mas,
            "DEC": np.asarray(dec, float),
            "DEC_error": error_mas,
            "pmra": motion[0],
            "pmra_error": motion_error_mas,
            "pmdec": motion[1],
            "pmdec_error": motion_error_mas,
            "mag": g,
            "epoch": np.full(n, _EPOCH),
        }
    )
