from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from amc.evaluation.pictures.figure import LabelledClip, figure


def _video(label: tuple[str, ...], frames: int = 32, start: int = 10) -> LabelledClip:
    """Frame t (from 0) is one grey, start + 5 t."""
    grey = (start + 5 * np.arange(frames)).astype(np.uint8)
    return LabelledClip(label, np.broadcast_to(grey[:, None, None, None], (frames, 16, 16, 3)).copy())


def _pixels(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB"))


def _frames(pixels: NDArray[np.uint8]) -> list[list[int]]:
    """The greys of the frames of each row, found by their size: 128 pixels square of one colour."""
    rows: list[list[int]] = []
    y = 0
    while y + 128 <= len(pixels):
        greys, x = [], 0
        while x + 128 <= pixels.shape[1]:
            block = pixels[y : y + 128, x : x + 128]
            if (block == block[0, 0]).all() and block[0, 0, 0] < 250:
                greys.append(int(block[0, 0, 0]))
                x += 128
            else:
                x += 1
        rows += [greys] if greys else []
        y += 128 if greys else 1
    return rows


def test_a_row_shows_the_input_and_the_frames_of_the_paper(tmp_path: Path) -> None:
    figure([[_video(("real clip", "Fire")), _video(("ya, ym", "Fire"), start=11)]], tmp_path / "f.png")
    # The input is frame 1, and the others are the 8th, 16th, 24th and 32nd.
    assert _frames(_pixels(tmp_path / "f.png")) == [[s + 5 * (t - 1) for t in (1, 8, 16, 24, 32)] for s in (10, 11)]


def test_labels_stand_left_of_the_frames_and_groups_apart(tmp_path: Path) -> None:
    one, two = _video(("real clip", "a longer line of text", "third")), _video(("ya, ym",), start=90)
    figure([[one, two], [one]], tmp_path / "f.png", columns=2)
    pixels = _pixels(tmp_path / "f.png")
    assert len(_frames(pixels)) == 3
    label = pixels[22 : 22 + 128, :100]
    assert (label < 100).any()  # text
    assert (pixels[22 + 132 : 22 + 132 + 128, :40] < 100).any()
    inked = np.flatnonzero((pixels[:, :60] < 100).any(axis=(1, 2)))
    assert inked[0] > 22  # column heads begin right of the labels
    figure([[one, two, one]], tmp_path / "joined.png", columns=2)
    assert len(pixels) == len(_pixels(tmp_path / "joined.png")) + 16


@pytest.mark.parametrize("frames", [1, 2, 3, 5])
def test_short_videos_show_all_their_frames(frames: int, tmp_path: Path) -> None:
    figure([[_video(("short",), frames)]], tmp_path / "f.png")
    (shown,) = _frames(_pixels(tmp_path / "f.png"))
    assert shown[-1] == 10 + 5 * (frames - 1)
    if frames <= 4:
        assert shown == [10, *(10 + 5 * t for t in range(frames))]


def test_wrong_videos_are_refused_and_nothing_is_left(tmp_path: Path) -> None:
    wrong: list[list[list[LabelledClip]]] = [
        [],
        [[]],
        [[LabelledClip(("a",), np.zeros((4, 4, 3), np.uint8))]],
        [[_video(("a",), 4), _video(("b",), 5)]],
    ]
    for groups in wrong:
        with pytest.raises(ValueError, match="clip"):
            figure(groups, tmp_path / "f.png")
    assert list(tmp_path.iterdir()) == []
