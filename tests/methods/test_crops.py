"""Random parts of training clips."""

from __future__ import annotations

import torch
from torch import Tensor

from amc.methods.crops import random_crops


def places(clips: int, frames: int, extent: int) -> Tensor:
    """Clips whose three channels hold the frame, row and column of each pixel."""
    axes = torch.meshgrid(torch.arange(frames), torch.arange(extent), torch.arange(extent), indexing="ij")
    return torch.stack(axes, dim=1).expand(clips, -1, -1, -1, -1)


def test_a_crop_is_consecutive_frames_of_one_square() -> None:
    crops = random_crops(places(64, 8, 10), frames=5, size=4, seed=3, step=0)
    assert crops.shape == (64, 5, 3, 4, 4)
    corner = crops[:, :1, :, :1, :1]
    expected = places(64, 5, 4)
    assert torch.equal(crops - corner, expected)
    for axis, most in enumerate((3, 6, 6)):  # every place is drawn, clip by clip
        assert set(corner[:, 0, axis, 0, 0].tolist()) == set(range(most + 1))


def test_a_crop_depends_on_seed_and_step_alone() -> None:
    clips = places(8, 8, 10)
    first = random_crops(clips, 5, 4, seed=1, step=7)
    assert torch.equal(random_crops(clips, 5, 4, seed=1, step=7), first)
    assert not torch.equal(random_crops(clips, 5, 4, seed=1, step=8), first)
    assert not torch.equal(random_crops(clips, 5, 4, seed=2, step=7), first)


def test_whole_clips_are_returned_unchanged() -> None:
    clips = places(2, 5, 4)
    assert torch.equal(random_crops(clips, 5, 4, seed=0, step=0), clips)
