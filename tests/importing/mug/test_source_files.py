"""Which takes a copy of MUG holds, and what else lies in it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from amc.errors import UserError
from amc.importing.mug.source_files import MugFiles, list_files
from amc.importing.problems import Problems


def _frames(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for i, name in enumerate(names or [f"img_{n:04d}.jpg" for n in range(3)]):
        (folder / name).write_bytes(f"{folder} {i}".encode())


def _listed(top: Path) -> tuple[MugFiles, list[str]]:
    problems = Problems()
    found = list_files(top, problems)
    return found, [f"{'skip' if p.skipped else 'note'} {p}" for p in problems.found]


def test_sessions_nested_ids_and_names_of_emotions(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    top = copy / "subjects3"
    _frames(top / "001" / "session0" / "Happiness" / "take000")
    _frames(top / "001" / "session1" / "happy" / "take000")
    _frames(top / "002" / "002" / "SADNESS" / "take001")
    _frames(top / "003" / "surprise" / "take002")
    _frames(top / "003" / "neutral" / "take000")
    (top / "003" / "neutral" / "take000" / "take000.csv").touch()
    (copy / "README.txt").touch()
    found, said = _listed(copy)
    assert [(t.name, t.place, t.label, t.subject) for t in found.takes] == [
        ("001/session0/happy/take000", "001/session0/Happiness/take000", "happy", 1),
        ("001/session1/happy/take000", "001/session1/happy/take000", "happy", 1),
        ("002/sad/take001", "002/002/SADNESS/take001", "sad", 2),
        ("003/surprise/take002", "003/surprise/take002", "surprise", 3),
    ]
    assert found.subjects == ()
    assert not found.procedural
    assert said == ["note neutral: 1 takes ignored, neutral is not a class"]
    # The same from the folder itself, from two above, and with another folder around it.
    for source in (top, tmp_path):
        assert [t.name for t in _listed(source)[0].takes] == [t.name for t in found.takes]
        assert [t.subject for t in _listed(source)[0].takes] == [1, 1, 2, 3]


def test_frames_by_number_past_9999_with_mixed_endings(tmp_path: Path) -> None:
    _frames(tmp_path / "1" / "fear" / "take000", "img_10001.JPG", "img_9998.jpg", "img_10000.png", "img_9999.jpeg")
    found, said = _listed(tmp_path)
    assert found.takes[0].names == ("img_9998.jpg", "img_9999.jpeg", "img_10000.png", "img_10001.JPG")
    assert found.takes[0].paths[0] == tmp_path / "1" / "fear" / "take000" / "img_9998.jpg"
    assert not said


def test_gaps_in_numbers_are_named(tmp_path: Path) -> None:
    _frames(tmp_path / "1" / "fear" / "take000", "img_0001.jpg", "img_0003.jpg", "img_0010.jpg")
    found, said = _listed(tmp_path)
    assert len(found.takes[0].names) == 3
    assert said == ["note 1/fear/take000: 7 frame numbers are missing (2, 4-9)"]


def test_a_number_twice(tmp_path: Path) -> None:
    _frames(tmp_path / "1" / "fear" / "take000", "img_0001.jpg", "img_1.png")
    found, said = _listed(tmp_path)
    assert not found.takes
    assert said == ["skip 1/fear/take000: two frames 1: img_0001.jpg and img_1.png"]


def test_stray_files_are_counted_named_and_change_nothing(tmp_path: Path) -> None:
    take = tmp_path / "1" / "fear" / "take000"
    _frames(take)
    _frames(tmp_path / "2" / "anger" / "take000")
    before, said = _listed(tmp_path)
    assert not said
    for name in ("take000.avi", "Thumbs.db", ".DS_Store", "._img_0000.jpg", "cover.jpg"):
        (take / name).touch()
    for i in range(4):
        (tmp_path / f"{i}.avi").touch()
    _frames(tmp_path / "1" / "fear", "a1.png")
    _frames(tmp_path / "1" / "pictures", "a1.png", "a2.png")
    (tmp_path / "1" / "fear" / "take009").mkdir()
    found, said = _listed(tmp_path)
    assert found.takes == before.takes
    assert sorted(said) == [
        "note .avi: 5 files ignored: 0.avi, 1.avi, 2.avi, and 2 more",
        "note .db: 1 files ignored: 1/fear/take000/Thumbs.db",
        "note 1/fear/take000/cover.jpg: no number in its name, ignored",
        "note 1/fear/take009: no frames found",
        "note 1/fear: images outside a take's folder: 1, ignored",
        "note 1/pictures: images outside an emotion's folder: 2, ignored",
    ]


def test_copies(tmp_path: Path) -> None:
    take = tmp_path / "1" / "fear" / "take000"
    _frames(take)
    _frames(tmp_path / "2" / "fear" / "take000")
    _frames(tmp_path / "3" / "fear" / "take000")
    _frames(tmp_path / "3" / "3" / "fear" / "take000")
    for copy in ("1/fear/take000 - Copy", "1/fear/take001", "1/happiness/take000", "4/fear/take009"):
        shutil.copytree(take, tmp_path / copy)
    shutil.copytree(tmp_path / "2" / "fear", tmp_path / "2" / "2" / "fear")
    found, said = _listed(tmp_path)
    assert [(t.name, t.place, t.twin) for t in found.takes] == [
        ("1/fear/take000", "1/fear/take000", ""),
        ("1/fear/take000 - Copy", "1/fear/take000 - Copy", "1/fear/take000"),
        ("1/fear/take001", "1/fear/take001", "1/fear/take000"),
        ("2/fear/take000", "2/fear/take000", ""),
        ("3/fear/take000", "3/fear/take000", ""),
        ("3/3/fear/take000", "3/3/fear/take000", ""),
    ]
    assert said == [
        "note 1/fear/take000 - Copy: the same images as 1/fear/take000",
        "note 1/fear/take001: the same images as 1/fear/take000",
        "skip 1/happiness/take000: the same images as 1/fear/take000, but another emotion",
        "skip 2/2/fear/take000: a second copy of 2/fear/take000",
        "skip 4/fear/take009: the same images as 1/fear/take000, but another subject",
    ]


def test_a_made_copy_is_known_from_inside_and_through_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    top = tmp_path / "m" / "subjects3"
    _frames(top / "1" / "fear" / "take000")
    (tmp_path / "m" / "PROCEDURAL.txt").touch()
    (tmp_path / "link").symlink_to(top)
    monkeypatch.chdir(top)
    for source in (top, top.parent, tmp_path / "link", Path()):
        assert _listed(source)[0].procedural, source


def test_subjects_that_are_no_numbers(tmp_path: Path) -> None:
    for name in ("zoe", "007", "anna"):
        _frames(tmp_path / name / "fear" / "take000")
    found, _ = _listed(tmp_path)
    assert found.subjects == ("007", "anna", "zoe")
    assert [t.subject for t in found.takes] == [0, 1, 2]


def test_no_subject(tmp_path: Path) -> None:
    _frames(tmp_path / "fear" / "take000")
    found, said = _listed(tmp_path)
    assert not found.takes
    assert said == ["skip fear/take000: no subject's folder above the emotion's folder; give its parent"]


def test_links_are_followed_but_not_for_ever(tmp_path: Path) -> None:
    _frames(tmp_path / "disk" / "fear" / "take000")
    top = tmp_path / "subjects3"
    top.mkdir()
    (top / "001").symlink_to(tmp_path / "disk")
    (tmp_path / "disk" / "again").symlink_to(tmp_path / "disk")
    found, _ = _listed(top)
    assert [t.name for t in found.takes] == ["001/fear/take000"]


def test_what_the_project_made_says_so(tmp_path: Path) -> None:
    _frames(tmp_path / "subjects3" / "1" / "fear" / "take000")
    for place in (tmp_path, tmp_path / "subjects3"):
        mark = place / "PROCEDURAL.txt"
        mark.touch()
        for source in (tmp_path, tmp_path / "subjects3"):
            assert _listed(source)[0].procedural
        mark.unlink()
    assert not _listed(tmp_path)[0].procedural


def test_no_folder_and_no_emotions(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        list_files(tmp_path / "none", Problems())
    (tmp_path / "001").mkdir()
    with pytest.raises(UserError, match="contains no emotion's folder"):
        list_files(tmp_path, Problems())
