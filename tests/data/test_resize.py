from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from amc.data.resize import area_resize, resize_points


def literal(row: list[int], size: int) -> list[Fraction]:
    """The mean over the area of each output pixel, in exact fractions."""
    scale = Fraction(len(row), size)
    out = []
    for i in range(size):
        low, high = i * scale, (i + 1) * scale
        covered = sum(
            v * max(Fraction(0), min(high, Fraction(j + 1)) - max(low, Fraction(j))) for j, v in enumerate(row)
        )
        out.append(covered / scale)
    return out


def test_halving_takes_the_mean_of_four() -> None:
    picture = np.array([[10, 20], [30, 41]], np.uint8)[None, :, :, None]
    # 101 / 4 = 25.25
    assert area_resize(picture, (1, 1)).ravel().tolist() == [25]


def test_a_fractional_step_splits_a_pixel() -> None:
    picture = np.array([[0, 90, 240]], np.uint8)[None, :, :, None]
    # Three pixels to two: (0 + 90 / 2) / 1.5 = 30 and (90 / 2 + 240) / 1.5 = 190.
    assert area_resize(picture, (1, 2)).ravel().tolist() == [30, 190]


def test_halves_round_up() -> None:
    picture = np.array([[0, 1]], np.uint8)[None, :, :, None]
    assert area_resize(picture, (1, 1)).ravel().tolist() == [1]


def test_one_size_is_left_alone() -> None:
    picture = np.arange(48, dtype=np.uint8).reshape(1, 4, 4, 3)
    np.testing.assert_array_equal(area_resize(picture, (4, 4)), picture)


@settings(max_examples=100, deadline=None)
@given(row=arrays(np.uint8, st.integers(1, 40)), size=st.integers(1, 40))
def test_it_is_the_exact_area_mean(row: np.ndarray, size: int) -> None:
    expected = [int(v + Fraction(1, 2)) for v in literal(row.tolist(), size)]
    assert area_resize(row[None, :, None], (1, size)).ravel().tolist() == expected
    assert area_resize(row[:, None, None], (size, 1)).ravel().tolist() == expected


@pytest.mark.parametrize("size", [16, 32, 64])
def test_the_paper_crop_agrees_with_a_matrix_product(size: int) -> None:
    random = np.random.default_rng(size)
    frames = random.integers(0, 256, (2, 180, 180, 3), dtype=np.uint8)
    edges = np.arange(size + 1) * 180 / size
    covered = np.minimum(edges[1:, None], np.arange(1, 181)) - np.maximum(edges[:-1, None], np.arange(180))
    weight = np.maximum(covered, 0) * size / 180
    mean = np.einsum("ay,nyxc,bx->nabc", weight, frames.astype(float), weight, optimize=True)
    assert np.abs(area_resize(frames, (size, size)) - mean).max() <= 0.5 + 1e-9


def test_points_keep_their_place_in_the_picture() -> None:
    # 4 pixels to 2: the border between the middle pixels stays one, and the middle of a new pixel is where two met.
    points = np.array([[1.5, 1.5], [0.5, 2.5], [-0.5, 3.5]], np.float32)
    np.testing.assert_allclose(resize_points(points, (4, 4), (2, 2)), [[0.5, 0.5], [0, 1], [-0.5, 1.5]])


def test_points_follow_width_and_height() -> None:
    points = np.array([[7.5, 1.5]], np.float32)
    np.testing.assert_allclose(resize_points(points, (4, 16), (2, 4)), [[1.5, 0.5]])
