"""The keypoint table: read, written, and refused."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amc.errors import UserError
from amc.importing.keypoints.csv_file import write_table
from amc.importing.keypoints.reading import read_table
from amc.importing.keypoints.table import KeypointTable, VideoKeypoints, left_right_pairs, parse_names

HEAD = "video,frame,x_0,x_1,y_0,y_1"


def _table(path: Path, *rows: str, head: str = HEAD, names: str = "# keypoints: a,b\n") -> Path:
    path.write_text(names + "\n".join([head, *rows]) + "\n", encoding="utf-8")
    return path


def test_the_example(tmp_path: Path) -> None:
    path = _table(
        tmp_path / "t.csv",
        "wave/anna_1.mp4,1,160.5,201,60,130.5",
        "./wave/anna_1.mp4 , 0 ,1e2,,-3,",
        '"jump/a, b.mp4",7,0,1,2,3',
        "",
    )
    table = read_table(path)
    assert table.names == ("a", "b")
    assert set(table.videos) == {"wave/anna_1.mp4", "jump/a, b.mp4"}
    anna = table.videos["wave/anna_1.mp4"]
    assert anna.frame.tolist() == [0, 1]
    np.testing.assert_array_equal(anna.points, [[[100, -3], [np.nan, np.nan]], [[160.5, 60], [201, 130.5]]])
    assert np.isnan(anna.confidence).all()
    dense = table.videos["jump/a, b.mp4"].over(9)
    assert dense.shape == (9, 2, 2)
    np.testing.assert_array_equal(dense[7], [[0, 2], [1, 3]])
    assert np.isnan(dense[[0, 1, 2, 3, 4, 5, 6, 8]]).all()
    assert np.isnan(table.videos["jump/a, b.mp4"].over(7)).all()


def test_names_with_characters_that_cannot_be_printed(tmp_path: Path) -> None:
    """They are those of the importers' lists of files."""
    table = read_table(_table(tmp_path / "t.csv", '"a/new\nline.mp4",0,1,2,3,4'))
    assert list(table.videos) == ["a/new\\nline.mp4"]


def test_columns_in_any_order_other_comments_and_a_mark(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(
        "\ufeff# by hand\n#Keypoints : p , q\n\n# x\ny_1, confidence, x_1, frame, y_0, x_0, video\n4,.5,3,0,2,1,v\n"
    )
    table = read_table(path)
    assert table.names == ("p", "q")
    np.testing.assert_array_equal(table.videos["v"].points, [[[1, 2], [3, 4]]])
    assert table.videos["v"].confidence.tolist() == [0.5]


def test_names_given_take_the_place_of_the_files(tmp_path: Path) -> None:
    assert read_table(_table(tmp_path / "t.csv", "v,0,1,2,3,4"), names=["l", "r"]).names == ("l", "r")
    assert read_table(_table(tmp_path / "t.csv", "v,0,1,2,3,4", names=""), names=["l", "r"]).names == ("l", "r")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("v,0,1,2,3", "line 3: 5 cells under 6 columns"),
        (",0,1,2,3,4", "line 3: the cell under 'video' is empty"),
        ("v,-1,1,2,3,4", "line 3: frame -1 is negative"),
        ("v,1.5,1,2,3,4", "line 3: frame '1.5' is not a whole number"),
        ("v,99999999999,1,2,3,4", "is not a whole number"),
        ("v,0,one,2,3,4", "line 3: x_0 is 'one'"),
        ("v,0,1,nan,3,4", "line 3: only one of x_1 and y_1 is given"),
        ('v,0,"1,5",2,3,4.5', "line 3: x_0 is '1,5', but y_1 is '4.5' in another place: use"),
        ('v,0,"1,500",2,3,4', "line 3: x_0 is '1,500': a decimal comma or thousands?"),
        ('v,0,"1.500,5",2,3,4', "line 3: x_0 is '1.500,5', which is not a plausible number"),
        ("v,0,1,2,inf,4", "line 3: y_0 is 'inf'"),
        ("v,0,1_0,2,3,4", "line 3: x_0 is '1_0'"),
        ("v,0,1,2,3,1e7", "line 3: y_1 is '1e7'"),
        ("v,0,1,2,,4", "line 3: only one of x_0 and y_0"),
        ("v,0,1,2,3,4\nv,1,1,2,3,4\n./v,0,1,2,3,4", "line 5: a second row for frame 0 of v"),
    ],
)
def test_bad_rows(tmp_path: Path, row: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        read_table(_table(tmp_path / "t.csv", row))
    assert said in str(caught.value)
    assert "t.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ("frame,x_0,y_0", "no column 'video'"),
        ("video,x_0,y_0", "no column 'frame'"),
        ("video,frame", "no column 'x_0'"),
        ("video,frame,x_0,x_2,y_0,y_1", "no column 'x_1'"),
        ("video,frame,x_0,x_1,y_0", "no column 'y_1'"),
        ("video,frame,x_0,y_0,y_1", "unknown column 'y_1'"),
        ("video,frame,x_0,y_0,z_0", "unknown column 'z_0'"),
        ("video,frame,x_0,x_0,y_0", "column 'x_0' appears twice"),
        ("video,frame,x_0,y_0", "2 keypoint names for 1 points"),
    ],
)
def test_bad_columns(tmp_path: Path, head: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        read_table(_table(tmp_path / "t.csv", head=head))


def test_no_names(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no names; add a first line '# keypoints: a,b,…' or give --keypoint-names"):
        read_table(_table(tmp_path / "t.csv", "v,0,1,2,3,4", names=""))


@pytest.mark.parametrize("content", [b"", b"# keypoints: a\n\n", b"\xff\xfe\x00", b"\x00\x01,\x02\n", b"a" * 200_000])
def test_what_is_no_table(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"t\.csv"):
        read_table(path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No such file"):
        read_table(tmp_path / "none.csv")


def test_names_and_pairs() -> None:
    assert parse_names(" head, left_wrist ,right_wrist") == ("head", "left_wrist", "right_wrist")
    for bad in ("", "a,,b", "a,a"):
        with pytest.raises(UserError, match="distinct names"):
            parse_names(bad)
    assert left_right_pairs(["head", "right_wrist", "left_wrist", "left_eye"]) == ((2, 1),)
    assert left_right_pairs(["l_ear", "tail", "r_ear", "Left Foot", "Right Foot"]) == ((0, 2), (3, 4))
    assert left_right_pairs(["nose", "mouth"]) == ()


# Not from 0 to 1, nor at (0, 0) or (-1, -1), which mean something else.
_coordinate = st.one_of(st.floats(2, 1e6), st.floats(-1e6, -2))
_point = st.one_of(st.none(), st.tuples(_coordinate, _coordinate))
_video = st.dictionaries(
    st.integers(0, 5000), st.tuples(st.lists(_point, min_size=2, max_size=2), st.floats(0, 1)), min_size=1
)
_name = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=8).filter(lambda s: "/" not in s)


@given(st.dictionaries(st.builds("{}/{}.mp4".format, _name, _name), _video, max_size=4))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_round_trip(tmp_path: Path, made: dict[str, dict[int, tuple[list[tuple[float, float] | None], float]]]) -> None:
    videos = {
        str(Path(name)): VideoKeypoints(
            frame=np.array(sorted(rows)),
            points=np.array([[p or (np.nan, np.nan) for p in rows[f][0]] for f in sorted(rows)]),
            confidence=np.array([rows[f][1] for f in sorted(rows)]),
        )
        for name, rows in made.items()
    }
    write_table(tmp_path / "t.csv", KeypointTable(("a", "b"), videos))
    read = read_table(tmp_path / "t.csv")
    assert read.names == ("a", "b")
    assert set(read.videos) == set(videos)
    for name, rows in videos.items():
        for attribute in ("frame", "points", "confidence"):
            np.testing.assert_array_equal(getattr(read.videos[name], attribute), getattr(rows, attribute))


@given(st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_damage_is_one_line(tmp_path: Path, data: st.DataObject) -> None:
    text = "# keypoints: a,b\n" + HEAD + "\n" + "".join(f"v,{i},{i},2.5,3,4\n" for i in range(5))
    at = data.draw(st.integers(0, len(text) - 1))
    path = tmp_path / "t.csv"
    path.write_text(
        text[:at] + data.draw(st.text(max_size=4)) + text[at + data.draw(st.integers(0, 9)) :], "utf-8", newline=""
    )
    try:
        said = " ".join(read_table(path).videos)
    except UserError as error:
        said = str(error)
    assert "\n" not in said


PLAIN = "# keypoints: a,b\n" + HEAD + "\n" + "".join(f"a/x.mp4,{i},{i + 40}.5,60,50,70.25\n" for i in range(4))
GERMAN = PLAIN.replace(",", ";").replace(".5", ",5").replace(".25", ",25")
POINTS = np.array([[[i + 40.5, 50], [60, 70.25]] for i in range(4)])


@pytest.mark.parametrize(
    ("text", "encoding", "remarks"),
    [
        (PLAIN, "utf-8-sig", ()),
        (PLAIN, "utf-16", ("read as UTF-16",)),
        (PLAIN, "utf-16-le", ("read as UTF-16",)),
        (PLAIN.replace("a/x.mp4", "a/\u00e9.mp4"), "cp1252", ("read as Windows-1252, as it is not UTF-8",)),
        (PLAIN.replace(",", ";").replace("a;b", "a,b"), "utf-8", ("separated by semicolons",)),
        (
            PLAIN.replace(",", ";").replace(".5", ",5").replace(".25", ",25"),
            "utf-8",
            ("separated by semicolons", "decimal commas"),
        ),
        (PLAIN.replace(",", "\t"), "utf-8", ("separated by tabs",)),
        (PLAIN.replace("a/", "a\\"), "utf-8", ("backslashes in paths read as slashes",)),
        (PLAIN.replace("video,frame,x_0", "Video, FRAME ,X0"), "utf-8", ()),
        (PLAIN.replace("\n", ",,\n"), "utf-8", ()),
        ("sep=,\n" + PLAIN.replace("# keypoints: a,b", '"# keypoints: a,b",,'), "utf-8", ()),
        (PLAIN.replace("\n", "\r\n"), "utf-8", ()),
        (PLAIN.replace("\n", "\r"), "utf-8", ()),
        (re.sub(r"([^,\n]+)", r'"\1"', PLAIN), "utf-8", ()),
        (re.sub(r"([^;\n]+)", r'"\1"', PLAIN.replace(",", ";")), "utf-8", ("separated by semicolons",)),
        (PLAIN.replace("60", "6.0E+01").replace("50", "\u00a050"), "utf-8", ()),
        (PLAIN.replace("x_0,x_1,y_0,y_1", "a_x,b_x,a_y,b_y").replace("# keypoints: a,b\n", ""), "utf-8", ()),
        (re.sub(r"mp4,(\d)", r"mp4,\1.0", PLAIN), "utf-8", ()),
    ],
)
def test_tables_as_other_programs_save_them(tmp_path: Path, text: str, encoding: str, remarks: tuple[str, ...]) -> None:
    (tmp_path / "t.csv").write_bytes(text.encode(encoding))
    table = read_table(tmp_path / "t.csv")
    assert (table.names, table.remarks, table.shares) == (("a", "b"), remarks, False)
    (rows,) = table.videos.values()
    np.testing.assert_array_equal(rows.points, POINTS)
    assert rows.frame.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("nowhere", ["0,0", "-1,-1", "0.0,0.0", "nan,NaN", "NA,", "null,None"])
def test_points_that_were_not_found(tmp_path: Path, nowhere: str) -> None:
    x, y = nowhere.split(",")
    table = read_table(_table(tmp_path / "t.csv", f"v,0,{x},60,{y},70", "v,1,40,60,50,70"))
    np.testing.assert_array_equal(np.isnan(table.videos["v"].points[:, 0, 0]), [True, False])
    assert table.remarks == (("1 points at (0, 0) or (-1, -1) taken as not found",) if x[-1] in "01" else ())


def test_shares_of_the_frame(tmp_path: Path) -> None:
    rows = [f"v,{i},{0.3 + 0.01 * i},1.2,0.5,0.75" for i in range(9)]
    table = read_table(_table(tmp_path / "t.csv", *rows))
    assert table.shares
    assert table.remarks == ("coordinates from 0 to 1 multiplied by the frame's width and height",)
    mixed = [*rows, *(f"w,{i},30,40,50,60" for i in range(9))]
    with pytest.raises(UserError, match="v has coordinates from 0 to 1, but w has pixels; use one"):
        read_table(_table(tmp_path / "t.csv", *mixed))
    whole = [f"v,{i},{i % 2},1,1,{i % 2}" for i in range(9)]
    assert not read_table(_table(tmp_path / "t.csv", *whole)).shares
