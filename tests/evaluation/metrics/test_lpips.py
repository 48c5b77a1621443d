"""LPIPS against the authors' own program, and its properties."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from amc.data.conditions import to_video
from amc.errors import UserError
from amc.evaluation.metrics.lpips import Lpips, load_lpips
from amc.models.i3d import I3D
from amc.models.lpips import LpipsNetwork
from tests.evaluation.metrics.made_weights import made_video, written

# By the authors' package (lpips 0.1.4, net="alex", version 0.1) on torchvision's AlexNet (0.28.0), both with
# `made_weights`, of each frame of `made_video(1, 2, 3, size)` beside that of `made_video(2, 2, 3, size)`. With the
# package's own heads in place of these the two programs differed by 1e-9 at most.
BY_THE_AUTHORS = {
    64: [[1.634886, 1.612917, 1.645257], [1.602282, 1.600424, 1.586922]],
    80: [[1.600224, 1.589245, 1.618487], [1.567604, 1.578892, 1.565261]],
}


@pytest.fixture(scope="module")
def lpips(tmp_path_factory: pytest.TempPathFactory) -> Lpips:
    return load_lpips(written(tmp_path_factory.mktemp("lpips") / "lpips.safetensors", LpipsNetwork()))


@pytest.mark.parametrize("size", BY_THE_AUTHORS)
def test_it_is_the_authors(lpips: Lpips, size: int) -> None:
    found = lpips(made_video(1, 2, 3, size), made_video(2, 2, 3, size))
    np.testing.assert_allclose(found, np.mean(BY_THE_AUTHORS[size], axis=1), rtol=1e-5)


def test_small_frames_are_enlarged_to_the_patches_of_the_authors(lpips: Lpips) -> None:
    first, second = made_video(1, 2, 3, 32), made_video(2, 2, 3, 32)
    large = [
        F.interpolate(to_video(video).flatten(0, 1).contiguous(), (64, 64), mode="bilinear", align_corners=False)
        for video in (first, second)
    ]
    with torch.inference_mode():
        expected = lpips.network(*large).view(2, 3).mean(1)
    np.testing.assert_allclose(lpips(first, second), expected.numpy(), rtol=1e-6)
    np.testing.assert_allclose(lpips(first, second), [1.5380741, 1.5571199], rtol=1e-5)  # the authors' of the enlarged


def test_equal_clips_have_no_distance_and_order_does_not_matter(lpips: Lpips) -> None:
    first, second = made_video(1, 3, 2, 16), made_video(2, 3, 2, 16)
    assert lpips(first, first).tolist() == [0, 0, 0]
    np.testing.assert_allclose(lpips(first, second), lpips(second, first), rtol=1e-6)


def test_more_noise_is_farther(lpips: Lpips) -> None:
    clip = np.full((1, 2, 64, 64, 3), 120, np.uint8)
    noise = np.random.default_rng(0).uniform(-1, 1, clip.shape)
    distances = [lpips(clip, (clip + size * noise).astype(np.uint8))[0] for size in (0, 10, 40, 100)]
    assert distances[0] == 0
    assert distances == sorted(distances)


def test_a_clip_counts_for_itself_whatever_it_is_asked_with(lpips: Lpips) -> None:
    first, second = made_video(1, 40, 2, 16), made_video(2, 40, 2, 16)  # more than one pass
    alone = [lpips(first[i : i + 1], second[i : i + 1])[0] for i in (0, 33, 39)]
    np.testing.assert_allclose(lpips(first, second)[[0, 33, 39]], alone, rtol=1e-5)


def test_clips_that_make_no_pairs(lpips: Lpips) -> None:
    with pytest.raises(ValueError, match="do not match"):
        lpips(made_video(1, 2, 3, 16), made_video(1, 2, 2, 16))


def test_another_networks_file(tmp_path: Path) -> None:
    path = written(tmp_path / "i3d.safetensors", I3D())
    with pytest.raises(UserError, match=r"--lpips .* lacks 15 of 15 weights"):
        load_lpips(path)
