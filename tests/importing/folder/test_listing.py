"""Which videos, which classes, which subjects."""

from __future__ import annotations

from pathlib import Path

import pytest

from amc.errors import UserError
from amc.importing.folder.listing import list_videos


def _files(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def test_classes_are_folders_in_order(tmp_path: Path) -> None:
    root = _files(
        tmp_path,
        "b/x.mp4",
        "a/z.MOV",
        "a/y.avi",
        "a/notes.txt",
        "a/deep/w.mp4",
        "a/.hid.mp4",
        ".c/v.mp4",
        "top.mp4",
        "c/d.csv",
    )
    listing = list_videos(root)
    assert [(v.name, v.label, v.source) for v in listing.videos] == [
        ("a/y.avi", "a", 0),
        ("a/z.MOV", "a", 1),
        ("b/x.mp4", "b", 2),
    ]
    assert listing.others == 3  # notes.txt, top.mp4 (in no class), d.csv
    assert {v.subject for v in listing.videos} == {-1}
    assert listing.subjects == ()


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("performer_3.mp4", 3),
        ("Subject012-wave.mp4", 12),
        ("wave person 7.mp4", 7),
        ("g01s05.avi", 5),
        ("P9.mov", 9),
        ("wave_720p_1.mp4", -1),
        ("run-24s_2.mp4", -1),
        ("clips12.mp4", -1),
        ("wave.mp4", -1),
        ("anna.mp4", -1),
    ],
)
def test_default_subject_pattern(tmp_path: Path, name: str, subject: int) -> None:
    assert list_videos(_files(tmp_path, f"a/{name}")).videos[0].subject == subject


def test_named_subjects(tmp_path: Path) -> None:
    root = _files(tmp_path, "a/wave_eva.mp4", "a/wave_bo.mp4", "b/jump_eva.mp4", "b/nobody.mp4")
    listing = list_videos(root, r"^(wave|jump)_(?P<subject>[a-z]+)\.")
    assert listing.subjects == ("bo", "eva")
    assert {v.name: v.subject for v in listing.videos} == {
        "a/wave_bo.mp4": 0,
        "a/wave_eva.mp4": 1,
        "b/jump_eva.mp4": 1,
        "b/nobody.mp4": -1,
    }


def test_long_numbers_are_names(tmp_path: Path) -> None:
    listing = list_videos(_files(tmp_path, "a/s20250101120000.mp4", "a/s20240101120000.mp4"))
    assert listing.subjects == ("20240101120000", "20250101120000")
    assert [v.subject for v in listing.videos] == [0, 1]


def test_a_group_that_took_no_part(tmp_path: Path) -> None:
    assert list_videos(_files(tmp_path, "a/x.mp4"), r"x(\d)?").videos[0].subject == -1


@pytest.mark.parametrize(("pattern", "said"), [("(", "not a regular expression"), ("s[0-9]+", "has no group")])
def test_bad_pattern(tmp_path: Path, pattern: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        list_videos(tmp_path, pattern)


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        list_videos(tmp_path / "none")


def test_names_that_are_no_text(tmp_path: Path) -> None:
    try:
        _files(tmp_path, "a/\udcfe.mp4", "a/\udcff.mp4", "a/x\ny.mp4")
    except OSError:
        pytest.skip("this file system has no such names")
    names = {video.name for video in list_videos(tmp_path).videos}
    assert names == {"a/\\xfe.mp4", "a/\\xff.mp4", "a/x\\ny.mp4"}
