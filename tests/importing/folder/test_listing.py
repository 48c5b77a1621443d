"""Which videos, which classes, which subjects."""

from __future__ import annotations

from pathlib import Path

import pytest

from amc.errors import UserError
from amc.importing.folder.listing import Listing
from amc.importing.folder.listing import list_videos as list_with_problems
from amc.importing.problems import Problems


def list_videos(source: Path, pattern: str | None = None) -> Listing:
    return list_with_problems(source, Problems(), pattern)


def _said(source: Path) -> list[str]:
    problems = Problems()
    list_with_problems(source, problems)
    return [str(problem) for problem in problems.found]


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
    assert _said(root) == [
        "top.mp4: in no class folder: move it into one",
        "a/deep/: videos in a deeper folder (1, such as w.mp4): move them to a/",
        "c/d.csv: ignored: .csv is not a video file extension; if it is a video, convert or rename it, for example to "
        ".mp4",
        "a/notes.txt: ignored: .txt is not a video file extension; if it is a video, convert or rename it, for example "
        "to .mp4",
    ]
    assert {v.subject for v in listing.videos} == {-1}
    assert listing.subjects == ()


@pytest.mark.parametrize(
    ("top", "advice"),
    [
        (("train",), "give {}/train instead"),
        (("test", "train", "val"), "give {0}/test or {0}/train or {0}/val instead"),
        (("wave", "bend"), "move them up into bend/ and the other classes"),
    ],
)
def test_videos_one_folder_too_deep(tmp_path: Path, top: tuple[str, ...], advice: str) -> None:
    root = _files(tmp_path, *(f"{name}/{c}/x.mp4" for name in top for c in "ab"))
    with pytest.raises(UserError) as raised:
        list_videos(root)
    first = min(top)
    assert str(raised.value) == (
        f"{root}: its videos are one folder too deep, such as {first}/a/x.mp4: {advice.format(root)}"
    )


def test_videos_much_too_deep(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="give the folder whose sub-folders are the classes"):
        list_videos(_files(tmp_path, "x/y/wave/s1/a.mp4"))


@pytest.mark.parametrize(
    ("names", "how"),
    [
        (("Wave", "wave"), "case or spaces"),
        (("wave", "wave "), "case or spaces"),
        (("caf\u00e9", "cafe\u0301"), "Unicode form"),
    ],
)
def test_class_folders_that_look_alike(tmp_path: Path, names: tuple[str, str], how: str) -> None:
    root = _files(tmp_path, *(f"{name}/x.mp4" for name in names), "bend/x.mp4")
    if len(list(root.iterdir())) < 3:
        pytest.skip("this file system takes these names as one")
    (said,) = _said(root)
    assert f": classes whose names differ only in {how}: if they are one, move their videos into one folder" in said


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
