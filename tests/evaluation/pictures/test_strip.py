from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from amc.evaluation.pictures.strip import GAP, LINE, gif, pages, strip


def _clip(frames: int, size: int, start: int = 0) -> np.ndarray:
    """Frame t is one grey, 10 t + start."""
    grey = (10 * np.arange(frames) + start).astype(np.uint8)
    return np.broadcast_to(grey[:, None, None, None], (frames, size, size, 3)).copy()


def test_strip_shows_evenly_spread_frames_enlarged_without_smoothing(tmp_path: Path) -> None:
    clip = _clip(15, 32)
    clip[:, 5, 7] = (255, 0, 0)
    path = tmp_path / "strip.png"
    strip([("real", clip), ("generated", _clip(15, 32, 3))], path)
    with Image.open(path) as image:
        assert image.format == "PNG"
        pixels = np.asarray(image.convert("RGB"))
    # 8 frames of 32 px at 4x, a line of text above each of two rows.
    assert pixels.shape == (2 * (LINE + 128 + GAP) + GAP, 8 * (128 + GAP) + GAP, 3)
    first = [pixels[GAP + LINE, GAP + i * (128 + GAP)].tolist() for i in range(8)]
    assert first == [[10 * t] * 3 for t in (0, 2, 4, 6, 8, 10, 12, 14)]
    block = pixels[GAP + LINE + 20 : GAP + LINE + 24, GAP + 28 : GAP + 32]
    assert (block == (255, 0, 0)).all()
    assert pixels[GAP + LINE + 24, GAP + 28].tolist() == [0, 0, 0]
    assert (pixels[GAP : GAP + LINE, GAP:200] < 100).any()  # there is a caption


def test_short_clips_show_all_their_frames(tmp_path: Path) -> None:
    strip([("", _clip(3, 64))], tmp_path / "s.png")
    with Image.open(tmp_path / "s.png") as image:
        pixels = np.asarray(image.convert("RGB"))
    row = pixels[GAP + LINE + 5, GAP:]
    assert [row[i * (128 + GAP)].tolist() for i in range(3)] == [[0] * 3, [10] * 3, [20] * 3]


def test_gif_moves_loops_and_holds_the_last_frame_of_a_shorter_clip(tmp_path: Path) -> None:
    path = tmp_path / "clips.gif"
    gif([("long", _clip(6, 32)), ("short", _clip(3, 32, 100)), ("third", _clip(6, 32, 5))], path, fps=10)
    with Image.open(path) as image:
        assert image.n_frames == 6
        assert image.info["loop"] == 0
        seen = []
        for t in range(6):
            image.seek(t)
            assert image.info["duration"] == 100
            pixels = np.asarray(image.convert("RGB")).astype(int)
            seen.append([pixels[GAP + LINE + 60, GAP + 60, 0], pixels[GAP + LINE + 60, GAP + 60 + 132, 0]])
        assert image.size == (2 * 132 + GAP, 2 * (LINE + 128 + GAP) + GAP)
    assert np.allclose(seen, [[0, 100], [10, 110], [20, 120], [30, 120], [40, 120], [50, 120]], atol=4)


def test_captions_of_several_lines_move_all_clips_down(tmp_path: Path) -> None:
    rows = [("one", _clip(2, 32, 60)), ("two\nlines", _clip(2, 32, 70))]
    first = np.asarray(pages(rows)[0])
    assert first.shape == (GAP + 2 * LINE + 128 + GAP, 2 * (128 + GAP) + GAP, 3)
    top = GAP + 2 * LINE
    assert (first[top, [GAP, GAP + 132]] == [[60] * 3, [70] * 3]).all()
    assert (first[GAP + LINE : top, GAP + 132 :] < 100).any()  # the second line
    assert (first[GAP + LINE : top, : GAP + 128] > 200).all()  # which the first caption has not


@pytest.mark.parametrize("write", [strip, gif])
def test_wrong_clips_are_refused_and_nothing_is_left(write: object, tmp_path: Path) -> None:
    assert callable(write)
    for rows in ([], [("a", np.zeros((2, 4, 4, 3)))], [("a", np.zeros((4, 4, 3), np.uint8))], [("a", _clip(0, 4))]):
        with pytest.raises(ValueError, match="clip"):
            write(rows, tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "s.png"
    strip([("", _clip(2, 8))], path)
    before = path.read_bytes()

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        strip([("", _clip(4, 8))], path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@settings(max_examples=15, deadline=None)
@given(
    shapes=st.lists(st.tuples(st.integers(1, 9), st.sampled_from([7, 16, 130])), min_size=1, max_size=4),
    columns=st.integers(1, 6),
)
def test_any_clips_make_a_picture(
    tmp_path_factory: pytest.TempPathFactory, shapes: list[tuple[int, int]], columns: int
) -> None:
    folder = tmp_path_factory.mktemp("any")
    rows = [(f"clip of {t}", _clip(t, size)) for t, size in shapes]
    strip(rows, folder / "s.png", columns=columns)
    gif(rows, folder / "g.gif")
    for name in ("s.png", "g.gif"):
        with Image.open(folder / name) as image:
            image.load()
            assert image.height >= 128
