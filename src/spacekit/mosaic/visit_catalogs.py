"""A visit's catalogs: found on the total, measured on every filter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spacekit.mosaic.background import Sky, measure_sky
from spacekit.mosaic.catalogs import (
    Columns,
    catalog_header,
    filter_columns,
    formats_of,
    total_columns,
    typed,
    units_of,
)
from spacekit.mosaic.detect import Detection, detect
from spacekit.mosaic.drizzle import Stack, plate_scale_arcsec
from spacekit.mosaic.ecsv import write_ecsv
from spacekit.mosaic.exposure import Exposure
from spacekit.mosaic.flags import (
    FEW_EXPOSURES,
    SATURATED,
    full_wells,
    photometric_flags,
    rejected,
    saturated,
    seldom_exposed,
    trimmed,
)
from spacekit.mosaic.parameters import DetectionSettings, settings_for
from spacekit.mosaic.photometry import (
    Calibration,
    Places,
    ab_magnitude,
    filled,
    photometry,
    place,
)
from spacekit.mosaic.products import photometric
from spacekit.mosaic.scratch import keep, release
from spacekit.mosaic.visit_products import TOTAL, Image, Visit, wavelength_nm

__all__ = ["Catalogs", "detect_visit", "make_catalogs", "write_catalogs"]

_KINDS = ("point", "segment")


@dataclass(frozen=True)
class Catalogs:
    """What was measured of a visit's sources.

    Parameters
    ----------
    columns : dict of str to dict of str to Columns
        By product ("total" or a filter) and kind ("point", "segment").
    skies : dict of str to Sky
        Background of each filter's image.
    """

    columns: dict[str, dict[str, Columns]]
    skies: dict[str, Sky]

    def count(self, product: str, kind: str) -> int:
        """Give the number of sources in a catalog."""
        return len(self.columns[product][kind]["ID"])


def detect_visit(visit: Visit, total: Stack) -> Detection:
    """Find the sources of a visit on its total detection image."""
    chips = sum(len(e.chips) for e in visit.members(TOTAL))
    settings = settings_for(visit.exposures[0].detector).for_chips(chips)
    scale = plate_scale_arcsec(visit.exposures[0])
    return detect(total, settings, scale, *_depth(visit, TOTAL))


def _depth(visit: Visit, name: str) -> tuple[float, float]:
    """Give the least rms that a product's read noise allows, electrons/s, and its time, s."""
    members = visit.members(name)
    seconds = sum(e.exptime_s for e in members)
    return float(np.sqrt(len(members)) * _noisiest_amp_e(members[0]) / seconds), seconds


def _noisiest_amp_e(exposure: Exposure) -> float:
    """Give the highest read noise of the amplifiers, electrons."""
    values = [exposure.header.get(f"READNSE{amp}") for amp in "ABCD"]
    return float(max((v for v in values if isinstance(v, float | int)), default=0.0)) or (
        exposure.read_noise_e
    )


def _sky(visit: Visit, detection: Detection, name: str, stack: Stack) -> Sky:
    inside = detection.inside & (stack.wht > 0)
    release(stack.wht)
    floor, seconds = _depth(visit, name)
    if not inside.any():
        return Sky(0.0, floor)
    settings = settings_for(visit.exposures[0].detector)
    sky = measure_sky(stack.sci, inside, settings, floor, seconds)
    stack.release()
    return sky if isinstance(sky.level, float) else replace(sky, level=keep(sky.level, visit.out))


def make_catalogs(visit: Visit, detection: Detection, images: Mapping[str, Image]) -> Catalogs:
    """Make the catalogs of the filters and of the total.

    Filter catalogs list all sources found on the total, the total's only those that are good
    in some filter. Where the pipeline would reject them for cosmic rays all are empty.
    """
    out: dict[str, dict[str, Columns]] = {name: {} for name in images}
    skies = {n: _sky(visit, detection, n, images[n].stack) for n in visit.filters}
    shapes = detection.shapes
    centres = np.column_stack([shapes["X-Centroid"], shapes["Y-Centroid"]])
    first = settings_for(visit.exposures[0].detector)
    good = {}
    filters = [_filter(visit, n, images[n].stack, skies[n]) for n in visit.filters]
    for kind, xy in zip(_KINDS, (detection.point, centres), strict=True):
        places = place(xy, first.apertures_arcsec, plate_scale_arcsec(visit.exposures[0]))
        measured = {}
        for each in filters:
            columns = each.measure(places)
            if kind == "segment":
                columns |= shapes | each.segments(detection.labels, len(xy))
            measured[each.name] = filled(columns)
            out[each.name][kind] = filter_columns(kind, xy, visit.wcs, measured[each.name])
        flags = [c["Flags"] for c in measured.values()]
        good[kind] = int(np.count_nonzero(np.min(np.stack(flags), axis=0) < 2))
        out[TOTAL][kind] = total_columns(kind, xy, visit.wcs, measured, trimmed(flags))
    if rejected(visit.exposures, first, good):
        for kinds in out.values():
            for columns in kinds.values():
                columns |= {n: v[:0] for n, v in columns.items()}
    return Catalogs(out, skies)


@dataclass(frozen=True)
class _Filter:
    """One filter's image and what is known of it."""

    visit: Visit
    name: str
    stack: Stack
    sky: Sky
    settings: DetectionSettings
    calibration: Calibration
    wells: NDArray[np.float64]

    def measure(self, places: Places) -> dict[str, NDArray[Any]]:
        """Give the columns that come from apertures, flags among them."""
        columns: dict[str, NDArray[Any]] = {}
        exposed = self.stack.wht > 0
        release(self.stack.wht)
        columns |= photometry(self.stack.sci, exposed, places, self.calibration)
        release(self.stack.sci)
        flags = photometric_flags(columns, self.settings)
        members, wcs = self.visit.members(self.name), self.visit.wcs
        aperture_px = self.settings.apertures_arcsec[1] / plate_scale_arcsec(members[0])
        near = round(aperture_px + 0.5) * 2.0
        flags[saturated(places.xy, self.wells, near)] |= SATURATED
        few = seldom_exposed(places.xy, members, wcs, aperture_px, self.settings)
        flags[few] |= FEW_EXPOSURES
        return columns | {"Flags": flags}

    def segments(self, labels: NDArray[np.int32], count: int) -> dict[str, NDArray[Any]]:
        """Give the columns that come from the pixels of segments."""
        y, x = np.nonzero(labels)
        which = labels[y, x] - 1
        level = self.sky.level
        levels = level if isinstance(level, float) else level[y, x]
        light = (self.stack.sci[y, x] - levels).astype(np.float64)
        release(self.stack.sci, *([] if isinstance(level, float) else [level]))
        noise = self.sky.rms**2 + np.maximum(light, 0)
        flux = np.bincount(which, light, minlength=count)
        area = np.maximum(np.bincount(which, minlength=count), 1)
        background = np.bincount(which, np.broadcast_to(levels, x.shape), minlength=count)
        return {
            "FluxSegment": flux,
            "FluxSegmentErr": np.sqrt(np.bincount(which, noise, minlength=count)),
            "MagSegment": ab_magnitude(np.where(flux > 0, flux, np.nan), self.calibration),
            "Bck": background / area,
        }


def _filter(visit: Visit, name: str, stack: Stack, sky: Sky) -> _Filter:
    members = visit.members(name)
    settings = settings_for(members[0].detector, name)
    # the pipeline doesn't look for saturation in IR, whose ramps stop short of it
    wells = np.empty((0, 2)) if settings.detector == "ir" else full_wells(members, visit.wcs)
    calibration = _calibration(members, settings, sky.rms)
    return _Filter(visit, name, stack, sky, settings, calibration, wells)


def _calibration(
    members: Sequence[Exposure], settings: DetectionSettings, rms: float
) -> Calibration:
    first = members[0]
    flam = photometric(first, "PHOTFLAM")
    known = isinstance(flam, float | int) and flam > 0
    gain = 1.0
    if settings.cosmic_rays:
        amps = [first.header.get(f"ATODGN{amp}") for amp in "ABCD"]
        values = [v for v in amps if isinstance(v, float | int) and v > 0]
        gain = sum(e.exptime_s for e in members) * float(np.mean(values or [1.0]))
    return Calibration(rms, float(flam) if known else 1e-19, 10 * wavelength_nm(first), gain)


def write_catalogs(visit: Visit, catalogs: Catalogs, images: Mapping[str, Image]) -> list[Path]:
    """Write the total's catalogs and, where filter products are wanted, theirs."""
    written = []
    for name, kinds in catalogs.columns.items():
        if name != TOTAL and not visit.settings.filter_products:
            continue
        image = images[name]
        for kind, columns in kinds.items():
            path = visit.out / f"{visit.stem(name)}_{kind}-cat.ecsv"
            sources = catalogs.count(name, kind)
            meta = catalog_header(image.primary, image.sci, visit.drizzled_name(name), sources)
            units, formats = units_of(columns), formats_of(columns)
            written.append(
                write_ecsv(path, typed(kind, columns), meta, units=units, formats=formats)
            )
    return written
