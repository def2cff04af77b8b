"""Find the mosaics below a folder: flat, nested, several detectors in one, corrupted copies."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from spacekit.errors import NameFormatError, VisitError
from spacekit.visit.names import parse_corrupted_folder, split_file_name
from spacekit.visit.nouns import Mosaic, Problem, Product, ProductName

__all__ = ["JSON_PATTERN", "find_mosaics"]

#: Which QA JSON of the total products is read, unless told otherwise.
JSON_PATTERN: Final = "*_total*_svm_*.json"

_REFERENCE: Final = re.compile(r"_metawcs_all_gaia[a-z0-9]*_ref_cat\.ecsv$", re.IGNORECASE)
_DRIZZLED: Final = ("_drz.fits", "_drc.fits")
#: What the pipeline writes. Pictures and offsets of ours, and pictures of other tools, have the
#: mosaics' names too, and may lie below the folder: prep writes into the working directory.
_KINDS: Final = re.compile(r".*\.fits|.*-cat\.ecsv|svm_.*\.json|.*\.txt")

#: Proposal, visit, instrument, detector, ipppss: what the products of a mosaic share.
_Key = tuple[str, str, str, str, str]
#: Files by kind, product by product.
_Products = dict[ProductName, dict[str, Path]]


@dataclass
class _Folder:
    """The files of one folder, sorted into products."""

    path: Path
    products: dict[_Key, _Products] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(dict))
    )
    references: list[Path] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def find_mosaics(
    root: Path, *, corrupted: bool = False, json_pattern: str = JSON_PATTERN
) -> tuple[list[Mosaic], list[Problem]]:
    """Find the mosaics at and below a folder.

    Links to files are followed. A link to a folder elsewhere is taken for a visit's: its files are
    read, folders below it are not entered, as it may lead anywhere. Each folder is read once, so
    loops end.

    Parameters
    ----------
    root : Path
        Where to look.
    corrupted : bool
        Whether the visits are corrupted copies, in folders ``<ipppss>_<suffix>``: then a
        mosaic's index is the total's name with that suffix.
    json_pattern : str
        Which QA JSON of the totals counts, as shell patterns with commas between.

    Returns
    -------
    mosaics : list of Mosaic
        Sorted by folder and name, one for each total drizzled product.
    problems : list of Problem
        Mosaics without total drizzled image, names that aren't HAP names, mosaics of a name that
        was taken by an earlier one, folders that could not be entered.

    Raises
    ------
    VisitError
        If `root` is no folder.
    """
    root = Path(root)
    if not root.is_dir():
        raise VisitError(f"{root}: no such folder; give the folder that holds the visits")
    patterns = [p.strip().rsplit("/", 1)[-1] for p in json_pattern.split(",") if p.strip()]
    mosaics: list[Mosaic] = []
    problems: list[Problem] = []
    folders = [_sort_files(*found, patterns) for found in _walk(root.resolve(), problems)]
    if not corrupted:
        _gather(folders)
    for folder in folders:
        problems += folder.problems
        for key in sorted(folder.products):
            found = _build(folder, key, corrupted)
            if isinstance(found, Mosaic):
                mosaics.append(found)
            else:
                problems.append(found)
    return _drop_repeated(mosaics, problems, corrupted), problems


def _walk(root: Path, problems: list[Problem]) -> Iterator[tuple[Path, list[str]]]:
    """Give each folder once, parents first, with its regular files' names, sorted."""
    waiting, seen = [(root, True)], {root}
    while waiting:
        path, deeper = waiting.pop()
        try:
            with os.scandir(path) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            problems.append(Problem("", str(path), f"can't be entered ({error.strerror})"))
            continue
        folders: list[tuple[Path, bool]] = []
        files: list[str] = []
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if _is_folder(entry):
                folders += _enter(entry, root, seen) if deeper else ()
            elif _is_file(entry):
                files.append(entry.name)
        yield path, files
        waiting += reversed(folders)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that goes round in a circle
        return False


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False


def _enter(entry: os.DirEntry[str], root: Path, seen: set[Path]) -> list[tuple[Path, bool]]:
    """Give a subfolder and whether to go deeper; an empty list where it isn't to be entered."""
    path = Path(entry.path)
    try:
        target = path.resolve(strict=True)
    except (OSError, RuntimeError):  # RuntimeError: a link loop, on Python 3.11 and 3.12
        return []
    below = target.is_relative_to(root)
    # a link's target below root is entered under its own name
    if target in seen or (below and entry.is_symlink()):
        return []
    seen.add(target)
    return [(path, below)]


def _sort_files(path: Path, names: Sequence[str], patterns: Sequence[str]) -> _Folder:
    """Sort a folder's files into products by name."""
    folder = _Folder(path)
    for name in names:
        if name == "ref_cat.ecsv" or _REFERENCE.search(name):
            folder.references.append(path / name)
            continue
        wanted = any(fnmatchcase(name, pattern) for pattern in patterns)
        try:
            product, kind = split_file_name(name)
        except NameFormatError as error:
            # the photometry's ``iza101_ir_svm_f160w_photometry.json`` is no HAP file
            endings = (*_DRIZZLED, ".json") if wanted else _DRIZZLED
            if _looks_like_product(name, endings):
                reason = str(error).split(": ", 1)[-1] + "; rename it or take it out"
                folder.problems.append(Problem("", str(path / name), reason))
            continue
        if product.is_total and not product.exposure and kind.endswith(".json") and not wanted:
            continue
        if not _KINDS.fullmatch(kind):
            continue
        key = (
            product.proposal,
            product.visit,
            product.instrument,
            product.detector,
            product.ipppss,
        )
        folder.products[key][product][kind] = path / name
    return folder


def _gather(folders: Sequence[_Folder]) -> None:
    """Bring a mosaic's products together that lie in a folder each, side by side.

    The archive hands them out so: what lies beside the folder of a total is moved to that. A
    folder that holds again what is there already (an older run?) stays as it is.
    """
    holders: dict[tuple[Path, _Key], list[_Folder]] = defaultdict(list)
    for folder in folders:
        for key in folder.products:
            if _has_total(folder, key):
                holders[folder.path.parent, key].append(folder)
    for folder in folders:
        lacking = [key for key in folder.products if not _has_total(folder, key)]
        for key in lacking if not _is_copy(folder.path) else ():
            beside = holders[folder.path.parent, key]
            if len(beside) != 1 or _overlap(folder.products[key], beside[0].products[key]):
                continue
            for product, files in folder.products.pop(key).items():
                beside[0].products[key][product] |= files
            known = beside[0].references
            known += [p for p in folder.references if _REFERENCE.search(p.name) and p not in known]


def _overlap(some: _Products, others: _Products) -> bool:
    """Whether two folders hold the same file of a product."""
    return any(not others[name].keys().isdisjoint(some[name]) for name in some if name in others)


def _has_total(folder: _Folder, key: _Key) -> bool:
    files = folder.products[key].get(_total_of(key), {})
    return not files.keys().isdisjoint(("drz.fits", "drc.fits"))


def _total_of(key: _Key) -> ProductName:
    proposal, visit, instrument, detector, ipppss = key
    return ProductName(proposal, visit, instrument, detector, "total", ipppss)


def _looks_like_product(name: str, endings: tuple[str, ...]) -> bool:
    """Whether a name that isn't HAP's is near enough to one to be worth a word.

    Visits also hold the standard pipeline's ``iza101010_drz.fits``: these are no concern.
    """
    lower = name.lower()
    return lower.endswith(endings) and (lower.startswith("hst_") or "total" in lower)


def _build(folder: _Folder, key: _Key, corrupted: bool) -> Mosaic | Problem:
    """Make the mosaic of one detector from a folder's files, or say what it lacks."""
    total_name = _total_of(key)
    files = folder.products[key]
    index = str(total_name)
    if corrupted:
        try:
            copied, suffix = parse_corrupted_folder(folder.path.name)
        except NameFormatError as error:
            return Problem(index, str(folder.path), f"{error}; prep it without --crpt 1")
        if copied != total_name.ipppss:
            reason = f"folder of a copy of {copied} holds products of {total_name.ipppss}"
            return Problem(index, str(folder.path), reason)
        index = f"{total_name}_{suffix}"
    total = _product(total_name, files.get(total_name, {}))
    if total.drizzled is None:
        wanted = f"{total_name}_drz.fits or {total_name}_drc.fits"
        reason = f"total drizzled image is missing: {wanted}"
        return Problem(index, str(folder.path / f"{total_name}_drz.fits"), reason)
    others = [_product(name, files[name]) for name in sorted(files) if not name.is_total]
    return Mosaic(
        folder=folder.path,
        index=index,
        total=total,
        filters=tuple(p for p in others if not p.name.exposure),
        exposures=tuple(p for p in others if p.name.exposure),
        reference_catalogs=_references(folder, total_name),
    )


def _product(name: ProductName, files: dict[str, Path]) -> Product:
    qa = {
        kind.removeprefix("svm_").removesuffix(".json"): path
        for kind, path in sorted(files.items())
        if kind.startswith("svm_") and kind.endswith(".json")
    }
    return Product(
        name=name,
        drizzled=files.get("drc.fits", files.get("drz.fits")),
        point_catalog=files.get("point-cat.ecsv"),
        segment_catalog=files.get("segment-cat.ecsv"),
        qa=qa,
    )


def _references(folder: _Folder, total: ProductName) -> tuple[Path, ...]:
    """Name the reference catalogs that cover this mosaic, its own detector's first.

    Another detector's is left out (its cone may not cover this one), and so is ``ref_cat.ecsv``
    where visits share a folder: nothing tells whose it is.
    """
    prefix = str(total).split("_total_")[0] + "_"
    own = [p for p in folder.references if p.name.startswith(prefix)]
    visits = {(proposal, visit, ipppss) for proposal, visit, _, _, ipppss in folder.products}
    shared = [p for p in folder.references if p.name == "ref_cat.ecsv" and len(visits) == 1]
    # where the token names the visit it is surer than where it doesn't
    own.sort(key=lambda p: (total.ipppss not in p.name, p.name))
    return tuple(own + shared)


def _drop_repeated(
    mosaics: Sequence[Mosaic], problems: list[Problem], corrupted: bool
) -> list[Mosaic]:
    """Keep the first mosaic of each index; the others would write to the same place."""
    first: dict[str, Mosaic] = {}
    for mosaic in mosaics:
        holder = first.setdefault(mosaic.index, mosaic)
        if holder is mosaic:
            continue
        reason = f"a mosaic of this name is already taken from {holder.folder}"
        if not corrupted and _is_copy(mosaic.folder):
            reason += "; corrupted copies need --crpt 1"
        else:
            reason += "; prep this one into another output folder"
        problems.append(Problem(mosaic.index, str(mosaic.folder), reason))
    return list(first.values())


def _is_copy(folder: Path) -> bool:
    try:
        parse_corrupted_folder(folder.name)
    except NameFormatError:
        return False
    return True
