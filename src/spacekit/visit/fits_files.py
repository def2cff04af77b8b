"""Open strangers' FITS files: nothing in them is guessed, unpacked or believed."""

from __future__ import annotations

import math
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal

from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning
from astropy.wcs import WCS

from spacekit.errors import ProductError
from spacekit.visit.values import MALFORMED, as_count, as_number, card, is_ours

__all__ = ["check_pixels", "image_shape", "open_fits", "read_wcs", "readable_cards"]

#: Axes of an array and columns of a table (FITS 4.0, sections 4.4.1.1 and 7.2.1).
_MOST_AXES: Final = 999
_BLOCK_BYTES: Final = 2880
_CARD_BYTES: Final = 80
#: As astropy has it: what follows need not be blank.
_END: Final = re.compile(rb"END(?![A-Z0-9_-])")
#: A header may be so long, and a file have so many; the pipeline's are 0.2 MB, and have 5.
_LONGEST_HEADER_BYTES: Final = 4_000_000
_MOST_HDUS: Final = 500
#: Axes of a WCS, of whatever version, and the order of a SIP polynomial (Shupe et al. 2005).
_MOST_OF_WCS: Final = 9
_SIP_ORDERS: Final = ("A_ORDER", "B_ORDER", "AP_ORDER", "BP_ORDER")
#: No file is larger.
_LARGEST_BYTES: Final = 2**60

_FITS_FAULTS: Final = (*MALFORMED, fits.VerifyError)


@contextmanager
def open_fits(path: Path, mode: Literal["readonly", "update"] = "readonly") -> Iterator[Any]:
    """Open a FITS file; HDUs are read when they are asked for, pixels memory-mapped.

    Compressed files and compressed images aren't unpacked: a small one may hold any amount.

    Parameters
    ----------
    path : Path
        The file.
    mode : {"readonly", "update"}
        With "update", headers that the block changes are written when it ends.

    Yields
    ------
    astropy.io.fits.HDUList
        Valid inside the block.

    Raises
    ------
    ProductError
        If the file is missing, empty or no FITS, and for whatever astropy or numpy raises inside
        the block on a file that is cut short, scrambled or made up. What the block's own lines
        raise comes out as it is.
    """
    _check_start(path)
    try:
        # read from our own handle: astropy leaves its own open on what it can't make sense of
        source: AbstractContextManager[Any]
        source = path.open("rb") if mode == "readonly" else nullcontext(path)
        with source as opened, warnings.catch_warnings():
            warnings.simplefilter("ignore", AstropyWarning)
            warnings.simplefilter("ignore", RuntimeWarning)
            _check_axes(path)
            with fits.open(
                opened, mode, memmap=True, lazy_load_hdus=True, disable_image_compression=True
            ) as hdus:
                yield hdus
    except MemoryError as error:
        raise ProductError(f"{path}: broken, or larger than this machine's memory") from error
    except _FITS_FAULTS as error:
        if is_ours(error):
            raise
        detail = f"{type(error).__name__}: {ascii(str(error)[:200])[1:-1]}"
        raise ProductError(
            f"{path}: broken or cut short ({detail}); fetch or make it again"
        ) from error


def _check_start(path: Path) -> None:
    """Refuse what is no FITS before astropy guesses (it would unpack archives)."""
    try:
        if not path.is_file():
            raise ProductError(f"{path}: no such file")
        with path.open("rb") as file:
            start = file.read(9)
    except OSError as error:
        raise ProductError(f"{path}: can't be read ({error.strerror})") from error
    if not start:
        raise ProductError(f"{path}: file is empty; fetch it again")
    if start != b"SIMPLE  =":
        raise ProductError(f"{path}: not a FITS file")


def _check_axes(path: Path) -> None:
    """Refuse headers that promise more axes or columns than FITS can have, or less than no data.

    astropy goes through as many axes as the header says when it opens the file, two thousand
    million of them if need be, and goes backwards, for ever, over data of negative length; over
    headers that don't end, and files of nothing but headers, it goes for minutes.
    """
    count = 0
    with path.open("rb") as file:
        while file.read(8) in {b"SIMPLE  ", b"XTENSION"}:
            file.seek(-8, os.SEEK_CUR)
            count += 1
            if count > _MOST_HDUS:
                raise ProductError(f"{path}: broken (over {_MOST_HDUS} HDUs); fetch it again")
            _check_end(path, file)
            try:
                header = fits.Header.fromfile(file)
            except (OSError, ValueError, EOFError):
                return  # cut short here; who reads so far will hear of it
            for key in ("NAXIS", "TFIELDS"):
                promised = card(header, key)
                if (as_number(promised) or 0) > _MOST_AXES:
                    raise ProductError(f"{path}: broken ({key} is {promised}); fetch it again")
            for key in ("PCOUNT", "GCOUNT", *(f"NAXIS{n + 1}" for n in range(_axes(header)))):
                promised = card(header, key)
                if (as_number(promised) or 0) < 0:
                    raise ProductError(f"{path}: broken ({key} is {promised}); fetch it again")
            file.seek(_data_bytes(header), os.SEEK_CUR)


def _check_end(path: Path, file: BinaryIO) -> None:
    """Refuse a header that is longer than any; the file is left where it was."""
    start = file.tell()
    while block := file.read(_BLOCK_BYTES):
        cards = (block[k : k + _CARD_BYTES] for k in range(0, len(block), _CARD_BYTES))
        if b"END" in block and any(_END.match(one) for one in cards):
            break
        if file.tell() - start > _LONGEST_HEADER_BYTES:
            limit = f"{_LONGEST_HEADER_BYTES / 1e6:.0f} MB"
            raise ProductError(f"{path}: broken (a header of over {limit}); fetch it again")
    file.seek(start)


def _data_bytes(header: fits.Header) -> int:
    """Give the length of what follows a header, in whole blocks (FITS 4.0, section 4.4.1)."""
    axes = [_count(header, f"NAXIS{n + 1}", 0) for n in range(_axes(header))]
    values = math.prod(axes) if axes else 0
    bits = abs(as_number(card(header, "BITPIX")) or 8)
    more = _count(header, "PCOUNT", 0)
    length = int(bits) // 8 * _count(header, "GCOUNT", 1) * (more + values)
    return min(-(-length // _BLOCK_BYTES) * _BLOCK_BYTES, _LARGEST_BYTES)


def _axes(header: fits.Header) -> int:
    return _count(header, "NAXIS", 0)


def _count(header: fits.Header, key: str, default: int) -> int:
    return as_count(card(header, key)) or default


def check_pixels(path: Path, hdu: Any) -> None:
    """Check that an extension is an image and that its pixels are all in the file.

    Raises
    ------
    ProductError
        If not; then the header may promise more pixels than there is memory.
    """
    if not isinstance(hdu, fits.ImageHDU):
        raise ProductError(f"{path}: {hdu.name} is no image")
    size = as_number(hdu.size)
    if size is None:
        raise ProductError(f"{path}: broken (no size of {hdu.name}); fetch it again")
    if hdu.fileinfo()["datLoc"] + size > path.stat().st_size:
        raise ProductError(f"{path}: cut short in {hdu.name}; fetch it again")


def image_shape(path: Path, hdu: Any) -> tuple[int, ...]:
    """Give the lengths of an image extension's axes, in numpy's order.

    Raises
    ------
    ProductError
        If it is no image, or they are no numbers of pixels.
    """
    if not isinstance(hdu, fits.ImageHDU):
        raise ProductError(f"{path}: {hdu.name} is no image")
    shape = tuple(count for n in hdu.shape if (count := as_count(n)) is not None)
    if len(shape) != len(hdu.shape):
        raise ProductError(f"{path}: broken (axes of {hdu.name}: {hdu.shape!a}); fetch it again")
    return shape


def read_wcs(path: Path, header: fits.Header, hdus: fits.HDUList | None = None) -> WCS:
    """Read the celestial WCS of an image, of its first two axes.

    Parameters
    ----------
    path : Path
        The file, for messages.
    header : astropy.io.fits.Header
        Of the image.
    hdus : astropy.io.fits.HDUList, optional
        The file, where the WCS may refer to tables of distortion in it.

    Raises
    ------
    ProductError
        If it leads to no place on the sky, or asks for more axes or a higher order than any has:
        wcslib and astropy make matrices of that size, and crash.
    """
    for entry in header.cards:
        keyword = str(entry.keyword)
        if keyword not in _SIP_ORDERS and not keyword.startswith("WCSAXES"):
            continue
        asked = as_number(entry.value)
        if asked is None or asked > _MOST_OF_WCS:
            raise ProductError(f"{path}: broken ({keyword} is {entry.value!a}); fetch it again")
    wcs = WCS(header, hdus, naxis=2)
    if not wcs.has_celestial:
        raise ProductError(f"{path}: {header.get('EXTNAME', 'image')} has no celestial WCS")
    return wcs


def readable_cards(header: fits.Header) -> fits.Header:
    """Copy a header without the cards whose values can't be parsed, which raise when asked for."""
    copy = header.copy()
    broken = [number for number, entry in enumerate(copy.cards) if not _is_readable(entry)]
    for number in reversed(broken):
        del copy[number]
    return copy


def _is_readable(entry: fits.Card) -> bool:
    try:
        return entry.value is not None
    except (fits.VerifyError, ValueError, TypeError):
        return False
