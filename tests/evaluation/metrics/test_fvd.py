"""I3D against a transcription of its common PyTorch port, and what FVD takes of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from amc.errors import UserError
from amc.evaluation.metrics.fvd import Fvd, check_length, load_fvd
from amc.models.i3d import I3D
from amc.models.lpips import LpipsNetwork
from tests.evaluation.metrics.made_weights import made_video, written

# By a transcription of the port (piergiaj/pytorch-i3d at b49fadf, `InceptionI3d().eval()`, logits averaged over time)
# with `made_weights`, of `made_video(3, 1, frames, 16)` in [-1, 1], resized by `F.interpolate` to 224 x 224: the first
# five logits, their mean and standard deviation over the 400, and the largest.
BY_THE_PORT = {
    9: ([646.07, 756.358, -216.67, 424.86, 103.13], 10.72021, 407.5657, 337),
    16: ([911.017, 959.876, -175.846, 507.509, 6.16445], 11.49928, 525.3489, 356),
}


@pytest.fixture(scope="module")
def fvd(tmp_path_factory: pytest.TempPathFactory) -> Fvd:
    return load_fvd(written(tmp_path_factory.mktemp("fvd") / "i3d.safetensors", I3D()))


def test_the_network_has_the_ports_size(fvd: Fvd) -> None:
    assert sum(parameter.numel() for parameter in fvd.network.parameters()) == 12_697_264


@pytest.mark.parametrize("frames", BY_THE_PORT)
def test_it_is_the_port(fvd: Fvd, frames: int) -> None:
    (logits,) = fvd.features(made_video(3, 1, frames, 16))
    first, mean, deviation, largest = BY_THE_PORT[frames]
    np.testing.assert_allclose(logits[:5], first, rtol=1e-3, atol=0.1)
    assert logits.mean() == pytest.approx(mean, abs=0.1)
    assert logits.std(ddof=1) == pytest.approx(deviation, rel=1e-4)
    assert logits.argmax() == largest


def test_a_clip_counts_for_itself_whatever_it_is_asked_with(fvd: Fvd) -> None:
    video = made_video(5, 5, 9, 16)  # more than one pass
    together = fvd.features(video)
    assert together.shape == (5, 400)
    np.testing.assert_allclose(together[4:], fvd.features(video[4:]), rtol=1e-3, atol=0.1)
    assert len({row.tobytes() for row in together}) == 5


def test_clips_that_are_too_short_for_it(fvd: Fvd) -> None:
    check_length(9)
    with pytest.raises(UserError, match="needs clips of at least 9 frames, these have 8"):
        fvd.features(made_video(0, 1, 8, 16))


def test_another_networks_file(tmp_path: Path) -> None:
    path = written(tmp_path / "lpips.safetensors", LpipsNetwork())
    with pytest.raises(UserError, match=r"--fvd .* lacks \d+ of \d+ weights, for example Conv3d_1a_7x7"):
        load_fvd(path)
