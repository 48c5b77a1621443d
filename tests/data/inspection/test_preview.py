from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from amc.cli.data import main
from amc.data.inspection.drawing import LINE, MIDDLE, ONE_SIDE, OTHER_SIDE, VELOCITY, drawn, marks, zoom
from amc.data.inspection.preview import preview
from amc.errors import UserError
from tests.data.made_clips import NAMES, PAIRS, write

BLACK = np.zeros((2, 64, 64, 3), np.uint8)
# Chest, left and right shoulder; the right one moves 4 pixels to the right.
POINTS = np.array([[[32, 40], [48, 20], [16, 20]], [[32, 40], [48, 20], [20, 20]]], np.float32)
FOUND = np.ones((2, 3), np.bool_)


def at(picture: Image.Image, x: float, y: float) -> tuple[int, ...]:
    """The colour in the middle of a pixel of the frame that was enlarged twofold."""
    colour = picture.getpixel((round(2 * x + 0.5), round(2 * y + 0.5)))
    assert isinstance(colour, tuple)
    return colour


def test_points_lie_where_they_are_and_have_their_sides_colour() -> None:
    picture, _ = drawn(BLACK, POINTS, FOUND, marks(NAMES, PAIRS, skeleton=False))
    assert picture.size == (128, 128)
    assert [at(picture, *xy) for xy in POINTS[0]] == [MIDDLE, ONE_SIDE, OTHER_SIDE]
    assert at(picture, 40, 30) == (0, 0, 0)


def test_lines_join_what_belongs_together() -> None:
    picture, _ = drawn(BLACK, POINTS, FOUND, marks(NAMES, PAIRS))
    # Half way from the chest to either shoulder, and between the shoulders, which nothing joins.
    assert max(at(picture, 40, 30)) > 100
    assert max(at(picture, 24, 30)) > 100
    assert at(picture, 32, 20) == (0, 0, 0)
    assert marks(("left_knee", "tail"), ()).edges == ()


def test_a_point_that_was_not_found_is_a_ring_without_lines() -> None:
    found = FOUND.copy()
    found[0, 1] = False
    picture, _ = drawn(BLACK, POINTS, found, marks(NAMES, PAIRS, velocities=True))
    assert at(picture, 48, 20) == (0, 0, 0)
    around = np.asarray(picture)[36:46, 92:102].reshape(-1, 3)
    assert (around == ONE_SIDE).all(axis=1).any()
    assert at(picture, 40, 30) == (0, 0, 0)


def test_velocities_point_ahead() -> None:
    first, last = drawn(BLACK, POINTS, FOUND, marks(NAMES, PAIRS, skeleton=False, velocities=True))
    # Three frames of 4 pixels, from 16 to 28.
    assert at(first, 24, 20) == VELOCITY
    assert at(first, 31, 20) == (0, 0, 0)
    assert VELOCITY not in {colour for _, colour in last.getcolors(2**24) or []}


@pytest.mark.parametrize(("size", "factor"), [((64, 64), 2), ((16, 16), 8), ((64, 32), 2), ((500, 300), 1)])
def test_frames_are_enlarged_to_about_one_size(size: tuple[int, int], factor: int) -> None:
    assert zoom(*size) == factor
    (picture,) = drawn(
        np.zeros((1, *size, 3), np.uint8), np.zeros((1, 1, 2), np.float32), np.ones((1, 1), np.bool_), marks(["a"], ())
    )
    assert picture.size == (size[1] * factor, size[0] * factor)


def test_many_classes_go_on_further_sheets(tmp_path: Path) -> None:
    names = [
        f"class {i} of a very long name that no column of a contact sheet could ever have room for" for i in range(30)
    ]
    rows = [(i, -1, i) for i in range(26) if i != 7]
    out = tmp_path / "look"
    files = preview(write(tmp_path / "f.h5", rows, classes=names), out)
    assert sorted(p.name for p in out.iterdir()) == sorted(p.name for p in files)
    assert [p.name for p in files[:2]] == ["contact-sheet.png", "contact-sheet-2.png"]
    assert len(files) == 2 + 25  # a class without clips has no picture
    widths = []
    for file in files[:2]:
        with Image.open(file) as sheet:
            widths.append(sheet.size)
    column = 3 * 21 * 6  # three frames of six pixels, enlarged
    assert widths == [(2 * column + 12, 16 * 2 + 12 * (126 + 16)), (column, 16 * 2 + 1 * (126 + 16))]
    assert all(len(p.name) <= 80 for p in files)


def test_names_that_no_file_can_have(tmp_path: Path) -> None:
    rows = [(0, 0, 0), (1, 1, 1)]
    files = preview(write(tmp_path / "f.h5", rows, classes=("../../x", "笑顔")), tmp_path / "look")
    assert [p.name for p in files] == ["contact-sheet.png", "01-x.gif", "02-class.gif"]


def test_the_animation(tmp_path: Path) -> None:
    rows = [(0, s, s) for s in range(5)] + [(1, 0, 9)]
    files = preview(write(tmp_path / "f.h5", rows), tmp_path / "look")
    with Image.open(files[1]) as animation:
        assert animation.n_frames == 3
        assert animation.size == (3 * 126, 126 + 2 * 16)
        assert animation.info["loop"] == 0
    with Image.open(files[2]) as animation:
        assert animation.size == (126, 126 + 2 * 16)


def test_every_class_begins_with_another_subject(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a file sorted by subject, too; three subjects a class, where there are so many."""
    rows = [(c, s, 3 * s + c) for s in range(4) for c in range(3)] + [(2, 0, 99)]
    written: list[list[str]] = []
    monkeypatch.setattr(
        "amc.data.inspection.preview._write_gif", lambda path, title, captions, clips: written.append(captions)
    )
    preview(write(tmp_path / "f.h5", rows, classes=("a", "b", "c")), tmp_path / "look")
    assert [[caption.split(",")[0] for caption in row] for row in written] == [
        ["subject 0", "subject 1", "subject 2"],
        ["subject 1", "subject 2", "subject 3"],
        ["subject 2", "subject 3", "subject 0"],
    ]


def test_a_dots_colour_survives_the_palette(tmp_path: Path, small_file: Path) -> None:
    preview(small_file, tmp_path)
    with Image.open(tmp_path / "01-i-have-command.gif") as animation:
        colours = np.array([c for _, c in animation.convert("RGB").getcolors(2**24) or []])
    for wanted in (MIDDLE, ONE_SIDE, OTHER_SIDE, LINE):
        assert np.abs(colours - wanted).max(axis=1).min() <= 8


def test_options_of_the_command(small_file: Path, tmp_path: Path) -> None:
    seen, pictures = {}, {}
    for name, options in {"all": ["--velocities"], "lines": [], "dots": ["--no-skeleton"]}.items():
        assert main(["preview", str(small_file), "--out", str(tmp_path / name), *options]) == 0
        with Image.open(tmp_path / name / "contact-sheet.png") as sheet:
            pictures[name] = sheet.tobytes()
            seen[name] = {colour for _, colour in sheet.convert("RGB").getcolors(2**24) or []}
    assert VELOCITY in seen["all"]
    assert VELOCITY not in seen["lines"] | seen["dots"]
    assert pictures["lines"] != pictures["dots"]


def test_a_folder_that_cannot_be_written(small_file: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(UserError, match="cannot write"):
        preview(small_file, tmp_path / "taken")
