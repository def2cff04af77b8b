"""Registration of images without point sources."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import fourier_shift, gaussian_filter

from spacekit.measure.correlation import CorrelationSettings, Sharp, correlate, sharpened

SHAPE = (420, 400)


def nebula(seed: int) -> np.ndarray:
    """Structure of all sizes, no point sources, standard deviation 1."""
    rng = np.random.default_rng(seed)
    layers = [s * gaussian_filter(rng.normal(0, 1, SHAPE), s) for s in (1.5, 4, 15)]
    sky = np.sum(layers, axis=0)
    return sky / sky.std()


def view(sky: np.ndarray, shift: tuple[float, float], noise: float, seed: int) -> Sharp:
    """The sky moved by (dx, dy), with noise of its own, sharpened."""
    moved = np.fft.ifft2(fourier_shift(np.fft.fft2(sky), shift[::-1])).real
    pixels = moved + np.random.default_rng(seed).normal(0, noise, SHAPE)
    return sharpened(pixels.astype(np.float32), np.ones(SHAPE, np.float32))


@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.4, -0.3), (-7.25, 12.6), (100.3, -60.8)])
def test_a_nebula_is_registered_to_a_tenth_of_a_pixel(shift):
    found = correlate(view(nebula(1), (0, 0), 0.5, 2), view(nebula(1), shift, 0.5, 3))
    assert found is not None
    error = np.hypot(found.dx_px - shift[0], found.dy_px - shift[1])
    assert error < 0.1
    assert error < 5 * found.uncertainty_px
    assert found.sources == 0


def test_unlike_skies_and_noise_have_no_shift():
    assert correlate(view(nebula(1), (0, 0), 0.5, 2), view(nebula(4), (0, 0), 0.5, 3)) is None
    empty = np.zeros(SHAPE)
    assert correlate(view(empty, (0, 0), 1, 2), view(empty, (0, 0), 1, 3)) is None


@pytest.mark.parametrize(("height", "counts"), [(26.0, False), (40.0, True)])
def test_a_peak_far_off_must_stand_well_out_of_the_noise(height: float, counts: bool):
    """What cosmic rays leave may agree at some shift, by ten times the noise."""
    where = np.random.default_rng(7).integers(60, 340, (2, 30))

    def seen(shift: int, seed: int) -> Sharp:
        rng = np.random.default_rng(seed)
        sky = rng.normal(0, 1, SHAPE)
        sky[tuple(rng.integers(20, 380, (2, 60)))] += 40
        sky[where[0] + shift, where[1] + shift] += height
        return sharpened(sky.astype(np.float32), np.ones(SHAPE, np.float32))

    first, second = seen(0, 8), seen(11, 9)
    found = correlate(first, second, CorrelationSettings(peak=9.0))
    assert found is not None
    assert (found.dx_px, found.dy_px) == pytest.approx((11, 11), abs=0.3)
    assert (correlate(first, second) is not None) is counts


def test_a_shift_to_avoid_is_not_taken():
    """Hot pixels move with the detector; what is left is the sky's shift, or nothing."""
    rng = np.random.default_rng(5)
    hot = (rng.uniform(size=SHAPE) > 0.995) * 30.0
    first = sharpened(rng.normal(0, 1, SHAPE) + hot, np.ones(SHAPE))
    moved = np.roll(hot, (9, -14), axis=(0, 1))
    second = sharpened(rng.normal(0, 1, SHAPE) + moved, np.ones(SHAPE))
    assert correlate(first, second).dx_px == pytest.approx(-14, abs=0.1)
    assert correlate(first, second, avoid=np.array([-14.0, 9.0])) is None


def test_what_is_not_exposed_has_no_say():
    one, other = (nebula(1) + np.random.default_rng(s).normal(0, 0.3, SHAPE) for s in (2, 3))
    wht = np.ones(SHAPE)
    wht[:, :150] = 0
    one[:, :150], other[:, :150] = np.nan, 1e6
    found = correlate(sharpened(one, wht), sharpened(other, wht))
    assert found is not None
    assert np.hypot(found.dx_px, found.dy_px) < 0.1


@pytest.mark.parametrize("shape", [(1, 1), (20, 400)])
def test_too_small_images_give_nothing(shape):
    image = sharpened(np.ones(shape, np.float32), np.ones(shape, np.float32))
    assert image.pixels.shape == shape
    assert correlate(image, image) is None


def test_a_large_image_is_binned_and_its_shift_is_in_its_own_pixels():
    settings = CorrelationSettings(most_side_px=210)
    images = []
    for seed, shift in ((2, (0.0, 0.0)), (3, (20.6, -8.2))):
        moved = np.fft.ifft2(fourier_shift(np.fft.fft2(nebula(1)), shift[::-1])).real
        noisy = moved + np.random.default_rng(seed).normal(0, 0.2, SHAPE)
        images.append(sharpened(noisy, np.ones(SHAPE), settings))
    assert images[0].bin_px == 2
    assert images[0].pixels.shape == (210, 200)
    found = correlate(*images, settings)
    assert np.hypot(found.dx_px - 20.6, found.dy_px + 8.2) < 0.15
