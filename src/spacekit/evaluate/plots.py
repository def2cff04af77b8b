"""Plots of a result, readable in print and by colour-blind eyes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from spacekit.errors import MissingExtraError
from spacekit.evaluate.metrics import CLASSES, pr_curve, roc_curve
from spacekit.files import replacing

if TYPE_CHECKING:
    from spacekit.evaluate.results import Result

__all__ = ["draw_plots"]

#: Blue and vermilion of Okabe & Ito's palette, told apart by line style as well.
_FIRST, _SECOND = "#0072B2", "#D55E00"
_GRAY = "#777777"


def draw_plots(result: Result, folder: Path) -> list[Path]:
    """Draw the five plots of a result into `folder` as PNG; show them where a display is.

    A plot that can't be drawn (no history, one class only) says so in its place.

    Returns
    -------
    list of Path
        accuracy.png, loss.png, roc.png, precision_recall.png, confusion_matrix.png.
    """
    try:
        import matplotlib as mpl
        from matplotlib import pyplot as plt
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("Drawing plots", "train") from error

    drawers = {
        "accuracy": _accuracy,
        "loss": _loss,
        "roc": _roc,
        "precision_recall": _precision_recall,
        "confusion_matrix": _confusion,
    }
    interactive = mpl.get_backend().lower() in {b.lower() for b in _interactive_backends(mpl)}
    paths = []
    for name, draw in drawers.items():
        size = (5.2, 4.2)
        figure = plt.figure(figsize=size) if interactive else Figure(figsize=size)
        figure.set_layout_engine("constrained")
        draw(result, figure.add_subplot())
        path = folder / f"{name}.png"
        with replacing(path) as part:
            figure.savefig(part, dpi=120)
        paths.append(path)
    if interactive:
        plt.show(block=False)
    return paths


def _interactive_backends(mpl: Any) -> list[str]:
    """Names of the backends that open windows."""
    names: list[str] = mpl.backends.backend_registry.list_builtin(
        mpl.backends.BackendFilter.INTERACTIVE
    )
    return names


def _accuracy(result: Result, axes: Any) -> None:
    """Accuracy by epoch."""
    _by_epoch(result, axes, "accuracy")
    axes.set(title="Accuracy by epoch", ylabel="accuracy", ylim=(0, 1.03))


def _loss(result: Result, axes: Any) -> None:
    """Loss by epoch."""
    _by_epoch(result, axes, "loss")
    axes.set(title="Loss by epoch", ylabel="binary cross-entropy")
    axes.set_ylim(bottom=0)


def _by_epoch(result: Result, axes: Any, name: str) -> None:
    """Two lines over epochs: training rows and tune rows."""
    from matplotlib.ticker import MaxNLocator

    training, tuning = (result.history.get(key, []) for key in (name, f"val_{name}"))
    if not training:
        _say(axes, "no history was kept")
        return
    epochs = range(1, len(training) + 1)
    axes.plot(epochs, training, "o-", color=_FIRST, label="training (augmented)", ms=4)
    axes.plot(epochs, tuning, "s--", color=_SECOND, label="tuning (as they are)", ms=4)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("epoch")
    axes.legend(frameon=False)
    axes.grid(alpha=0.25)


def _roc(result: Result, axes: Any) -> None:
    """Draw true against false positive rate."""
    axes.set(title=f"ROC, {result.name} set")
    curve = roc_curve(result.y_true, result.y_proba)
    if curve is None:
        _say(axes, "one class only: no curve")
        return
    axes.plot([0, 1], [0, 1], ":", color=_GRAY, label="chance")
    axes.plot(*curve, color=_FIRST, label=f"area {result.roc_auc:.3f}")
    axes.set(xlabel="aligned flagged (false positive rate)", ylabel="misaligned found (recall)")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.legend(frameon=False, loc="lower right")
    axes.grid(alpha=0.25)


def _precision_recall(result: Result, axes: Any) -> None:
    """Precision against recall."""
    axes.set(title=f"Precision and recall, {result.name} set")
    curve = pr_curve(result.y_true, result.y_proba)
    if curve is None:
        _say(axes, "one class only: no curve")
        return
    share = result.metrics.misaligned / result.metrics.count
    axes.axhline(share, ls=":", color=_GRAY, label=f"chance ({share:.2f} are misaligned)")
    axes.step(*curve, where="post", color=_FIRST, label=f"average precision {result.pr_auc:.3f}")
    axes.set(xlabel="misaligned found (recall)", ylabel="flagged and misaligned (precision)")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.05))
    axes.legend(frameon=False, loc="lower left")
    axes.grid(alpha=0.25)


def _confusion(result: Result, axes: Any) -> None:
    """Draw counts and shares of right and wrong verdicts."""
    shares = result.confusion_matrix_normalised
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, counts in enumerate(result.confusion_matrix.tolist()):
        for column, count in enumerate(counts):
            share = shares[row, column]
            text = f"{count}\n({share:.1%})" if count else "0"
            dark = share > 0.5
            axes.text(
                column, row, text, ha="center", va="center", color="white" if dark else "black"
            )
    axes.set(title=f"Verdicts at {result.threshold:.2f}, {result.name} set")
    axes.set(xticks=(0, 1), xticklabels=CLASSES, yticks=(0, 1), yticklabels=CLASSES)
    axes.set(xlabel="verdict", ylabel="truth")


def _say(axes: Any, text: str) -> None:
    """Tell in a plot's place why it is empty."""
    axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes, color=_GRAY)
    axes.set(xticks=(), yticks=())
