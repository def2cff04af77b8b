"""The exceptions spacekit raises.

Each inherits from `SpacekitError` and from the built-in a caller would expect. A message says
what was wrong, in which file, and what to do about it. Library code raises; only
`spacekit.cli` prints and exits.
"""

from __future__ import annotations

__all__ = [
    "FrameError",
    "MissingExtraError",
    "ModelFileError",
    "NameFormatError",
    "OptionError",
    "OutputError",
    "PipelineError",
    "ProductError",
    "SimulationError",
    "SpacekitError",
    "TableError",
    "TrainingError",
    "VisitError",
    "one_line",
]


def one_line(text: str) -> str:
    """Make text that may be a stranger's safe to print: one line, no control characters."""
    return "".join(c if c.isprintable() else " " for c in text)


class SpacekitError(Exception):
    """The root of everything spacekit raises on purpose.

    Its text may quote a stranger's file or name; it comes out as one printable line.
    """

    def __str__(self) -> str:
        return one_line(super().__str__()).strip()


class OptionError(SpacekitError, ValueError):
    """A call was given an option that can't be; says what to give instead."""


class VisitError(SpacekitError, ValueError):
    """A visit's folder lacks what is needed, or holds what contradicts itself."""


class NameFormatError(VisitError):
    """A file or mosaic name does not follow the HAP convention."""


class ProductError(VisitError):
    """One file of a visit (FITS, catalog, QA JSON) can't be read or makes no sense."""


class FrameError(SpacekitError, ValueError):
    """A frame (PNG or array) is missing, unreadable or of an impossible shape."""


class TableError(SpacekitError, ValueError):
    """A table lacks columns, holds columns that may not be there, or isn't a table at all."""


class ModelFileError(SpacekitError, ValueError):
    """A model file is truncated, of another schema, or holds what a model may not hold."""


class TrainingError(SpacekitError, ValueError):
    """The labelled rows can't be trained on: too few, one class only, no images."""


class SimulationError(SpacekitError, ValueError):
    """A visit was asked for that can't exist (two filters' error in a one-filter visit)."""


class PipelineError(SpacekitError, RuntimeError):
    """The real pipeline can't be started, or did not get through."""


class OutputError(SpacekitError, OSError):
    """The output folder can't be written, or what lies there is in the way."""


class MissingExtraError(SpacekitError, ImportError):
    """A feature needs an optional dependency that isn't installed.

    Parameters
    ----------
    feature : str
        What was asked for, as the subject of a sentence ("Training").
    extra : str
        The extra of the distribution that brings it ("train").
    """

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(
            f"{feature} needs more than the default install: in the clone, pip install '.[{extra}]'"
        )
