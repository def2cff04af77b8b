"""The catalog service answers as drizzlepac asks and expects."""

from __future__ import annotations

import urllib.error
import urllib.request

import numpy as np
import pytest
from astropy.table import Table

from spacekit.mosaic.real.service import answer, catalog_service

AFTER = "FORMAT=CSV&CAT=GAIAeDR3&MINDET=5"
STARS = Table(
    {
        "objID": [1, 2, 3, 4],
        "RA": [359.999, 0.001, 0.3, 180.0],
        "DEC": [60.0, 60.0005, 60.0, 60.0],
        "mag": [18.0, 19.0, 20.0, 21.0],
        "pmra": [100.0, 0.0, 0.0, 0.0],
        "pmdec": [0.0, -50.0, 0.0, 0.0],
        "epoch": [2016.0] * 4,
    }
)


def rows(text: str) -> Table:
    """Read an answer as drizzlepac does: by CR LF, the first line dropped."""
    assert text.count("\n") == text.count("\r\n")
    return Table.read(text.split("\r\n")[1:], format="ascii.csv")


def test_a_cone_reaches_across_ra_0() -> None:
    found = rows(answer(STARS, f"RA=0.0&DEC=60.0&SR=0.01&{AFTER}"))
    assert list(found["objID"]) == [1, 2]
    wanted = "objID,ra,ra_error,dec,dec_error,pmra,pmra_error,pmdec,pmdec_error,mag,epoch"
    assert ",".join(found.colnames) == wanted
    assert list(found["ra"]) == [359.999, 0.001]
    assert list(found["mag"]) == [18.0, 19.0]


@pytest.mark.parametrize("radius_deg", [0.0099, 0.0101])
def test_a_cone_ends_where_it_says(radius_deg: float) -> None:
    star = Table({"objID": [7], "RA": [10.0], "DEC": [-40.01], "mag": [18.0]})
    text = answer(star, f"RA=10.0&DEC=-40.0&SR={radius_deg}&{AFTER}")
    assert len(rows(text)) == (radius_deg > 0.01)


@pytest.mark.parametrize("order", [1, -1])
def test_a_polygon_holds_what_is_inside(order: int) -> None:
    corners = [(359.9, 59.9), (0.1, 59.9), (0.1, 60.1), (359.9, 60.1)][::order]
    region = "%20".join(f"{ra}%20{dec}" for ra, dec in corners)
    found = rows(answer(STARS, f"STCS=polygon%20{region}&{AFTER}"))
    assert list(found["objID"]) == [1, 2]


def test_a_polygon_about_the_pole_holds_the_pole() -> None:
    stars = Table(
        {"objID": [1, 2], "RA": [200.0, 20.0], "DEC": [89.9999, 89.97], "mag": [18.0, 18.0]}
    )
    region = "%20".join(f"{ra}%2089.98" for ra in (0, 90, 180, 270))
    assert list(rows(answer(stars, f"STCS=polygon%20{region}&{AFTER}"))["objID"]) == [1]


def test_stars_are_moved_to_the_epoch() -> None:
    cone = f"RA=0.0&DEC=60.0&SR=0.01&{AFTER}"
    then = rows(answer(STARS, f"{cone}&EPOCH=2006.0"))
    shift = (then["ra"] - [359.999, 0.001]) * np.cos(np.radians(60.0)) * 3.6e6
    assert shift == pytest.approx([-1000.0, 0.0], abs=0.5)
    assert (then["dec"] - [60.0, 60.0005]) * 3.6e6 == pytest.approx([0.0, 500.0], abs=0.5)


def test_no_star_is_an_empty_table() -> None:
    assert len(rows(answer(STARS, f"RA=90&DEC=0&SR=0.1&{AFTER}"))) == 0


@pytest.mark.parametrize(
    "query",
    [
        "RA=0&DEC=60&SR=0.1&FORMAT=CSV&CAT=GSC242",
        f"RA=0&DEC=60&{AFTER}",
        f"RA=here&DEC=60&SR=0.1&{AFTER}",
        f"RA=nan&DEC=60&SR=0.1&{AFTER}",
        f"STCS=circle%201%202%203&{AFTER}",
        f"STCS=polygon%201%202%203&{AFTER}",
        f"STCS=polygon%201%202%203%204%205%20nan&{AFTER}",
        f"STCS=&{AFTER}",
        f"RA=0&DEC=60&SR=0.1&EPOCH=then&{AFTER}",
        "",
    ],
)
def test_what_cannot_be_answered_is_an_error(query: str) -> None:
    assert answer(STARS, query).startswith("Error: ")


def test_it_listens_on_the_loopback_interface_and_ends() -> None:
    with catalog_service(STARS) as url:
        assert url.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(  # noqa: S310 - our own service
            f"{url}/vo/CatalogSearch.aspx?RA=0.0&DEC=60.0&SR=0.01&{AFTER}", timeout=20
        ) as reply:
            assert list(rows(reply.read().decode())["objID"]) == [1, 2]
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{url}/etc/passwd", timeout=20)  # noqa: S310
        refused.value.close()
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(url, timeout=20)  # noqa: S310
