"""The sample pictures that a run leaves."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from amc.data.training_data import TrainingData
from amc.evaluation.pictures.samples import write_samples
from amc.evaluation.pictures.strip import GAP, LINE
from amc.models.generator import Generator
from tests.toy import toy_config, toy_data


@pytest.fixture(scope="module")
def data() -> TrainingData:
    return toy_data()


def test_samples_are_a_strip_a_gif_and_figure_3(tmp_path: Path, data: TrainingData) -> None:
    config = toy_config()
    torch.manual_seed(0)
    generator = Generator(config).train()
    write_samples(generator, config, data, tmp_path / "samples")
    assert generator.training  # as it was
    names = ["clips.gif", "figure3.png", "strip.png"]
    assert sorted(path.name for path in (tmp_path / "samples").iterdir()) == names
    with Image.open(tmp_path / "samples" / "clips.gif") as image:
        assert image.n_frames == 8
    with Image.open(tmp_path / "samples" / "strip.png") as image:
        assert image.height == 4 * (LINE + 128 + GAP) + GAP  # two classes, real and generated
    with Image.open(tmp_path / "samples" / "figure3.png") as image:
        # Column heads, two blocks of four rows, and 16 pixels between the blocks.
        assert image.height == GAP + LINE + 2 * 4 * (128 + GAP) + 16
    before = {name: (tmp_path / "samples" / name).read_bytes() for name in names}
    write_samples(generator, config, data, tmp_path / "samples")
    assert {name: (tmp_path / "samples" / name).read_bytes() for name in names} == before


def test_the_figure_shows_no_more_clips_than_asked_for(tmp_path: Path, data: TrainingData) -> None:
    config = toy_config()
    write_samples(Generator(config), config, data, tmp_path, mismatched=1)
    with Image.open(tmp_path / "figure3.png") as image:
        assert image.height == GAP + LINE + 4 * (128 + GAP)
