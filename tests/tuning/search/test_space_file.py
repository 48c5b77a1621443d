from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from amc.config import natops
from amc.errors import UserError
from amc.methods import with_method
from tuning.search.default_space import search_space

BASE = natops("smoke")

FILE = """
[fixed]
"switches.lrank" = false
training.steps = 7

[parameters."weights.gan"]
kind = "log"
low = 0.5
high = 2.0

[parameters.readings.gram]
kind = "categorical"
choices = ["spatial", "channel"]
when = ["switches.lgaux"]

[parameters."optimizer.lr_generator"]
remove = true
"""


def test_a_file_narrows_extends_and_fixes(tmp_path: Path) -> None:
    file = tmp_path / "space.toml"
    file.write_text(FILE)
    space = search_space(BASE, file)
    rows = {row.name: row for row in space.parameters}
    assert (rows["weights.gan"].low, rows["weights.gan"].high) == (0.5, 2.0)
    assert rows["readings.gram"].choices == ("spatial", "channel")
    assert "optimizer.lr_generator" not in rows
    assert "switches.lrank" not in rows
    default = space.default()
    assert "weights.rank" not in default  # ranking is off in every trial
    config = space.config(default, seed=0)
    assert (config.training.steps, config.switches.lrank) == (7, False)


@pytest.mark.parametrize(
    ("fixed", "message"),
    [
        ('"model.discarded_frames" = 1', "sees 4 frames, but all except the first 1 are scored"),
        ('"model.frames" = 4', "sees 4 frames, but clips of preset 'smoke' have 4"),
        ('"model.size" = 24', "needs clips of a multiple of 16 pixels, not 24"),
    ],
)
def test_fixed_settings_that_the_method_does_not_fit_are_refused(fixed: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "space.toml"
    file.write_text(f"[fixed]\n{fixed}")
    with pytest.raises(UserError, match=f"{file}: method 'mcnet' {message}"):
        search_space(with_method(BASE, "mcnet"), file)


def test_json_says_the_same_and_only_drops_the_default_rows(tmp_path: Path) -> None:
    file = tmp_path / "space.json"
    file.write_text(json.dumps({"only": True, "parameters": {"training.batch": {"kind": "int", "low": 2, "high": 8}}}))
    space = search_space(BASE, file)
    assert [row.name for row in space.parameters] == ["training.batch"]
    assert space.default() == {"training.batch": 8}


def test_a_factor_gives_a_log_range_around_the_value_of_the_data_set(tmp_path: Path) -> None:
    file = tmp_path / "space.toml"
    file.write_text('[parameters."weights.rank"]\nkind = "log"\nfactor = 4')
    (row,) = (row for row in search_space(BASE, file).parameters if row.name == "weights.rank")
    assert (row.kind, row.low, row.high, row.when) == ("log", 25.0, 400.0, ())  # Table B: 100


def test_trial_0_moves_into_a_range_that_excludes_table_b(tmp_path: Path) -> None:
    file = tmp_path / "space.json"
    file.write_text(json.dumps({"parameters": {"weights.rank": {"kind": "float", "low": 1, "high": 5}}}))
    assert search_space(BASE, file).default()["weights.rank"] == 5.0


def test_a_prior_alone_keeps_the_default_range_and_conditions(tmp_path: Path) -> None:
    file = tmp_path / "space.toml"
    file.write_text(
        '[parameters."weights.rank"]\nprior = 30\nconfidence = "high"\n[parameters."switches.da"]\nprior = 0.7'
    )
    before = {row.name: row for row in search_space(BASE).parameters}
    after = {row.name: row for row in search_space(BASE, file).parameters}
    assert after["weights.rank"] == replace(before["weights.rank"], prior=30, confidence="high")
    assert after["switches.da"] == replace(before["switches.da"], prior=0.7)


def test_a_categorical_prior_is_a_choice(tmp_path: Path) -> None:
    file = tmp_path / "space.json"
    row = {"kind": "categorical", "choices": ["spatial", "channel"], "prior": "channel", "confidence": "low"}
    file.write_text(json.dumps({"only": True, "parameters": {"readings.gram": row}}))
    (found,) = search_space(BASE, file).parameters
    assert (found.prior, found.confidence) == ("channel", "low")


BAD = {
    "unknown name": ('[parameters."weights.nothing"]\nkind = "float"\nlow = 0\nhigh = 1', "unknown parameter"),
    "unknown fixed name": ('[fixed]\n"weights.nothing" = 1', "unknown setting"),
    "wrong type": ('[fixed]\n"switches.da" = 1', "does not fit its type"),
    "empty range": ('[parameters."weights.gan"]\nkind = "float"\nlow = 2\nhigh = 1', "low must be below high"),
    "log from zero": ('[parameters."weights.gan"]\nkind = "log"\nlow = 0\nhigh = 1', "low must be above 0"),
    "int of a float": ('[parameters."training.batch"]\nkind = "int"\nlow = 1.5\nhigh = 3', "give whole numbers"),
    "one choice": (
        '[parameters."readings.gram"]\nkind = "categorical"\nchoices = ["spatial"]',
        "two or more different",
    ),
    "no number": ('[parameters."weights.gan"]\nkind = "log"\nlow = "a"\nhigh = 2', "is not a number"),
    "no range": ('[parameters."weights.gan"]\nkind = "log"', "needs low and high"),
    "factor and range": ('[parameters."weights.gan"]\nkind = "log"\nlow = 1\nfactor = 2', "neither low nor high"),
    "factor of no log": ('[parameters."weights.gan"]\nkind = "float"\nfactor = 2', "give kind = 'log'"),
    "factor below one": ('[parameters."weights.gan"]\nkind = "log"\nfactor = 0.5', "must be above 1"),
    "factor around 0": ('[parameters."optimizer.decay_share"]\nkind = "log"\nfactor = 2', "around 0.0"),
    "no kind": ('[parameters."weights.gan"]\nlow = 1', "needs a kind"),
    "unknown kind": ('[parameters."weights.gan"]\nkind = "cubic"', "unknown kind 'cubic'"),
    "unknown key": ('[parameters."weights.gan"]\nkind = "log"\nlow = 1\nhigh = 2\nstep = 1', "unknown step"),
    "bad prior": ('[parameters."switches.da"]\nkind = "bool"\nprior = 1.5', "between 0 and 1"),
    "prior above the range": (
        '[parameters."weights.gan"]\nkind = "log"\nlow = 1\nhigh = 2\nprior = 3.0',
        r"'weights.gan' has prior 3.0, which is not in its range \(1 to 2\)",
    ),
    "prior of a default parameter outside its range": (
        '[parameters."weights.rank"]\nprior = 1001.0',
        r"has prior 1001.0, which is not in its range \(10 to 1000\)",
    ),
    "prior between two integers": (
        '[parameters."training.batch"]\nkind = "int"\nlow = 1\nhigh = 8\nprior = 2.5',
        "2.5 does not fit its type",
    ),
    "prior that is no choice": (
        '[parameters."readings.gram"]\nkind = "categorical"\nchoices = ["spatial", "channel"]\nprior = "time"',
        r"has prior 'time', which is not in its range \(spatial, channel\)",
    ),
    "prior of another type": (
        '[parameters."readings.gram"]\nkind = "categorical"\nchoices = ["spatial", "channel"]\nprior = 1',
        r"has prior 1, which is not in its range",
    ),
    "prior in words": ('[parameters."weights.gan"]\nkind = "log"\nlow = 1\nhigh = 2\nprior = "a"', "not a number"),
    "prior that is not finite": (
        '[parameters."weights.gan"]\nkind = "log"\nlow = 1\nhigh = 2\nprior = nan',
        "nan does not fit its type",
    ),
    "unknown confidence": (
        '[parameters."weights.rank"]\nprior = 50.0\nconfidence = "sure"',
        "confidence 'sure': choose",
    ),
    "confidence alone": ('[parameters."weights.rank"]\nconfidence = "low"', "a confidence, but there is no prior"),
    "confidence of a bool": (
        '[parameters."switches.da"]\nprior = 0.5\nconfidence = "low"',
        "the prior of a bool is a probability",
    ),
    "bad condition": (
        '[parameters."weights.gan"]\nkind = "log"\nlow = 1\nhigh = 2\nwhen = ["weights.l1"]',
        "is not a switch",
    ),
    "fixed and searched": (
        '[fixed]\n"weights.gan" = 1.0\n[parameters."weights.gan"]\nkind = "log"\nlow = 1\nhigh = 2',
        "both fixed and searched",
    ),
    "nothing left": ("only = true", "no parameter is left to search"),
    "unknown table": ("[constants]\na = 1", "unknown constants"),
    "broken": ("[fixed", "cannot parse the space file"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_one_clear_line(tmp_path: Path, name: str) -> None:
    text, message = BAD[name]
    file = tmp_path / "space.toml"
    file.write_text(text)
    with pytest.raises(UserError, match=message) as caught:
        search_space(BASE, file)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file() -> None:
    with pytest.raises(UserError, match="cannot read the space file"):
        search_space(BASE, Path("/nowhere/space.toml"))
