"""Files of points that a search tries first."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from amc.config import natops
from amc.errors import UserError
from tuning.search.default_space import search_space
from tuning.search.space import Parameter, checked_space
from tuning.search.tried_points import read_points

BASE = natops("smoke")
SPACE = search_space(BASE)


def test_toml_and_json_say_the_same_and_the_rest_is_the_base_configuration(tmp_path: Path) -> None:
    toml, listed, table = tmp_path / "a.toml", tmp_path / "a.json", tmp_path / "b.json"
    toml.write_text('[[points]]\n"weights.rank" = 30\n[[points]]\nweights.l1 = 2.0\n"switches.lrank" = false\n')
    content = [{"weights.rank": 30}, {"weights": {"l1": 2.0}, "switches.lrank": False}]
    listed.write_text(json.dumps(content))
    table.write_text(json.dumps({"points": content}))
    points = read_points(toml, SPACE)
    assert points == read_points(listed, SPACE) == read_points(table, SPACE)
    assert points[0] == {**SPACE.default(), "weights.rank": 30.0}
    assert isinstance(points[0]["weights.rank"], float)
    # What depends on the switch is left out.
    expected = {**SPACE.default(), "switches.lrank": False, "weights.l1": 2.0}
    assert points[1] == {k: v for k, v in expected.items() if not k.startswith(("margins", "weights.rank"))}


def test_a_complete_point_is_taken_as_it_is(tmp_path: Path) -> None:
    point = SPACE.decode({row.name: 0.3 for row in SPACE.parameters})
    file = tmp_path / "points.json"
    file.write_text(json.dumps([point]))
    assert read_points(file, SPACE) == [point]


def test_choices_and_whole_numbers(tmp_path: Path) -> None:
    rows = [
        Parameter("training.batch", "int", 2, 8),
        Parameter("readings.gram", "categorical", choices=("spatial", "channel")),
    ]
    file = tmp_path / "points.json"
    file.write_text(json.dumps([{"training.batch": 3, "readings.gram": "channel"}]))
    assert read_points(file, checked_space(BASE, rows, {})) == [{"training.batch": 3, "readings.gram": "channel"}]


BAD = {
    "empty file": ("", "has no points"),
    "empty list": ("points = []", "has no points"),
    "empty point": ("[[points]]", "point 1 must be a table with the value of at least one parameter"),
    "empty table in a point": (
        "[[points]]\n[points.weights]",
        "point 1 must be a table with the value of at least one",
    ),
    "quoted and nested": (
        "[[points]]\n'weights.rank' = 30.0\nweights.rank = 40.0",
        "point 1 sets 'weights.rank' twice, as a quoted name and in a table: remove one of them",
    ),
    "no table": ("points = [3]", "point 1 must be a table"),
    "another table": ("[[trials]]\nweights.rank = 30.0", r"unknown trials: write each point as a table \[\[points\]\]"),
    "unknown name": (
        "[[points]]\nweights.rnak = 30.0",
        "'weights.rnak', which is not a parameter of .* 'weights.rank'?",
    ),
    "not searched": ("[[points]]\noptimizer.beta1 = 0.5", "'optimizer.beta1', which is not searched"),
    "fixed": ("[[points]]\n'weights.gan' = 2.0", "'weights.gan', which the space file fixes at 1.0"),
    "too large": ("[[points]]\nweights.rank = 1000.1", r"to 1000.1, which is not in its range \(10 to 1000\)"),
    "not finite": ("[[points]]\nweights.rank = nan", "does not fit its type"),
    "wrong type": ('[[points]]\nweights.rank = "a"', "does not fit its type"),
    "number for a switch": ("[[points]]\nswitches.da = 1", r"to 1, which is not in its range \(False, True\)"),
    "part of a whole": ("[[points]]\ntraining.batch = 2.5", "2.5 does not fit its type"),
    "inactive": (
        "[[points]]\nweights.rank = 30.0\nswitches.lrank = false",
        "'weights.rank', which has no effect there: it needs switches.mismatched and switches.lrank and",
    ),
    "twice": (
        "[[points]]\nweights.rank = 30.0\n[[points]]\nweights.l1 = 2.0\n[[points]]\nweights.rank = 30",
        "point 3 is the same as point 1: remove one of them",
    ),
    "broken": ("[[points", "cannot parse --try"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_points_are_one_clear_line(tmp_path: Path, name: str) -> None:
    text, message = BAD[name]
    rows = [row for row in SPACE.parameters if row.name != "weights.gan"]
    rows.append(Parameter("training.batch", "int", 2, 8))
    space = checked_space(BASE, rows, {"weights.gan": 1.0})
    file = tmp_path / "points.toml"
    file.write_text(text)
    with pytest.raises(UserError, match=message) as caught:
        read_points(file, space)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)
