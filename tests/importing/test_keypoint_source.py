"""Which rows of a table belong to which video, and in which unit."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pytest

from amc.errors import UserError
from amc.importing.keypoint_source import keypoint_source
from amc.importing.video.decoding import VideoFacts

FACTS = VideoFacts(frames=9, height=100, width=200)


def _write(path: Path, name: str, *, scale: float = 1) -> Path:
    rows = "".join(f"{name},{i},{40 * scale},{60 * scale},{50 * scale},{70 * scale}\n" for i in range(9))
    path.write_text("# keypoints: a,b\nvideo,frame,x_0,x_1,y_0,y_1\n" + rows, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("in_table", "file", "remark"),
    [
        ("a/x.mp4", "a/x.mp4", ()),
        (
            "a/\u00e9.mp4",
            unicodedata.normalize("NFD", "a/\u00e9.mp4"),
            ("1 names of videos match except for Unicode form",),
        ),
        ("A/X.MP4", "a/x.mp4", ("1 names of videos match except for case",)),
        ("a/x", "a/x.mp4", ("1 names of videos match except for the file extension",)),
        ("C:/data/a/x.mp4", "a/x.mp4", ("1 names of videos match except for the folder",)),
        ("x", "a/x.mp4", ("1 names of videos match except for folder and file extension",)),
    ],
)
def test_names_that_differ(tmp_path: Path, in_table: str, file: str, remark: tuple[str, ...]) -> None:
    with keypoint_source(_write(tmp_path / "t.csv", in_table), None) as source:
        assert source.unknown_videos([file, "b/y.mp4"]) == []
        assert source.remarks == remark
        rows = source.find(file, Path(file), FACTS)
        assert rows is not None
        np.testing.assert_array_equal(rows.points[0], [[40, 50], [60, 70]])
        assert source.find("b/y.mp4", Path("b/y.mp4"), FACTS) is None


def test_a_name_that_could_be_two_videos_is_neither(tmp_path: Path) -> None:
    table = _write(tmp_path / "t.csv", "x.mp4")
    with table.open("a") as stream:
        stream.write("a/y.mp4,0,40,60,50,70\n")
    with keypoint_source(table, None) as source:
        assert source.unknown_videos(["a/x.mp4", "b/x.mp4", "a/y.mp4"]) == ["x.mp4"]
        assert source.find("a/x.mp4", Path("a/x.mp4"), FACTS) is None


def test_a_table_of_other_videos(tmp_path: Path) -> None:
    with (
        keypoint_source(_write(tmp_path / "t.csv", "a/x.mp4"), None) as source,
        pytest.raises(UserError, match=r"no keypoints of the folder's videos: it names 'a/x.mp4', the folder has 'b/z"),
    ):
        source.unknown_videos(["b/z.mp4"])


def test_shares_become_pixels(tmp_path: Path) -> None:
    """(0, 0) is the frame's corner, half a pixel before the centre of its first pixel."""
    with keypoint_source(_write(tmp_path / "t.csv", "a/x.mp4", scale=0.01), None) as source:
        assert source.unknown_videos(["a/x.mp4"]) == []
        rows = source.find("a/x.mp4", Path("a/x.mp4"), FACTS)
        assert rows is not None
        np.testing.assert_allclose(rows.points[0], [[0.4 * 200 - 0.5, 0.5 * 100 - 0.5], [119.5, 69.5]])
