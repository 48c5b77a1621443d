"""Finding the videos of NATOPS, unpacked and in archives."""

from __future__ import annotations

import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amc.errors import UserError
from amc.importing.natops import source_files as module
from amc.importing.natops.source_files import (
    NatopsFiles,
    UnreadableArchive,
    as_file,
    identity,
    list_files,
)
from amc.importing.problems import Problems


def _put(root: Path, *names: str, content: bytes = b"video") -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _zip(path: Path, *members: str, content: bytes = b"packed video " * 50, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as packed:
        for member in members:
            packed.writestr(member, content)
    return path


def _read(root: Path) -> tuple[NatopsFiles, list[str]]:
    _put(root, "segmentation.txt")
    problems = Problems()
    found = list_files(root, problems)
    return found, [f"{p.kind}{'' if p.skipped else ' (kept)'}: {p}" for p in problems.found]


def test_names() -> None:
    assert identity("g01s20.avi") == (1, 20)
    assert identity("data/Gesture24/G24S03.AVI") == (24, 3)
    for other in ("g01s20m.avi", "g01s20d.avi", "g25s01.avi", "g00s01.avi", "g1s1.avi", "g01s01.mp4", "xg01s01.avi"):
        assert identity(other) is None


def test_any_depth_any_case_and_what_else_lies_about(tmp_path: Path) -> None:
    _put(
        tmp_path,
        *("data/gesture02/g02s01.avi", "data/gesture01/G01S10.AVI", "data/gesture01/g01s02.avi"),
        *("data/gesture01/g01s02m.avi", "data/gesture01/G01S02D.avi", "g03s01.avi"),
        *(
            "data/holiday.mov",
            "data/gesture01/g01s2.avi",
            "readme.txt",
            ".hidden.avi",
            ".git/g04s01.avi",
            "._g05s01.avi",
        ),
    )
    found, problems = _read(tmp_path)
    assert [(f.gesture, f.subject, f.name) for f in found.videos] == [
        (1, 2, "data/gesture01/g01s02.avi"),
        (1, 10, "data/gesture01/G01S10.AVI"),
        (2, 1, "data/gesture02/g02s01.avi"),
        (3, 1, "g03s01.avi"),
    ]
    assert (found.masks, found.others, found.procedural) == (2, 1, False)
    assert found.segmentation == tmp_path / "segmentation.txt"
    said = "the name is not gXXsYY.avi with XX from 01 to 24"
    assert problems == [
        f"not a video of NATOPS: data/holiday.mov: {said}",
        f"not a video of NATOPS: data/gesture01/g01s2.avi: {said}",
    ]


def test_two_videos_of_one_gesture_and_subject_and_a_wrong_folder(tmp_path: Path) -> None:
    _put(tmp_path, "a/g01s01.avi", "b/G01S01.avi", "gesture02/g01s02.avi")
    found, problems = _read(tmp_path)
    assert [f.name for f in found.videos] == ["a/g01s01.avi", "gesture02/g01s02.avi"]
    assert problems == [
        "second video: b/G01S01.avi: a/g01s01.avi has the same gesture and subject",
        "folder of another gesture (kept): gesture02/g01s02.avi: it is in a folder of gesture 2; the file name is used",
    ]


def test_archives_stay_packed_and_unpacked_videos_come_first(tmp_path: Path) -> None:
    _zip(tmp_path / "gesture01.zip", "data/gesture01/g01s01.avi", "data/gesture01/g01s02.avi", "g01s02m.avi")
    _zip(tmp_path / "gesture02.ZIP", "g02s01.avi", "__MACOSX/._g02s01.avi", "../../g02s02.avi")
    _zip(tmp_path / "precomputed_features.zip", "features.mat")
    _put(tmp_path, "data/gesture01/g01s01.avi")
    found, problems = _read(tmp_path)
    assert [(f.gesture, f.subject, f.member) for f in found.videos] == [
        (1, 1, None),
        (1, 2, "data/gesture01/g01s02.avi"),
        (2, 1, "g02s01.avi"),
        (2, 2, "../../g02s02.avi"),
    ]
    assert problems == [
        "also in an archive (kept): gesture01.zip: 1 of its videos are also there unpacked; the unpacked ones are used"
    ]
    assert (found.masks, found.others) == (1, 1)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    for video in found.videos[1:]:
        with as_file(video, scratch) as path:
            assert path.resolve().parent.parent == scratch.resolve()
            assert path.read_bytes() == b"packed video " * 50
        assert not list(scratch.iterdir())
    assert sorted(p.name for p in tmp_path.iterdir() if p.suffix == ".avi") == []


def test_archives_that_cannot_be_read(tmp_path: Path) -> None:
    whole = _zip(tmp_path / "whole.zip", "g01s01.avi").read_bytes()
    (tmp_path / "whole.zip").unlink()
    (tmp_path / "cut.zip").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "none.zip").write_bytes(b"hello")
    # The packed bytes are changed: the checksum in the archive is not theirs.
    at = whole.index(b"g01s01.avi") + 12
    (tmp_path / "changed.zip").write_bytes(whole[:at] + bytes([whole[at] ^ 255]) + whole[at + 1 :])
    found, problems = _read(tmp_path)
    assert problems == [
        "unreadable archive: cut.zip: cannot be read (File is not a zip file)",
        "unreadable archive: none.zip: cannot be read (File is not a zip file)",
    ]
    (video,) = found.videos
    with pytest.raises(UnreadableArchive, match="cannot be unpacked"), as_file(video, tmp_path):
        pass


def test_an_encrypted_and_a_giant_member(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _zip(tmp_path / "gesture01.zip", "g01s01.avi")
    content = bytearray(path.read_bytes())
    content[6] |= 1  # the flag, in the member's own header and in the list of members
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    found, _ = _read(tmp_path)
    with pytest.raises(UnreadableArchive, match="encrypted"), as_file(found.videos[0], tmp_path):
        pass
    _zip(path, "g01s01.avi")
    monkeypatch.setattr(module, "LARGEST", 100)
    with pytest.raises(UnreadableArchive, match="larger than any video"), as_file(found.videos[0], tmp_path):
        pass


def test_no_room_to_unpack_is_no_damage(tmp_path: Path) -> None:
    _zip(tmp_path / "gesture01.zip", "g01s01.avi")
    found, _ = _read(tmp_path)
    with pytest.raises(UserError, match="cannot unpack"), as_file(found.videos[0], tmp_path / "gone"):
        pass


def test_links_in_a_circle_and_a_second_segmentation(tmp_path: Path) -> None:
    _put(tmp_path, "a/g01s01.avi", "a/Segmentation.TXT")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    found, problems = _read(tmp_path)
    assert [f.name for f in found.videos] == ["a/g01s01.avi"]
    assert found.segmentation == tmp_path / "segmentation.txt"
    assert [p.split(":")[0] for p in problems] == ["second segmentation (kept)"]


def test_what_is_made_says_so_also_deeper_and_packed(tmp_path: Path) -> None:
    _put(tmp_path / "one", "made/PROCEDURAL.txt", "made/g01s01.avi")
    assert _read(tmp_path / "one")[0].procedural
    _put(tmp_path / "two", "x")
    _zip(tmp_path / "two" / "gesture01.zip", "g01s01.avi", "PROCEDURAL.txt")
    assert _read(tmp_path / "two")[0].procedural


def test_no_folder_and_no_segmentation(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        list_files(tmp_path / "nowhere", Problems())
    with pytest.raises(UserError, match=r"no segmentation\.txt found"):
        list_files(tmp_path, Problems())


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_archive_is_named_or_gives_what_was_packed(tmp_path: Path, data: st.DataObject) -> None:
    method = data.draw(st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]))
    path = _zip(tmp_path / "gesture01.zip", "g01s01.avi", "g01s02.avi", method=method)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))])
    (tmp_path / "segmentation.txt").touch()
    problems = Problems()
    for video in list_files(tmp_path, problems).videos:
        # Any other exception than `UnreadableArchive` fails this test.
        with suppress(UnreadableArchive), as_file(video, tmp_path) as unpacked:
            assert unpacked.read_bytes() == b"packed video " * 50


def test_names_with_backslashes_in_an_archive(tmp_path: Path) -> None:
    """As some programs for Windows write them."""
    _zip(tmp_path / "gesture01.zip", "gesture01\\", "gesture01\\g01s02.avi", "gesture01\\g01s03m.avi", "note.txt")
    found, problems = _read(tmp_path)
    assert [(f.gesture, f.subject, f.name) for f in found.videos] == [(1, 2, "gesture01.zip/gesture01/g01s02.avi")]
    assert (found.masks, found.others, problems) == (1, 1, [])
    with as_file(found.videos[0], tmp_path) as path:
        assert path.read_bytes() == b"packed video " * 50
