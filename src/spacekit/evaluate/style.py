"""How plots look: readable in print and by colour-blind eyes, as PNG and as SVG."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from spacekit.errors import MissingExtraError
from spacekit.files import replacing

__all__ = ["COLOURS", "DASHES", "GRAY", "MARKERS", "save_figures", "say"]

#: Okabe & Ito's palette without its yellow, which print loses; dashes and markers tell as well.
COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#000000")
DASHES: Final = ("-", "--", "-.", ":", (0, (5, 1, 1, 1)), (0, (1, 1)))
MARKERS: Final = ("o", "s", "^", "D", "v", "P")
GRAY: Final = "#666666"

#: Same bytes from the same numbers, and letters that other programs can edit.
_SVG: Final = {"svg.hashsalt": "spacekit", "svg.fonttype": "none", "font.size": 10}

Drawer = Callable[[Any], None]


def save_figures(
    drawers: Mapping[str, Drawer], folder: Path, size: tuple[float, float] = (5.2, 4.2)
) -> list[Path]:
    """Draw figures into `folder` as PNG and SVG; show them where a display is.

    Parameters
    ----------
    drawers : mapping of str to callable (figure)
        File name without suffix to what draws on an empty matplotlib figure.
    folder : Path
        Made where it is missing.
    size : tuple of float
        Width and height, inches; a drawer may change it.

    Returns
    -------
    list of Path
        PNG and SVG of each, in order.

    Raises
    ------
    MissingExtraError
        Without matplotlib.
    OutputError
        If they can't be written.
    """
    try:
        import matplotlib as mpl
        from matplotlib import pyplot as plt
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("Drawing plots", "train") from error
    interactive = mpl.get_backend().lower() in {b.lower() for b in _interactive_backends(mpl)}
    paths = []
    with mpl.rc_context(_SVG):
        for name, draw in drawers.items():
            figure = plt.figure(figsize=size) if interactive else Figure(figsize=size)
            figure.set_layout_engine("constrained")
            draw(figure)
            for suffix, metadata in ((".png", None), (".svg", {"Date": None})):
                path = folder / f"{name}{suffix}"
                with replacing(path) as part:
                    figure.savefig(part, dpi=150, metadata=metadata)
                paths.append(path)
    if interactive:
        plt.show(block=False)
    return paths


def say(axes: Any, text: str) -> None:
    """Tell in a plot's place why it is empty."""
    axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes, color=GRAY)
    axes.set(xticks=(), yticks=())


def _interactive_backends(mpl: Any) -> Sequence[str]:
    """Names of the backends that open windows."""
    names: list[str] = mpl.backends.backend_registry.list_builtin(
        mpl.backends.BackendFilter.INTERACTIVE
    )
    return names
