"""Write the page: one HTML file that may load nothing but the pictures beside it.

What comes from tables and headers reaches the browser in two ways only: through the template,
which escapes it, and as JSON in a block that is never executed, from where the script puts it
into text nodes. The policy in the page's head allows the one script and the one style sheet by
their digests, and no other.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from spacekit import __version__
from spacekit.evaluate.tally import WORDS, Tally
from spacekit.measure.schema import CATEGORIES, COLUMNS
from spacekit.report.nouns import Entry
from spacekit.report.offsets import offsets_json, short
from spacekit.report.pictures import MEDIA

__all__ = ["PageFacts", "render_page"]

#: The script, in the order in which its parts are joined.
_SCRIPTS: Final = (
    "dom.js",
    "state.js",
    "table.js",
    "offsets.js",
    "blink.js",
    "detail.js",
    "labels.js",
    "main.js",
)

#: What an answer rests on, as the page says it.
_REGIMES: Final = {
    "exposures": "exposures compared",
    "filters": "filters compared",
    "total": "the total alone",
    "table": "published columns alone",
}

#: The highest bar of the histogram, px.
_BAR_PX: Final = 60


@dataclass(frozen=True)
class PageFacts:
    """What the page says of itself.

    Parameters
    ----------
    group : str
        What the mosaics are called as a whole.
    thresholds : mapping of str to float
        Probability from which on a mosaic was called suspicious, by regime.
    notes : tuple of str
        What is missing for all mosaics, a sentence each.
    written : datetime
        When.
    """

    group: str
    thresholds: Mapping[str, float]
    notes: tuple[str, ...]
    written: datetime


def render_page(entries: Sequence[Entry], summary: Tally, facts: PageFacts) -> str:
    """Give the HTML of the page.

    Parameters
    ----------
    entries : sequence of Entry
        Mosaics to show, in the order of the table.
    summary : Tally
        Of all mosaics, which may be more.
    facts : PageFacts
        Title, thresholds, notes.

    Returns
    -------
    str
        The whole document; pictures are expected in ``media/`` beside it.
    """
    environment = Environment(
        loader=PackageLoader("spacekit.report", "assets"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = "".join(["(() => {\n", *(f"{_asset(name)}\n" for name in _SCRIPTS), "})();\n"])
    style = _asset("page.css")
    return environment.get_template("page.html").render(
        facts=facts,
        summary=summary,
        words=WORDS,
        shown=len(entries),
        thresholds=[(_REGIMES.get(k, k), v) for k, v in facts.thresholds.items()],
        bars=_bars(summary.histogram.tolist()),
        version=__version__,
        policy=_policy(script, style),
        # trusted: files of this package, and JSON that holds no angle bracket
        script=Markup(script),  # noqa: S704
        style=Markup(style),  # noqa: S704
        data=Markup(_json(_data(entries))),  # noqa: S704
    )


def _asset(name: str) -> str:
    text = (resources.files("spacekit.report") / "assets" / name).read_text(encoding="utf-8")
    if "</" in text or "<!--" in text:
        raise ValueError(f"{name}: may not hold what ends its element early")
    return text


def _policy(script: str, style: str) -> str:
    """Content-security policy: the two digests, pictures beside the page, nothing else."""
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src '{_digest(script)}'",
            f"style-src '{_digest(style)}'",
            "img-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        ]
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _json(content: Any) -> str:
    """JSON for a script element: nothing in it can end the element or open a comment."""
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _data(entries: Sequence[Entry]) -> dict[str, Any]:
    return {
        "media": MEDIA,
        "columns": {name: [c.meaning, c.unit] for name, c in COLUMNS.items()},
        "classes": {name: {n: w for w, n in codes.items()} for name, codes in CATEGORIES.items()},
        "mosaics": [_row(entry) for entry in entries],
    }


def _row(entry: Entry) -> dict[str, Any]:
    """One mosaic in the page's JSON; what is empty is left out."""
    row = {
        "name": entry.index,
        "detector": entry.detector,
        "verdict": entry.verdict,
        "probability": short(entry.probability),
        "offset": short(entry.offset_px),
        "reason": entry.reason,
        "rests": entry.rests_on,
        "unfamiliar": entry.unfamiliar,
        "target": entry.target,
        "ra": entry.ra_deg,
        "dec": entry.dec_deg,
        "values": {name: short(value) for name, value in entry.values.items()},
        "pictures": entry.pictures.kinds,
        "notes": entry.pictures.notes,
        "problems": entry.problems,
        "offsets": None if entry.findings is None else offsets_json(entry.findings),
    }
    return {key: value for key, value in row.items() if value not in ("", None, (), {})}


def _bars(histogram: Sequence[int]) -> list[dict[str, float]]:
    """Bars of the histogram, heights in px, logarithmic: one mosaic must be seen among 2,000."""
    most = math.log1p(max([1, *histogram]))
    return [
        {
            "left": number / len(histogram),
            "right": (number + 1) / len(histogram),
            "count": count,
            "height": round(_BAR_PX * math.log1p(count) / most, 1),
        }
        for number, count in enumerate(histogram)
    ]
