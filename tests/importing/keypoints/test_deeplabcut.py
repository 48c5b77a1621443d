"""DeepLabCut's CSV files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from amc.errors import UserError
from amc.importing.keypoints.reading import read_table


def test_deeplabcut(tmp_path: Path) -> None:
    head = "scorer,DLC_net,DLC_net,DLC_net,DLC_net,DLC_net,DLC_net\nbodyparts,nose,nose,nose,paw,paw,paw\n"
    head += "coords,x,y,likelihood,x,y,likelihood\n"
    for label in "ab":
        (tmp_path / label).mkdir()
        (tmp_path / label / "film1DLC_net.csv").write_text(head + "0,10.5,20,0.9,5,6,0.1\n1,11,21,0.99,5,6,1\n")
    table = read_table(tmp_path)
    assert table.names == ("nose", "paw")
    assert table.remarks == ("read as a DeepLabCut file; points with a likelihood below 0.6 are dropped",)
    assert set(table.videos) == {"a/film1", "b/film1"}
    np.testing.assert_array_equal(table.videos["a/film1"].points, [[[10.5, 20], [np.nan, np.nan]], [[11, 21], [5, 6]]])
    with pytest.raises(UserError, match="3 keypoint names for 2 points: nose, paw"):
        read_table(tmp_path, ("a", "b", "c"))


HEAD = "scorer,s,s,s\nbodyparts,nose,nose,nose\ncoords,x,y,likelihood\n"


def test_rows_are_sorted_by_frame(tmp_path: Path) -> None:
    path = tmp_path / "film.csv"
    path.write_text(HEAD + "3,30,31,0.9\n1.0,10,11,0.8\n2,1e300,inf,0.1\n")
    rows = read_table(path).videos["film"]
    assert rows.frame.tolist() == [1, 2, 3]
    np.testing.assert_array_equal(rows.points, [[[10, 11]], [[np.nan, np.nan]], [[30, 31]]])
    assert rows.confidence.tolist() == [0.8, 0.1, 0.9]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (HEAD.replace("coords,x,", "coords,"), "3 cells in row 'bodyparts' and 2 in row 'coords'"),
        ("scorer,s\nbodyparts\ncoords\n0\n", "0 cells in row 'bodyparts' and 0 in row 'coords'"),
        (HEAD.replace("likelihood", "x"), "two columns have the same body part and coordinate"),
        (HEAD + "inf,1,2,1\n", "frame 'inf' is not a whole number"),
        (HEAD + "1e10,1,2,1\n", "frame '1e10' is not a whole number below 2147483648"),
        (HEAD + "-1e300,1,2,1\n", "frame '-1e300' is not a whole number"),
        (HEAD + "0.5,1,2,1\n", "frame '0.5' is not a whole number"),
        (HEAD + "0,1,2,1\n-1,1,2,1\n", "film has a frame -1: count frames from 0"),
        (HEAD + "3,1,2,1\n1,1,2,1\n3,1,2,1\n", "two rows for frame 3 of film: keep one"),
        (HEAD + "4,1e300,2,1\n", "frame 4 of film: nose is at (1e+300, 2): give x and y in pixels, at most 1,000,000"),
        (HEAD + "4,1,-inf,1\n", "frame 4 of film: nose is at (1, -inf)"),
        (HEAD + "4,,2,1\n", "frame 4 of film: nose is at (nan, 2)"),
        (HEAD + "4,1,2,inf\n", "frame 4 of film: the confidence is infinite"),
        (HEAD + "4,1,2," + "1" * 140000, "starts like a file of DeepLabCut, but is not CSV in UTF-8"),
        (HEAD + "0,1,2,1\n" * 400 + "\x81", "starts like a file of DeepLabCut, but is not CSV in UTF-8"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "film.csv"
    path.write_text(content, encoding="latin-1")
    for where in (path, tmp_path):
        with pytest.raises(UserError) as caught:
            read_table(where)
        assert str(caught.value).startswith(f"{path}: ")
        assert said in str(caught.value)
        assert "\n" not in str(caught.value)


def test_two_files_of_one_video(tmp_path: Path) -> None:
    """DeepLabCut writes its filtered points beside the others."""
    for name in ("films.csv", "films_filtered.csv"):
        (tmp_path / name).write_text(HEAD.replace("s,s,s", "DLC_net,DLC_net,DLC_net") + "0,1,2,1\n")
    assert len(read_table(tmp_path).videos) == 2
    for name in ("filmDLC_net.csv", "filmDLC_net_filtered.csv"):
        (tmp_path / name).write_text(HEAD.replace("s,s,s", "DLC_net,DLC_net,DLC_net") + "0,1,2,1\n")
    with pytest.raises(UserError, match="two files have points of film: keep one of them"):
        read_table(tmp_path)
