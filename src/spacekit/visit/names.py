"""HAP names: from a file's or a mosaic's name to its parts and back.

The convention is the Hubble Advanced Products' own:
``hst_<proposal>_<visit>_<instrument>_<detector>_<filter|total>_<ipppss>[<exposure>]_<kind>``,
all lower case, with no underscore inside a part. Only the suffix of a corrupted copy's folder
may hold filters with underscores, so that is parsed from the right.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from spacekit.errors import NameFormatError
from spacekit.visit.nouns import ProductName

__all__ = [
    "CorruptedSuffix",
    "is_plain_name",
    "parse_corrupted_folder",
    "parse_corrupted_suffix",
    "split_file_name",
]

_PARTS: Final = (
    r"hst_(?P<proposal>[a-z0-9]{1,8})_(?P<visit>[a-z0-9]{2})_(?P<instrument>[a-z0-9]{2,12})"
    r"_(?P<detector>[a-z0-9]{2,12})_(?P<filter>[a-z0-9][a-z0-9-]{0,40})"
    r"_(?P<ipppss>[a-z][a-z0-9]{5})(?P<exposure>(?:[a-z0-9]{2})?)"
)
_FILE: Final = re.compile(_PARTS + r"_(?P<kind>[A-Za-z0-9_.-]{1,100})")
_SUFFIX: Final = re.compile(
    r"(?P<filter>[a-z0-9][a-z0-9_-]{0,60})_(?P<exposures>all|sub)_(?P<mode>stat|stoc)"
)
_FOLDER: Final = re.compile(r"(?P<ipppss>[a-z][a-z0-9]{5})_(?P<suffix>.+)")
_CONVENTION: Final = "hst_<proposal>_<visit>_<instrument>_<detector>_<filter|total>_<ipppss>"
_PLAIN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,200}")


def is_plain_name(index: str) -> bool:
    """Tell whether a mosaic's name, a stranger's, may be part of a path."""
    return _PLAIN.fullmatch(index) is not None


@dataclass(frozen=True, order=True)
class CorruptedSuffix:
    """What the name of a corrupted copy's folder says was done to it.

    Parameters
    ----------
    filter : str
        The filter whose exposures were displaced ("f160w", "clear1s_f250w"), or "rex" for a
        random subset of exposures of any filter.
    exposures : str
        "all" of that filter's exposures, or a "sub" set.
    mode : str
        "stat": one offset for all; "stoc": an offset for each exposure.
    """

    filter: str
    exposures: str
    mode: str

    def __str__(self) -> str:
        return "_".join((self.filter, self.exposures, self.mode))


def split_file_name(file_name: str) -> tuple[ProductName, str]:
    """Split a product's file name into the product and the kind of file.

    Parameters
    ----------
    file_name : str
        For example "hst_16901_01_wfc3_ir_total_iza101_drz.fits".

    Returns
    -------
    name : ProductName
        Whose file it is.
    kind : str
        The rest after the underscore ("drz.fits", "svm_num_sources.json").

    Raises
    ------
    NameFormatError
        If the name doesn't follow the convention.
    """
    found = _FILE.fullmatch(file_name)
    if found is None:
        raise NameFormatError(
            f"{_shown(file_name)}: not a HAP file name ({_CONVENTION}_<kind>, lower case)"
        )
    parts = found.groupdict()
    kind = parts.pop("kind")
    return ProductName(**parts), kind


def parse_corrupted_suffix(suffix: str) -> CorruptedSuffix:
    """Take the suffix of a corrupted copy apart, from the right.

    Parameters
    ----------
    suffix : str
        For example "clear1s_f250w_sub_stoc", without the underscore before it.

    Raises
    ------
    NameFormatError
        If it isn't ``<filter>_<all|sub>_<stat|stoc>``.
    """
    found = _SUFFIX.fullmatch(suffix)
    if found is None:
        raise NameFormatError(
            f"{_shown(suffix)}: not the suffix of a corrupted copy (<filter>_<all|sub>_<stat|stoc>)"
        )
    return CorruptedSuffix(**found.groupdict())


def parse_corrupted_folder(folder_name: str) -> tuple[str, CorruptedSuffix]:
    """Take the name of a corrupted copy's folder apart.

    Parameters
    ----------
    folder_name : str
        For example "iza101_f160w_all_stat".

    Returns
    -------
    ipppss : str
        The visit it is a copy of ("iza101").
    suffix : CorruptedSuffix
        What was done.

    Raises
    ------
    NameFormatError
        If it isn't ``<ipppss>_<filter>_<all|sub>_<stat|stoc>``.
    """
    found = _FOLDER.fullmatch(folder_name)
    if found is None:
        raise NameFormatError(
            f"{_shown(folder_name)}: not the folder of a corrupted copy "
            "(<ipppss>_<filter>_<all|sub>_<stat|stoc>)"
        )
    return found["ipppss"], parse_corrupted_suffix(found["suffix"])


def _shown(name: str) -> str:
    """Bound and escape a stranger's name for a message."""
    return ascii(name[:120])[1:-1] + ("..." if len(name) > 120 else "")
