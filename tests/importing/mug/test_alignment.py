"""Crops: where the face comes to lie, that points and pixels go the same way, and what cannot be aligned."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amc.data.datasets.mug import KEYPOINT_LANDMARKS
from amc.data.similarity import Similarity
from amc.importing.mug.alignment import (
    EYE_LINE,
    EYES,
    MARGIN,
    AlignmentError,
    alignment,
    fit,
    frame_alignments,
)
from tests.importing.mug.made_takes import neutral_face, picture

ALL = np.ones(1, dtype=np.bool_)


def _placed(scale: float, angle: float, x: float, y: float) -> np.ndarray:
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return (neutral_face() @ turn * scale + (x, y))[None]


@given(st.floats(10, 400), st.floats(-0.6, 0.6), st.floats(0, 900), st.floats(0, 900))
def test_any_upright_or_turned_face_comes_to_the_same_place(scale: float, angle: float, x: float, y: float) -> None:
    points = _placed(scale, angle, x, y)
    moved = alignment(points, ALL).move(points, 64)[0]
    usual = alignment(_placed(100, 0, 300, 300), ALL).move(_placed(100, 0, 300, 300), 64)[0]
    np.testing.assert_allclose(moved, usual, atol=1e-6)


def test_where_the_eyes_come_to_lie() -> None:
    moved = alignment(_placed(100, 0.2, 300, 300), ALL).move(_placed(100, 0.2, 300, 300), 64)[0]
    right, left = moved[[36, 39]].mean(axis=0) + 0.5, moved[[42, 45]].mean(axis=0) + 0.5
    np.testing.assert_allclose(left - right, [EYES * 64, 0], atol=0.02 * 64)
    np.testing.assert_allclose((left + right) / 2, [32, EYE_LINE * 64], atol=0.02 * 64)


def test_the_whole_face_keeps_the_margin_with_the_mouth_wide_open_and_in_a_long_face() -> None:
    for stretch in (1.0, 1.6):
        points = _placed(100, 0.0, 300, 300)
        points[:, :, 1] = 300 + (points[:, :, 1] - 300) * np.where(points[:, :, 1] > 380, stretch, 1.0)
        crop = alignment(points, ALL)
        moved = crop.move(points, 64)
        assert moved.min() >= 64 * MARGIN - 0.51
        assert moved.max() <= 64 * (1 - MARGIN) - 0.49


@given(st.floats(-3, 3), st.floats(0.002, 0.1), st.floats(-2, 2), st.floats(-2, 2))
def test_back_is_the_reverse(angle: float, scale: float, x: float, y: float) -> None:
    crop = Similarity(scale * np.exp(1j * angle), complex(x, y))
    points = np.array([[3.0, 4.5], [100.0, 20.0]])
    np.testing.assert_allclose(crop.move_back(crop.move(points, 64), 64), points, atol=1e-6)
    np.testing.assert_allclose(abs(crop.inverse.a * crop.a), 1)


@pytest.mark.parametrize("scale", [12.0, 30.0, 90.0, 210.0])
@pytest.mark.parametrize("angle", [0.0, 0.3])
def test_pixels_go_where_points_go(scale: float, angle: float) -> None:
    # A white square of a third of the eyes' distance around the chin; its centre of mass is the chin.
    points = _placed(scale, angle, 448, 300)
    frame = np.zeros((896, 896, 3), dtype=np.uint8)
    x, y = points[0, 8].round().astype(int)
    half = max(2, int(scale / 6))
    frame[y - half : y + half + 1, x - half : x + half + 1] = 255
    crop = alignment(points, ALL)
    small = crop.warp(frame, 64)[..., 0].astype(np.float64)
    rows, columns = np.mgrid[:64, :64]
    centre = np.array([(columns * small).sum(), (rows * small).sum()]) / small.sum()
    np.testing.assert_allclose(centre, crop.move(np.array([[x, y]]), 64)[0], atol=0.06)
    # Nothing is lost or gained: the square's area in the crop's pixels.
    assert small.sum() / 255 == pytest.approx(((2 * half + 1) * crop.scale * 64) ** 2, rel=0.04)


def test_shrinking_averages_fine_patterns() -> None:
    frame = np.zeros((896, 896, 3), dtype=np.uint8)
    frame[::2, 1::2] = frame[1::2, ::2] = 255
    small = Similarity(1 / 640 * np.exp(0.1j), 0.5 + 0.5j - (448 + 448j) / 640 * np.exp(0.1j)).warp(frame, 64)
    assert abs(small.astype(int) - 127).max() <= 3


def test_outside_the_frame_is_black() -> None:
    white = np.full((20, 20, 3), 255, dtype=np.uint8)
    crop = Similarity(1 / 40 + 0j, 0.25 + 0.25j).warp(white, 8)  # the frame is the middle of the crop
    np.testing.assert_array_equal(crop[2:6, 2:6], 255)
    assert crop.sum() == 4 * 4 * 3 * 255
    assert not Similarity(1 / 40 + 0j, 9 + 9j).warp(white, 8).any()


def test_a_drawn_face_has_its_dots_at_the_moved_points() -> None:
    points = _placed(30, 0.2, 80, 50)
    crop = alignment(points, ALL)
    small = crop.warp(np.asarray(picture(points[0])), 64)
    for x, y in crop.move(points[0, list(KEYPOINT_LANDMARKS)], 64).round().astype(int):
        assert abs(small[y, x].astype(int) - 128).max() > 60


def test_the_median_ignores_frames_that_are_lost_and_those_not_valid() -> None:
    points = np.repeat(_placed(30, 0.0, 80, 50), 7, axis=0)
    wrong = points.copy()
    wrong[1], wrong[5] = 7 * wrong[1], np.nan
    valid = np.array([True] * 5 + [False, True])
    crop = fit(wrong[valid])
    assert crop.a == pytest.approx(fit(points).a)
    assert crop.b == pytest.approx(fit(points).b)


def test_one_crop_a_frame_holds_a_moving_head_still() -> None:
    points = np.concatenate([_placed(30, 0.02 * i, 80 + i, 50) for i in range(5)])
    crops = frame_alignments(points, np.ones(5, dtype=np.bool_))
    moved = np.stack([crop.move(p, 64) for crop, p in zip(crops, points, strict=True)])
    np.testing.assert_allclose(moved, np.repeat(moved[:1], 5, axis=0), atol=1e-9)
    one = alignment(points, np.ones(5, dtype=np.bool_))
    assert np.ptp(one.move(points, 64)[:, 30, 0]) > 1


def test_the_11_keypoints_alone_give_nearly_the_same_crop() -> None:
    points = _placed(30, 0.1, 80, 50)
    few = np.full_like(points, np.nan)
    few[:, list(KEYPOINT_LANDMARKS)] = points[:, list(KEYPOINT_LANDMARKS)]
    moved, other = (alignment(p, ALL).move(points, 64) for p in (points, few))
    np.testing.assert_allclose(moved, other, atol=2.0)


@pytest.mark.parametrize(
    ("points", "valid"),
    [
        (np.zeros((1, 68, 2)), [True]),
        (np.full((1, 68, 2), np.nan), [True]),
        (_placed(30, 0, 80, 50), [False]),
        (_placed(3, 0, 80, 50), [True]),
    ],
)
def test_what_cannot_be_aligned(points: np.ndarray, valid: list[bool]) -> None:
    with pytest.raises(AlignmentError):
        alignment(points, np.array(valid))
