"""The small moving picture of a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from amc.evaluation.pictures.sample_gif import GAP, SHOWN, sample_clips, write_gif, write_real_gif, write_sample_gif
from tests.evaluation.scores.known import copier, oracle
from tests.toy import toy_config, toy_data

CONFIG = toy_config()
DATA = toy_data()


def pages(path: Path) -> list[NDArray[np.uint8]]:
    """Its pictures, one for each tenth of a second."""
    found = []
    with Image.open(path) as image:
        assert image.info["loop"] == 0
        for page in range(getattr(image, "n_frames", 1)):
            image.seek(page)
            found += [np.asarray(image.convert("RGB"))] * (image.info["duration"] // 100)
    return found


def test_clips_stand_side_by_side_enlarged_without_smoothing(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    colours = draw.integers(0, 256, (8, 3), dtype=np.uint8)
    clips = colours[draw.integers(0, 8, (3, 5, 16, 16))]
    write_gif(clips, tmp_path / "row.gif")
    shown = pages(tmp_path / "row.gif")
    assert len(shown) == 5
    assert shown[0].shape == (SHOWN, 3 * SHOWN + 2 * GAP, 3)
    for t, page in enumerate(shown):
        for clip in range(3):
            part = page[:, clip * (SHOWN + GAP) :][:, :SHOWN]
            assert (part == clips[clip, t].repeat(6, axis=0).repeat(6, axis=1)).all()
    assert [path.name for path in tmp_path.iterdir()] == ["row.gif"]


@pytest.mark.parametrize(("size", "height"), [(32, 96), (64, 64), (128, 128)])
def test_large_clips_are_shown_as_they_are(size: int, height: int, tmp_path: Path) -> None:
    write_gif(np.random.default_rng(0).integers(0, 256, (2, 3, size, size, 3), dtype=np.uint8), tmp_path / "row.gif")
    assert pages(tmp_path / "row.gif")[0].shape == (height, 2 * height + GAP, 3)


def test_every_run_shows_the_same_test_clips(tmp_path: Path) -> None:
    chosen = sample_clips(DATA)
    assert DATA.clips.label[chosen].tolist() == [0, 1]
    assert np.isin(chosen, DATA.split.test).all()
    write_sample_gif(oracle(DATA), CONFIG, DATA, tmp_path / "run")
    write_real_gif(DATA, tmp_path / "real")
    write_sample_gif(copier(), CONFIG, DATA, tmp_path / "still")
    assert (tmp_path / "run" / "row.gif").read_bytes() == (tmp_path / "real" / "row.gif").read_bytes()
    assert len(pages(tmp_path / "run" / "row.gif")) == CONFIG.model.frames - 1
    assert len({page.tobytes() for page in pages(tmp_path / "still" / "row.gif")}) == 1


def test_a_row_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    write_real_gif(DATA, tmp_path)
    before = (tmp_path / "row.gif").read_bytes()
    with pytest.raises(FileNotFoundError):
        write_gif(DATA.clips.frames[:1], tmp_path / "missing" / "row.gif")
    assert (tmp_path / "row.gif").read_bytes() == before
