from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from amc.config import configure, natops
from amc.models.motion_classifier import MotionClassifier, classifier_input


def _parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize(("dataset", "count"), [("natops", 11_289_688), ("mug", 11_287_366)])
def test_parameter_count_at_paper_size(dataset: str, count: int) -> None:
    config = configure(dataset, "paper")
    assert _parameters(MotionClassifier(config.model, config.dataset.classes)) == count


def test_shapes_of_appendix_b3() -> None:
    network = MotionClassifier(natops().model, 24).eval()
    x = torch.zeros(1, 3, 32, 64, 64)
    shapes = []
    for layer in network.embed:
        x = layer(x)
        if isinstance(layer, nn.Conv3d):
            shapes.append(tuple(x.shape[1:]))
    assert shapes == [(64, 16, 32, 32), (128, 8, 16, 16), (256, 4, 8, 8), (512, 1, 2, 2)]
    assert network.classify[0].in_features == 2048
    assert network(torch.zeros(2, 32, 3, 64, 64)).shape == (2, 24)


def test_layers_follow_the_text() -> None:
    network = MotionClassifier(natops().model, 6)
    names = [type(layer).__name__ for layer in (*network.embed, *network.classify)]
    assert names == [
        *("Conv3d", "LeakyReLU", "Conv3d", "BatchNorm3d", "LeakyReLU", "Conv3d", "BatchNorm3d", "LeakyReLU", "Conv3d"),
        *("Linear", "BatchNorm1d", "LeakyReLU", "Dropout", "Linear"),
    ]
    convolutions = [layer for layer in network.embed if isinstance(layer, nn.Conv3d)]
    assert all(c.kernel_size == (4, 4, 4) for c in convolutions)
    assert [c.stride[0] for c in convolutions] == [2, 2, 2, 4]
    assert all(layer.negative_slope == 0.2 for layer in network.modules() if isinstance(layer, nn.LeakyReLU))


def test_the_last_layer_shrinks_per_axis() -> None:
    # 32 px and 16 frames leave 2 x 4 x 4 before the last layer (R25).
    last = MotionClassifier(replace(natops().model, size=32, frames=16), 6).embed[-1]
    assert isinstance(last, nn.Conv3d)
    assert last.kernel_size == last.stride == (2, 4, 4)


def test_a_layer_with_no_extent_left_is_dropped() -> None:
    network = MotionClassifier(replace(natops().model, size=8, frames=8), 3)
    assert sum(isinstance(layer, nn.Conv3d) for layer in network.embed) == 3
    assert network.eval()(torch.zeros(1, 8, 3, 8, 8)).shape == (1, 3)


@settings(max_examples=25, deadline=None)
@given(size=st.integers(2, 40), frames=st.integers(5, 20), classes=st.integers(2, 5))
def test_every_size_has_a_network(size: int, frames: int, classes: int) -> None:
    network = MotionClassifier(
        replace(natops().model, size=size, frames=frames, classifier_width=1 / 16), classes
    ).eval()
    assert network(torch.zeros(1, frames, 3, size, size)).shape == (1, classes)


def test_input_is_the_last_frames_with_its_ends_repeated_twice() -> None:
    video = torch.arange(8.0).view(1, 8, 1, 1, 1)
    assert classifier_input(video, 8).flatten().tolist() == [4, 4, 4, 5, 6, 7, 7, 7]
    # A generated video lacks x_1; its last frames are the same.
    assert torch.equal(classifier_input(video[:, 1:], 8), classifier_input(video, 8))


@pytest.mark.parametrize(
    ("discarded", "expected"),
    [(5, [5, 5, 5, 6, 7, 7, 7, 7]), (2, [2, 2, 3, 4, 5, 6, 7, 7]), (1, [1, 2, 3, 4, 5, 6, 7, 7])],
)
def test_input_with_another_number_of_frames_discarded(discarded: int, expected: list[int]) -> None:
    """R15 as a setting; 5 discards the first four of the generated frames x_2 ... x_T."""
    video = torch.arange(8.0).view(1, 8, 1, 1, 1)
    assert classifier_input(video, 8, discarded).flatten().tolist() == expected


@given(given_frames=st.integers(1, 12), length=st.integers(1, 12))
def test_input_has_the_classifiers_length_and_never_the_first_four(given_frames: int, length: int) -> None:
    video = torch.arange(float(given_frames)).view(1, given_frames, 1, 1, 1)
    if length < 5 or given_frames < length - 4:
        with pytest.raises(ValueError, match="frames given"):
            classifier_input(video, length)
        return
    seen = classifier_input(video, length).flatten().tolist()
    assert len(seen) == length
    assert set(seen) == set(range(given_frames - (length - 4), given_frames))
