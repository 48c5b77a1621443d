from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from amc import config
from amc.cli import data_source as source
from amc.cli.data_source import resolve
from amc.data.clipfile import check, read_info
from amc.errors import UserError
from amc.standins.registry import MUG, NATOPS


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a smoke preset of few clips."""
    monkeypatch.setenv("AMC_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("AMC_DATA", raising=False)
    small = {**config.PRESETS, "smoke": replace(config.PRESETS["smoke"], clips=12)}
    monkeypatch.setattr(source, "PRESETS", small)
    return tmp_path / "cache"


def test_a_given_file_is_used(small_file: Path, cache: Path) -> None:
    for dataset in (None, "natops"):
        found = resolve(dataset, small_file, "smoke")
        assert (found.path, found.origin) == (small_file, "procedural")
        assert str(small_file) in found.announcement
        assert "origin=procedural" in found.announcement
    assert not (cache / "data").exists()


def test_a_given_file_that_is_missing_is_an_error_and_no_fall_back(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, small_file: Path
) -> None:
    shutil.copy(small_file, tmp_path / "natops.h5")
    monkeypatch.setenv("AMC_DATA", str(tmp_path))
    with pytest.raises(UserError, match=r"none\.h5: no such file"):
        resolve("natops", tmp_path / "none.h5", "smoke")
    assert not cache.exists()


def test_a_given_file_of_the_other_data_set(small_file: Path, cache: Path) -> None:
    with pytest.raises(UserError, match="contains the data set 'natops', not 'mug'"):
        resolve("mug", small_file, "smoke")


def test_the_data_folder_comes_before_the_stand_in(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, small_file: Path
) -> None:
    shutil.copy(small_file, tmp_path / "natops.h5")
    monkeypatch.setenv("AMC_DATA", str(tmp_path))
    assert resolve("natops", None, "smoke").path == tmp_path / "natops.h5"
    (tmp_path / "natops.h5").unlink()
    assert resolve("natops", None, "smoke").path.parent == cache / "data"


def test_the_stand_in_is_made_once(
    cache: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amc.progress.WORTH_A_LINE", 0.0)
    made = resolve("natops", None, "smoke")
    assert made.path == cache / "data" / f"natops-smoke-v{NATOPS.version}.h5"
    assert made.origin == "procedural"
    assert "procedural stand-in for natops (origin=procedural)" in made.announcement
    assert check(made.path, content=True).shape == (12, 8, 16, 16)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "making the natops stand-in (smoke): 12/12 clips" in shown.err
    written = made.path.stat().st_mtime_ns
    assert resolve("natops", None, "smoke") == made
    assert made.path.stat().st_mtime_ns == written
    assert capsys.readouterr().err == ""


def test_both_data_sets_have_a_stand_in(cache: Path) -> None:
    made = resolve("mug", None, "smoke")
    assert made.path == cache / "data" / f"mug-smoke-v{MUG.version}.h5"
    assert made.origin == "procedural"
    assert read_info(made.path).class_names == ("anger", "happy", "surprise")


def test_a_damaged_or_outdated_stand_in_is_made_again(cache: Path) -> None:
    made = resolve("natops", None, "smoke")
    sound = read_info(made.path)
    made.path.write_bytes(made.path.read_bytes()[:1000])
    assert read_info(resolve("natops", None, "smoke").path) == sound
    # Of other sizes than the preset has now.
    NATOPS.synthesize(made.path, clips=6, size=16, frames=8, classes=3, workers=1)
    assert read_info(resolve("natops", None, "smoke").path) == sound
    assert sound.generator == NATOPS.recipe(clips=12, size=16, frames=8, classes=3, seed=0)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((None, None, "smoke"), "no data: give --dataset"),
        (("ucf101", None, "smoke"), "unknown data set 'ucf101'"),
        (("natops", None, "tiny"), "unknown preset 'tiny'"),
    ],
)
def test_what_is_wrong_is_said(cache: Path, arguments: Any, problem: str) -> None:
    with pytest.raises(UserError, match=problem):
        resolve(*arguments)
    assert not cache.exists()
