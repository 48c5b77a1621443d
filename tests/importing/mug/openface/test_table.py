"""Reading OpenFace's tables, good and bad."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amc.importing.mug.openface.table import FaceTrack, LandmarksError, read_face
from tests.importing.mug.made_takes import MEASURED, face, own_units, table

FACES = [face(0.1 * i) for i in range(6)]
TEXT = table(FACES, own_units(6, 3))


def _read(path: Path, text: str | bytes, frames: int = 6, **more: float) -> FaceTrack:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_face(path, frames, **more)


@pytest.mark.parametrize("separator", [", ", ","])
def test_all_of_it(tmp_path: Path, separator: str) -> None:
    found = _read(tmp_path / "t.csv", table(FACES, own_units(6, 3), failed=[2], separator=separator))
    good = [0, 1, 3, 4, 5]
    np.testing.assert_allclose(found.landmarks[good], np.array(FACES)[good], atol=6e-4)
    assert np.isnan(found.landmarks[2]).all()
    assert found.found.tolist() == [True, True, False, True, True, True]
    assert tuple(found.units) == MEASURED
    np.testing.assert_allclose(found.units[12][good], np.array(own_units(6, 3)[12])[good], atol=6e-3)
    assert np.isnan(found.units[12][2])
    assert found.last_frame == 6
    assert not found.oddities
    # frame … success, 136 coordinates, 17 intensities and 18 presences: what `-2Dfp -aus` writes.
    assert len(TEXT.splitlines()[0].split(",")) == 176


def test_without_units_and_of_an_older_build(tmp_path: Path) -> None:
    assert _read(tmp_path / "t.csv", table(FACES)).units == {}
    older = "\n".join(",".join(c for i, c in enumerate(line.split(", ")) if i != 1) for line in TEXT.splitlines())
    assert "face_id" not in older
    np.testing.assert_array_equal(_read(tmp_path / "t.csv", older).landmarks, _read(tmp_path / "u.csv", TEXT).landmarks)
    _read(tmp_path / "t.csv", "\ufeff" + TEXT.replace("\n", "\r\n"))


def test_confidence(tmp_path: Path) -> None:
    text = TEXT.replace("2, 0, 0.050, 0.98, 1", "2, 0, 0.050, 0.60, 1")
    assert not _read(tmp_path / "t.csv", text).found[1]
    assert _read(tmp_path / "t.csv", text, min_confidence=0.6).found.all()


def test_the_more_certain_of_two_faces_is_followed(tmp_path: Path) -> None:
    lines = TEXT.splitlines()
    other = [
        line.replace(", 0, ", ", 1, ", 1).replace("0.98", "0.80").replace("80.000", "10.000") for line in lines[1:]
    ]
    other[4] = other[4].replace("0.80", "1.00")  # once more certain, but not in all
    found = _read(tmp_path / "t.csv", "\n".join([lines[0], *other, *lines[1:]]))
    np.testing.assert_allclose(found.landmarks, FACES, atol=6e-4)
    assert found.oddities == {"several rows per frame": "2 faces, used face_id 0"}
    # Without numbers of faces: the most certain row of each frame.
    rows = [",".join(c for i, c in enumerate(line.split(", ")) if i != 1) for line in [lines[0], *other, *lines[1:]]]
    found = _read(tmp_path / "t.csv", "\n".join(rows))
    assert found.landmarks[4, 8, 0] == 10
    np.testing.assert_allclose(found.landmarks[:4], FACES[:4], atol=6e-4)
    assert found.oddities == {"several rows per frame": "6 repeated rows, used the most confident"}


def _cell(line: int, column: int, value: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        lines = [row.split(", ") for row in text.splitlines()]
        lines[line][column] = value
        return "\n".join(", ".join(row) for row in lines)

    return change


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        (0, "0", "frame '0' is not a whole number of at least 1"),
        (0, "2.5", "frame '2.5' is not a whole number of at least 1"),
        (0, "99999999999", "not a whole number"),
        (3, "nan", "confidence 'nan' is not in [0, 1]"),
        (3, "1.2", "confidence '1.2' is not in [0, 1]"),
        (4, "2", "success '2' is not 0 or 1"),
        (10, "nan", "a landmark is not a plausible number"),
        (10, "inf", "a landmark is not a plausible number"),
        (10, "", "a landmark is not a plausible number"),
        (10, "1e9", "a landmark is not a plausible number"),
        (10, "1_0", "a landmark is not a plausible number"),
        (145, "-1", "intensity is not in [0, 5]"),
        (145, "nan", "intensity is not in [0, 5]"),
        (145, "1, 2", "177 cells under 176 columns"),
    ],
)
def test_damaged_rows_are_left_out_and_counted(tmp_path: Path, column: int, value: str, said: str) -> None:
    found = _read(tmp_path / "t.csv", _cell(2, column, value)(TEXT))
    assert found.found.tolist() == [True, False, True, True, True, True]
    assert found.oddities["damaged rows"].startswith("1 damaged rows left out (line 3: ")
    assert said in found.oddities["damaged rows"]


def test_a_table_that_was_cut_short(tmp_path: Path) -> None:
    found = _read(tmp_path / "t.csv", TEXT[: int(len(TEXT) * 0.8)])
    assert found.found.tolist() == [True] * 4 + [False] * 2
    assert found.last_frame == 4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "empty"),
        (b"\n \n", "empty"),
        (b"\xff\xfe\x00frame", "not UTF-8"),
        (TEXT.splitlines()[0], "no usable row"),
        (TEXT.replace("x_17,", "x_170,", 1), "no column 'x_17'"),
        (TEXT.replace("x_17,", "x_18,", 1), "no column 'x_17'"),
        (TEXT.replace("AU02_r", "AU01_r", 1), "column 'AU01_r'"),
        ('frame,"confidence\n1,2', "not CSV"),
        ("\x89PNG\r\n\x1a\n", "no column 'frame'"),
    ],
)
def test_no_tables(tmp_path: Path, text: str | bytes, said: str) -> None:
    with pytest.raises(LandmarksError, match=said):
        _read(tmp_path / "t.csv", text)


def test_rows_past_the_takes_end_are_reported(tmp_path: Path) -> None:
    found = _read(tmp_path / "t.csv", TEXT, frames=4)
    assert found.landmarks.shape == (4, 68, 2)
    assert found.last_frame == 6


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(LandmarksError, match="cannot be read"):
        read_face(tmp_path / "none.csv", 4)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_damage_is_named_or_harmless(tmp_path: Path, data: st.DataObject) -> None:
    raw = bytearray(TEXT.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(raw) - 1))
        if data.draw(st.booleans()):
            start = data.draw(st.integers(0, 1500))  # the names
        end = start + data.draw(st.integers(0, 40))
        raw[start:end] = data.draw(
            st.one_of(st.binary(max_size=8), st.text('0123456789.,-eninf "\n\t', max_size=8).map(str.encode))
        )
    try:
        found = _read(tmp_path / "t.csv", bytes(raw))
    except LandmarksError:
        return
    assert found.landmarks.shape == (6, 68, 2)
    assert not np.isinf(found.landmarks).any()
    for values in found.units.values():
        assert ((values >= 0) & (values <= 5) | np.isnan(values)).all()
