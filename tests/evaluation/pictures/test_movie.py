from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from amc.evaluation.pictures import movie
from amc.evaluation.pictures.movie import codec, mp4
from amc.evaluation.pictures.strip import GAP, LINE, pages

COLOURS = [(220, 40, 30), (30, 180, 60), (40, 60, 210), (128, 128, 128)]


def _clip(frames: int, size: int) -> NDArray[np.uint8]:
    """Frame t is one colour."""
    clip = np.zeros((frames, size, size, 3), np.uint8)
    clip[:] = np.array([COLOURS[t % 4] for t in range(frames)], np.uint8)[:, None, None]
    return clip


def _read(path: Path) -> tuple[str, float, list[NDArray[np.uint8]]]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = [frame.to_ndarray(format="rgb24").astype(np.uint8) for frame in container.decode(stream)]
        return stream.codec_context.name, float(stream.average_rate or 0), frames


def test_a_film_has_every_frame_at_an_even_size_in_its_colours(tmp_path: Path) -> None:
    path = tmp_path / "clips.mp4"
    # 17 px are shown as 136, so that neither side of the page is even without being made so.
    rows = [("long", _clip(7, 17)), ("short", _clip(3, 17)), ("third", _clip(7, 17))]
    mp4(rows, path, fps=12.5)
    name, rate, frames = _read(path)
    assert name == ("h264" if codec() == "libx264" else "mpeg4")
    assert rate == 12.5
    assert len(frames) == 7
    width, height = pages(rows)[0].size
    assert frames[0].shape == (height + height % 2, width + width % 2, 3)
    assert frames[0].shape[0] > 2 * 136
    for t, frame in enumerate(frames):
        seen = frame[GAP + LINE + 60, GAP + 60].astype(int)
        held = frame[GAP + LINE + 60, 2 * GAP + 136 + 60].astype(int)
        assert np.abs(seen - COLOURS[t % 4]).max() <= 6
        assert np.abs(held - COLOURS[min(t, 2)]).max() <= 6
    assert [path] == list(tmp_path.iterdir())


def test_a_build_without_libx264_writes_mpeg4(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(movie.av, "codecs_available", {"mpeg4"})
    mp4([("", _clip(5, 16))], tmp_path / "a.mp4")
    name, _, frames = _read(tmp_path / "a.mp4")
    assert name == "mpeg4"
    assert len(frames) == 5
    for t, frame in enumerate(frames):
        assert np.abs(frame[GAP + LINE + 60, GAP + 60].astype(int) - COLOURS[t % 4]).max() <= 8


@pytest.mark.parametrize("frames", [1, 2])
def test_very_short_clips_make_films(frames: int, tmp_path: Path) -> None:
    mp4([("a", _clip(frames, 8))], tmp_path / "a.mp4")
    assert len(_read(tmp_path / "a.mp4")[2]) == frames


def test_the_encoder_prints_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    mp4([("a", _clip(6, 16))], tmp_path / "a.mp4")
    assert (tmp_path / "a.mp4").stat().st_size > 0
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_wrong_clips_are_refused_and_nothing_is_left(tmp_path: Path) -> None:
    for rows in ([], [("a", np.zeros((2, 4, 4, 1), np.uint8))]):
        with pytest.raises(ValueError, match="clip"):
            mp4(rows, tmp_path / "x.mp4")
    with pytest.raises(OSError, match="nowhere"):
        mp4([("a", _clip(2, 8))], tmp_path / "nowhere" / "x.mp4")
    assert list(tmp_path.iterdir()) == []
