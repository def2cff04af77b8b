"""Optional dependencies: which job needs which extra of the distribution."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

from spacekit.errors import MissingExtraError

__all__ = ["require"]

_MODULES: Final[dict[str, tuple[str, ...]]] = {
    "simulate": ("drizzle", "galsim", "photutils", "tweakwcs"),
    "train": ("matplotlib", "onnx", "sklearn", "torch"),
}


def require(extra: str, feature: str) -> None:
    """Check that an extra is installed, without importing it.

    Parameters
    ----------
    extra : {"simulate", "train"}
        Of the distribution.
    feature : str
        What needs it, as the subject of a sentence ("Training").

    Raises
    ------
    MissingExtraError
        If one of its modules isn't there.
    """
    if any(find_spec(module) is None for module in _MODULES[extra]):
        raise MissingExtraError(feature, extra)
