"""Pixel metrics: PSNR, SSIM, difference of videos, motion energy.

Frames are uint8 (..., H, W, 3).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PEAK = 255.0
MOST_PSNR = 100.0  # dB, for identical frames; one wrong value in 256 x 256 pixels, off by one, gives 101
WINDOW, SIGMA = 11, 1.5  # pixels: SSIM's Gaussian window
K1, K2 = 0.01, 0.03  # SSIM's constants, as fractions of the peak

Frames = NDArray[np.uint8]
Floats = NDArray[np.float64]


def psnr(made: Frames, real: Frames) -> Floats:
    """Peak signal-to-noise ratio of each frame, in dB, at most `MOST_PSNR`: (...).

    10 log10(255^2 / MSE), the mean over pixels and channels.
    """
    error = np.square(made.astype(np.float64) - real).mean(axis=(-3, -2, -1))
    with np.errstate(divide="ignore"):
        result: Floats = np.minimum(10 * np.log10(PEAK**2 / error), MOST_PSNR)
    return result


def ssim(made: Frames, real: Frames) -> Floats:
    """Structural similarity of each frame (Wang et al. 2004), -1 to 1: (...).

    A Gaussian window of 11 x 11 pixels and sigma 1.5, K1 = 0.01, K2 = 0.03; the mean over the places where the window
    lies within the frame, and over the three channels. Frames smaller than the window get the largest odd window that
    fits.
    """
    rows, columns = (_blur(extent) for extent in made.shape[-3:-1])

    def blurred(image: Floats) -> Floats:
        result: Floats = rows @ image @ columns.T
        return result

    x, y = (np.moveaxis(frames, -1, -3).astype(np.float64) for frames in (made, real))
    mean_x, mean_y = blurred(x), blurred(y)
    variance_x = blurred(x * x) - mean_x**2
    variance_y = blurred(y * y) - mean_y**2
    covariance = blurred(x * y) - mean_x * mean_y
    c1, c2 = (K1 * PEAK) ** 2, (K2 * PEAK) ** 2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * covariance + c2) / (variance_x + variance_y + c2)
    result: Floats = (luminance * structure).mean(axis=(-3, -2, -1))
    return result


def difference(a: Frames, b: Frames) -> Floats:
    """Mean absolute difference of two videos' values, as a fraction of the peak: (n, t, H, W, 3) twice to (n,)."""
    result: Floats = np.abs(a.astype(np.int16) - b).mean(axis=(1, 2, 3, 4)) / PEAK
    return result


def motion_energy(video: Frames) -> Floats:
    """Mean absolute difference of neighbouring frames, as a fraction of the peak: (n, t, H, W, 3) to (n,), t > 1."""
    return difference(video[:, 1:], video[:, :-1])


def _blur(extent: int) -> Floats:
    """The window along one axis as a matrix (extent - w + 1, extent): row i weighs pixels i ... i + w - 1."""
    width = min(WINDOW, extent - (extent + 1) % 2)
    offset = np.arange(width) - width // 2
    weight = np.exp(-(offset**2) / (2 * SIGMA**2))
    matrix = np.zeros((extent - width + 1, extent))
    for i in range(len(matrix)):
        matrix[i, i : i + width] = weight / weight.sum()
    return matrix
