"""Finding tables, and running a program that stands for OpenFace."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from amc.errors import UserError
from amc.importing.mug.openface.program import find_program, find_table, run_openface
from amc.importing.mug.openface.table import LandmarksError
from amc.importing.mug.source_files import MugTake, list_files
from amc.importing.problems import Problems
from tests.importing.mug.made_takes import write_take

# Writes what it was asked and which frames it saw, in the order of their names, and counts its runs.
PROGRAM = """#!{python}
import os, pathlib, sys
frames, out = (pathlib.Path(sys.argv[sys.argv.index(option) + 1]) for option in ("-fdir", "-out_dir"))
runs = pathlib.Path(__file__).with_name("runs")
runs.write_text(runs.read_text() + "x" if runs.exists() else "x")
seen = [os.readlink(frames / name) for name in sorted(os.listdir(frames))]
{action}
"""
GOOD = '(out / "frames.csv").write_text(" ".join(sys.argv[5:]) + "\\n" + "\\n".join(seen))'


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMC_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def take(tmp_path: Path) -> MugTake:
    folder = tmp_path / "mug" / "subjects3" / "001" / "anger" / "take000"
    write_take(folder, frames=3, first=9998)
    (folder / "openface.csv").unlink()
    (found,) = list_files(tmp_path / "mug", Problems()).takes
    return found


def _program(folder: Path, action: str) -> Path:
    folder.mkdir()
    path = folder / "FeatureExtraction"
    path.write_text(PROGRAM.format(python=sys.executable, action=action))
    path.chmod(0o755)
    return path


def test_where_a_table_may_lie(tmp_path: Path, take: MugTake) -> None:
    assert find_table(take, None) is None
    beside = take.folder.with_name("take000.csv")
    beside.touch()
    assert find_table(take, None) == beside
    inside = take.folder / "anything.csv"
    inside.touch()
    assert find_table(take, None) == inside
    (take.folder / "Other.CSV").touch()
    with pytest.raises(LandmarksError, match="2 CSV files in take000, but none is called"):
        find_table(take, None)
    named = take.folder / "Take000.csv"
    named.touch()
    assert find_table(take, None) == named
    best = take.folder / "openface.csv"
    best.touch()
    assert find_table(take, None) == best
    tables = tmp_path / "tables"
    tables.mkdir()
    assert find_table(take, tables) == best
    for top in (tables, tables / "subjects3"):
        mirrored = top / "001" / "anger" / "take000.csv"
        mirrored.parent.mkdir(parents=True)
        mirrored.touch()
        assert find_table(take, tables) == mirrored


def test_the_program_sees_the_frames_in_order_and_runs_once(tmp_path: Path, take: MugTake) -> None:
    program = find_program(_program(tmp_path / "bin", GOOD))
    made = run_openface(program, take)
    options, *seen = made.read_text().splitlines()
    assert options == "-2Dfp -aus"
    assert seen == [str(take.folder / f"img_{n}.jpg") for n in (9998, 9999, 10000)]
    assert run_openface(program, take) == made
    assert (program.parent / "runs").read_text() == "x"
    # Other frames, or another program: another result.
    with (take.folder / "img_9999.jpg").open("ab") as stream:
        stream.write(b" ")
    assert run_openface(program, take) != made
    other = find_program(_program(tmp_path / "newer", GOOD + "  # newer"))
    assert run_openface(other, take) != made
    assert (program.parent / "runs").read_text() == "xx"


@pytest.mark.parametrize(
    ("action", "said"),
    [
        (
            'print("start", file=sys.stderr); sys.exit("no model file")',
            "OpenFace failed with exit code 1: no model file",
        ),
        ("pass", "OpenFace wrote 0 tables instead of one"),
        ('[(out / n).write_text("") for n in ("a.csv", "b.csv")]', "OpenFace wrote 2 tables instead of one"),
        ("os.kill(os.getpid(), 11)", "OpenFace failed with exit code -11"),
    ],
)
def test_a_program_that_fails_is_said_and_not_kept(tmp_path: Path, take: MugTake, action: str, said: str) -> None:
    program = find_program(_program(tmp_path / "bin", action))
    for _ in range(2):
        with pytest.raises(LandmarksError, match=said):
            run_openface(program, take)
    assert (program.parent / "runs").read_text() == "xx"
    assert not list((tmp_path / "cache" / "openface").iterdir())


def test_no_program(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="missing or not executable"):
        find_program(tmp_path / "FeatureExtraction")
    (tmp_path / "FeatureExtraction").touch(mode=0o644)
    with pytest.raises(UserError, match="not executable"):
        find_program(tmp_path / "FeatureExtraction")


def test_a_program_for_another_machine(tmp_path: Path, take: MugTake) -> None:
    program = tmp_path / "FeatureExtraction"
    program.write_bytes(b"MZ\x90\x00")
    program.chmod(0o755)
    with pytest.raises(LandmarksError, match="OpenFace cannot be run"):
        run_openface(program, take)
