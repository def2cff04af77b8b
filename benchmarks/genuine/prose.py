"""What the page says around its tables."""

INTRODUCTION = """
# The embedded pipeline against the real one

Both were given the same calibrated exposures and the same reference catalog: the real pipeline
(drizzlepac 3.11.0's `runsinglehap`) and the small one of `spacekit.mosaic`. In every cell with a
slash the real pipeline's value comes first, ours second. The exposures are simulated, so the truth
is known. This page, its tables and pictures are written by

    python -m benchmarks.genuine OUT --hap FOLDER

where FOLDER holds `visits/` (the real pipeline's products), `exposures/` and `truth/`. The figures
are of nine visits, iza101 to jza701, that the real pipeline processed once; of five of them the
exposures are there, which ours processes anew. They were not made by `spacekit svm simulate`, and
are not part of this project.
"""

#: By quantity, why ours differs by more than one good visit differs from the next.
REASONS = {
    "noise": "unexplained",
    "fwhm_px": "stars of a smeared visit have no one width: it depends on which ones are taken",
    "weight_s": "unexplained",
    "lost": "only where exposures disagree: around smeared stars some more pixels are rejected",
    "cores": "only where exposures disagree: the rejection is decided by a few pixels a star",
}

SECTIONS = {
    "grid": (
        "Grid and solution",
        """
The mosaic's grid, how much of it is exposed, and what its header says of the WCS. A pixel more or
less in height comes from the rounding of a footprint that a fit moved by hundredths of a pixel.
""",
    ),
    "features": (
        "The ten published features",
        """
As `spacekit svm prep` scrapes them. `rms_ra`, `rms_dec` are in mas, `wcs` and `det` in words; `cat`
comes from the proposal, not from the products. Fits differ because each pipeline centroids its own
list of stars and rejects its own outliers; where no fit is made, or an old one survives, the values
are the header's. Catalog counts follow the pixels: most of their differences are not the catalogs'
own (see below). Where exposures disagree (iza401) the rejection of cosmic rays leaves broken stars,
and which of them still pass for points is decided by a few pixels.
""",
    ),
    "images": (
        "Filter products",
        """
Noise is the robust scatter of the exposed pixels; FWHM the median width of bright isolated stars;
weight the median weight; *lost* the share of pixels with less than three quarters of it, *cores*
the share of bright stars with such a pixel among the nine at their core: what the rejection of
cosmic rays destroyed. *Deficit* is the visit's `weight_deficit`, as prep measures it. In the visit
whose exposures disagree (iza401) every bright star loses an exposure at its core, in both.
""",
    ),
    "scatter": (
        "Differences against the scatter of good visits",
        """
Typical (median) and largest difference between ours and the real product of a filter, and how much
the real pipeline's products of the aligned visits differ from one another in one filter. Where the
largest difference is beyond that, the last column says why.
""",
    ),
    "same": (
        "Catalogs of the same pixels",
        """
Our detection on the real pipeline's own total images: sources before the trimming by flags, and how
many of theirs have one of ours within a pixel. Nothing but the catalog code can differ here.
Segments agree because the steps are the same: background and its quirks, kernel, thresholds by
depth, wavelet in crowded fields, deblending. Point sources agree less: the real pipeline looks for
seeds in the image deconvolved with a library PSF, for which a Gaussian stands here, so that other
neighbours of bright stars are kept.
""",
    ),
    "magnitudes": (
        "Magnitudes and concentration",
        """
Ours minus theirs, median and robust scatter, of sources of the point catalogs with errors below
0.05 mag; the last column is the share of matched sources with the very same flag. On the same
pixels and positions 95% agree to 1e-6 mag (`tests/mosaic/test_genuine.py`); the scatter here is
that of positions and, where the fits differ, of resampled pixels.
""",
    ),
    "crossmatch": (
        "Interfilter cross-match",
        """
Sources of the reference filter, of the filter compared, and matches, from the JSON that the test
leaves. Its absence is evidence, so it must be absent in the same visits: where one filter is
displaced by several pixels, and where stars are smeared.
""",
    ),
    "truth": (
        "Truth reproduced",
        """
The true offset between filter products (from the pointings that were simulated and the WCS that
each pipeline ended with), and what `spacekit.measure` measures on the products of each. Where the
fit to the reference catalog was accepted the two pipelines end with different offsets.
""",
    ),
    "pictures": (
        "Pictures",
        """
The busiest place of each visit's total product at native resolution: pixels left, weights right
(bright: fully exposed); the real pipeline above, ours below.
""",
    ),
}

CLOSING = """
## What else differs

- HDRTAB, the table of the input headers, has 30 of the real one's 277 columns; catalogs have its
  columns, units, types and formats, but not its descriptions and notes.
- Of the QA JSON only source counts, reference stars and the interfilter cross-match are written.
- Sources near bad pixels that the dither doesn't cover are flagged by the real pipeline, from its
  exposure products; ours goes by the chips' outlines.
- No figure here is of an exposure product, or of a filter with one exposure or six and more, nor
  of HRC, SBC or UVIS before 8 November 2012. How those are drizzled, and the totals that can't be
  added up from them, is taken from the real pipeline's parameter files (`mosaic/recipe.py`); of
  their products only the sky of exposures was compared (iza301): it stays in, in both.
- The real pipeline subtracts the sky of SBC filters F115LP and F122M, and leaves out of the total
  of single exposures what an earlier processing took for cosmic rays; ours does neither.
"""
