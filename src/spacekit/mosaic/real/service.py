"""A catalog service on the loopback interface, as the pipeline asks the observatory's."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final
from urllib.parse import parse_qs, urlsplit

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from spacekit.mosaic.align import at_epoch

__all__ = ["CATALOG", "answer", "catalog_service"]

#: The one catalog that is served. Others that the pipeline falls back on are answered with an
#: error: a visit without Gaia stars then keeps the WCS it came with.
CATALOG: Final = "GAIAeDR3"
_PATH: Final = "/vo/CatalogSearch.aspx"
_COLUMNS: Final = (
    "objID", "RA", "RA_error", "DEC", "DEC_error",
    "pmra", "pmra_error", "pmdec", "pmdec_error", "mag", "epoch",
)  # fmt: skip


class _QueryError(ValueError):
    """A query that can't be answered, with the reason."""


def answer(stars: Table, query: str) -> str:
    """Answer a query of the catalog service.

    The dialect is that of the service at gsss.stsci.edu as drizzlepac speaks it: a cone (`RA`,
    `DEC`, `SR`, degrees) or a polygon (``STCS=polygon ra dec ra dec ...``), `CAT` and perhaps
    `EPOCH`, to which the stars are moved.

    Parameters
    ----------
    stars : Table
        objID, RA, DEC (deg), mag and, where known, RA_error, DEC_error (mas), pmra, pmdec and
        their errors (mas/yr), epoch (yr).
    query : str
        What follows the question mark, as it came.

    Returns
    -------
    str
        A comment line and CSV, lines ended by CR LF; or a line that starts with "Error".
    """
    try:
        asked = {key.upper(): values[-1] for key, values in parse_qs(query).items()}
        if asked.get("CAT", "").upper() != CATALOG.upper():
            raise _QueryError(f"only the catalog {CATALOG} is served here")
        inside = _polygon(stars, asked["STCS"]) if "STCS" in asked else _cone(stars, asked)
        chosen = stars[inside]
        if "EPOCH" in asked:
            chosen = at_epoch(chosen, _number(asked, "EPOCH"))
    except _QueryError as error:
        return f"Error: {error}\r\n"
    return _csv(chosen)


def _number(asked: dict[str, str], name: str) -> float:
    try:
        value = float(asked[name])
    except (KeyError, ValueError):
        raise _QueryError(f"{name} is missing or no number") from None
    if not np.isfinite(value):
        raise _QueryError(f"{name} is no number")
    return value


def _unit(ra_deg: NDArray[np.float64], dec_deg: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give unit vectors of sky positions, shape (n, 3)."""
    ra, dec = np.radians(ra_deg), np.radians(dec_deg)
    return np.column_stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])


def _positions(stars: Table) -> NDArray[np.float64]:
    return _unit(*(np.asarray(stars[name], dtype=float) for name in ("RA", "DEC")))


def _cone(stars: Table, asked: dict[str, str]) -> NDArray[np.bool_]:
    centre = _unit(np.array([_number(asked, "RA")]), np.array([_number(asked, "DEC")]))[0]
    # by the chord: the cosine of a small angle has no digits left
    chord = np.linalg.norm(_positions(stars) - centre, axis=1)
    within = chord <= 2 * np.sin(np.radians(_number(asked, "SR")) / 2)
    return np.asarray(within, dtype=bool)


def _polygon(stars: Table, region: str) -> NDArray[np.bool_]:
    """Tell which stars are in a polygon of great circles, smaller than a hemisphere."""
    shape, *words = region.split()
    try:
        corners = np.array([float(w) for w in words]).reshape(-1, 2)
    except ValueError:
        corners = np.empty((0, 2))
    if shape.lower() != "polygon" or len(corners) < 3 or not np.isfinite(corners).all():
        raise _QueryError("STCS is no polygon of three corners or more")
    vertices, places = _unit(*corners.T), _positions(stars)
    pole = vertices.mean(axis=0)
    axes = np.linalg.svd(pole[None, :])[2][1:]  # two directions across the polygon's middle
    ahead = places @ pole > 0
    # gnomonic: great circles are straight lines there
    flat = vertices @ axes.T / (vertices @ pole)[:, None]
    points = places[ahead] @ axes.T / (places[ahead] @ pole)[:, None]
    inside = np.zeros(len(stars), dtype=bool)
    inside[ahead] = _within(points, flat)
    return inside


def _within(points: NDArray[np.float64], corners: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Even-odd rule: shape (n, 2) points in a polygon of shape (k, 2)."""
    odd = np.zeros(len(points), dtype=bool)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        crosses = (y0 > points[:, 1]) != (y1 > points[:, 1])
        if y1 != y0:
            odd ^= crosses & (points[:, 0] < x0 + (points[:, 1] - y0) * (x1 - x0) / (y1 - y0))
    return odd


def _csv(stars: Table) -> str:
    lines = [f"#{len(stars)} sources", ",".join(n.lower() if n != "objID" else n for n in _COLUMNS)]
    columns = [_column(stars, name) for name in _COLUMNS]
    lines += [",".join(row) for row in zip(*columns, strict=True)]
    return "\r\n".join(lines) + "\r\n"


def _column(stars: Table, name: str) -> list[str]:
    if name not in stars.colnames:
        return ["0.0"] * len(stars)
    values = np.ma.filled(np.ma.asarray(stars[name]), 0)
    if name == "objID":
        return [str(int(v)) for v in values]
    digits = 10 if name in {"RA", "DEC"} else 4
    return [f"{float(v):.{digits}f}" for v in values]


@contextmanager
def catalog_service(stars: Table) -> Iterator[str]:
    """Serve a reference catalog on 127.0.0.1, at a port of the system's choice.

    Parameters
    ----------
    stars : Table
        As `answer` wants it.

    Yields
    ------
    str
        The service's address, for ``ASTROMETRIC_CATALOG_URL``.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            found = asked.path == _PATH
            body = answer(stars, asked.query) if found else "Error: no such service\r\n"
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "text/csv")
            self.end_headers()
            self.wfile.write(body.encode("ascii", "replace"))

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: the pipeline's log has its queries."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
