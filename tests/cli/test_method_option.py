"""`--method` in every command: what cannot be trained is one line, exit 2, and nothing is created."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import amc_gan
from amc import methods
from amc.cli.method_option import check_expected_method
from amc.config import configure
from amc.errors import UserError
from amc.methods.amc_gan import METHOD
from tuning.preparation.defaults import default_study

SIX = replace(METHOD, name="six", frames_seen=6)
ALL = replace(METHOD, name="all_frames", frames_seen=8)


def refused(config: object) -> None:
    raise UserError("method 'picky' needs clips of cats")


PICKY = replace(METHOD, name="picky", check=refused)
COMMANDS = {
    "describe": ["describe"],
    "train": ["train", "--dataset", "natops", "--out", "out"],
    "search": ["search", "--dataset", "natops", "--out", "out"],
}
BAD = {
    "nobody": "unknown method 'nobody': choose one of amc_gan",
    "no_such_package.module:METHOD": "ModuleNotFoundError: No module named 'no_such_package'",
    "broken:METHOD": "ZeroDivisionError: division by zero",
    "here:SIX": "method 'six' sees 6 frames, but all except the first 4 are scored",
    "here:ALL": "method 'all_frames' sees 8 frames, but clips of preset 'smoke' have 8",
    "here:PICKY": "method 'picky' needs clips of cats",
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", BAD)
def test_a_method_that_cannot_be_trained_is_one_line_and_nothing_is_created(
    command: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / "broken.py").write_text("1 / 0")
    (folder / "here.py").write_text(f"from {__name__} import *")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AMC_CACHE", str(tmp_path / "cache"))
    methods.get.cache_clear()
    code = amc_gan.main([*COMMANDS[command], "--preset", "smoke", "--method", name])
    methods.get.cache_clear()
    printed = capsys.readouterr()
    assert code == 2
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert BAD[name] in printed.err
    assert [path.name for path in tmp_path.iterdir()] == ["modules"]


def test_a_run_of_another_method_than_expected_is_one_line() -> None:
    config = configure("natops", "smoke")
    check_expected_method(None, config, "out")
    check_expected_method("amc_gan", config, "out")
    with pytest.raises(UserError, match="unknown method 'nobody'"):
        check_expected_method("nobody", config, "out")
    other = replace(config, method=replace(config.method, name="cdna"))
    with pytest.raises(UserError, match="out was trained with method 'cdna', not 'amc_gan': leave out --method"):
        check_expected_method("amc_gan", other, "out")


def test_studies_of_different_methods_have_different_default_names(monkeypatch: pytest.MonkeyPatch) -> None:
    config = configure("natops", "smoke")
    assert default_study(config, "search") == "natops-smoke-search"
    monkeypatch.setattr("tuning.preparation.defaults.get", lambda name: replace(METHOD, name=name.split(":")[1]))
    other = replace(config, method=replace(config.method, name="package.module:unet"))
    assert default_study(other, "search") == "natops-smoke-unet-search"
