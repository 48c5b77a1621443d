"""What is measured of pixels, against values worked out by hand and against scikit-image's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from amc.evaluation.metrics.pixels import MOST_PSNR, difference, motion_energy, psnr, ssim

FRAMES = arrays(np.uint8, (2, 3, 12, 12, 3))


def grey(value: int, shape: tuple[int, ...] = (16, 16, 3)) -> NDArray[np.uint8]:
    return np.full(shape, value, np.uint8)


def patterns(height: int, width: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """A frame that anyone can make again, another, and the first with some noise."""
    y, x, channel = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    first = (37 * x + 59 * y + 83 * channel) % 256
    noisy = np.clip(first + (7 * x + 5 * y + 3 * channel) % 41 - 20, 0, 255)
    return first.astype(np.uint8), ((31 * x * y + 17 * channel) % 256).astype(np.uint8), noisy.astype(np.uint8)


def test_psnr_of_a_known_error() -> None:
    # Every value off by 5: MSE 25, 10 log10(65025 / 25) = 34.15 dB. One black, one white: 0 dB.
    assert psnr(grey(105), grey(100)) == pytest.approx(10 * math.log10(2601))
    assert psnr(grey(0), grey(255)) == pytest.approx(0)
    assert psnr(grey(9), grey(9)) == MOST_PSNR


def test_psnr_of_known_noise() -> None:
    draw = np.random.default_rng(0)
    noise = np.rint(draw.normal(0, 8, (64, 64, 3))).astype(int)
    noisy = np.clip(128 + noise, 0, 255).astype(np.uint8)
    assert psnr(noisy, grey(128, (64, 64, 3))) == pytest.approx(20 * math.log10(255 / 8), abs=0.2)


def test_frames_are_measured_one_by_one() -> None:
    made = np.stack([grey(100), grey(110)])[None]
    real = np.stack([grey(100), grey(100)])[None]
    assert psnr(made, real).tolist() == [[MOST_PSNR, pytest.approx(20 * math.log10(25.5))]]
    assert ssim(made, real).shape == (1, 2)


def test_ssim_of_even_frames() -> None:
    # No structure: (2 ab + c1) / (a^2 + b^2 + c1) with c1 = 2.55^2 = 6.5025.
    assert ssim(grey(100), grey(200)) == pytest.approx(40006.5025 / 50006.5025)
    assert ssim(grey(7), grey(7)) == pytest.approx(1)


@pytest.mark.parametrize(
    ("height", "width", "other", "noisy"),
    [(16, 16, 0.029646365287779367, 0.9880751999189652), (32, 24, -0.002249879685024115, 0.9877710308224478)],
)
def test_ssim_is_scikit_images(height: int, width: int, other: float, noisy: float) -> None:
    """Of scikit-image 0.26: structural_similarity(a, b, channel_axis=2, data_range=255, gaussian_weights=True,
    sigma=1.5, use_sample_covariance=False)."""
    frame, *others = patterns(height, width)
    assert [ssim(frame, b) for b in others] == [pytest.approx(other, abs=1e-9), pytest.approx(noisy, abs=1e-9)]


def test_ssim_of_a_small_frame() -> None:
    # The largest odd window that fits 8 x 8 is 7 x 7: its mean is over 2 x 2 places. By hand, place by place.
    a, b = (frame[..., :1].repeat(3, axis=-1).astype(float) for frame in patterns(8, 8)[:2])
    weight = np.exp(-(np.arange(-3, 4) ** 2) / (2 * 1.5**2))
    window = np.outer(weight, weight) / np.outer(weight, weight).sum()
    values = []
    for y in range(2):
        for x in range(2):
            p, q = a[y : y + 7, x : x + 7, 0], b[y : y + 7, x : x + 7, 0]
            mp, mq = (window * p).sum(), (window * q).sum()
            vp, vq = (window * (p - mp) ** 2).sum(), (window * (q - mq) ** 2).sum()
            both = (window * (p - mp) * (q - mq)).sum()
            values.append(
                (2 * mp * mq + 6.5025) * (2 * both + 58.5225) / ((mp**2 + mq**2 + 6.5025) * (vp + vq + 58.5225))
            )
    assert ssim(a.astype(np.uint8), b.astype(np.uint8)) == pytest.approx(np.mean(values))


@given(FRAMES, FRAMES)
def test_laws_of_similarity(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> None:
    assert ssim(a, a) == pytest.approx(np.ones((2, 3)))
    assert ssim(a, b) == pytest.approx(ssim(b, a))
    assert (np.abs(ssim(a, b)) <= 1 + 1e-9).all()
    assert psnr(a, b) == pytest.approx(psnr(b, a))
    assert ((psnr(a, b) >= 0) & (psnr(a, b) <= MOST_PSNR)).all()


@given(FRAMES, FRAMES, FRAMES)
def test_laws_of_difference(a: NDArray[np.uint8], b: NDArray[np.uint8], c: NDArray[np.uint8]) -> None:
    assert (difference(a, a) == 0).all()
    assert difference(a, b).tolist() == difference(b, a).tolist()
    assert (difference(a, c) <= difference(a, b) + difference(b, c) + 1e-12).all()
    assert (difference(a, b) <= 1).all()


def test_motion_energy_of_a_step() -> None:
    # 51 levels are 0.2 of the peak; in one of two steps.
    video = np.stack([grey(0), grey(51), grey(51)])[None]
    assert motion_energy(video).tolist() == [pytest.approx(0.1)]
    assert motion_energy(video[:, 1:]).tolist() == [0]
