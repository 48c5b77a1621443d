"""Taking a configuration over from a study's `summary.json`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from amc.cli.from_study import Found, find
from amc.config import natops
from amc.errors import UserError
from analysis.record.writing import RecordWriter
from tests.tuning.toy_rows import study_row, trial_row
from tuning.engine.summary import write_summary

PARAMS = {"weights.rank": 12.5, "optimizer.lr_generator": 1e-3, "switches.lrank": False}


def _content(**changes: Any) -> dict[str, Any]:
    trials = [
        {
            "key": f"trial-{n:04d}",
            "number": n,
            "state": "COMPLETE",
            "params": {**PARAMS, "weights.gan": n + 0.5},
            "value": n / 10,
        }
        for n in range(12)
    ]
    content = {
        "study": "s",
        "kind": "search",
        "dataset": {"name": "natops", "origin": "procedural"},
        "preset": "compact",
        "trials": trials,
        "best": trials[9],
    }
    return content | changes


def _runs(folder: Path, content: object, name: str = "s") -> Path:
    (folder / name).mkdir(parents=True)
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / name / "summary.json").write_text(text)
    return folder


@pytest.mark.parametrize(
    ("wanted", "key"),
    [
        (None, "trial-0009"),
        ("trial-0004", "trial-0004"),
        ("4", "trial-0004"),
        ("0011", "trial-0011"),
        ("0", "trial-0000"),
    ],
)
def test_a_trial_by_key_or_number_else_the_best(wanted: str | None, key: str, tmp_path: Path) -> None:
    found = find(_runs(tmp_path, _content()), "s", wanted)
    assert (found.study, found.trial, found.preset, found.dataset) == ("s", key, "compact", "natops")
    assert found.settings == {**PARAMS, "weights.gan": int(key[-2:]) + 0.5}


def test_settings_and_nothing_else_are_applied_at_another_size(tmp_path: Path) -> None:
    found = find(_runs(tmp_path, _content(fixed={"readings.gram": "channel", "weights.gan": 7.0})), "s", None)
    before = natops("paper")
    changed = {name: value for name, value in found.applied(before).flat().items() if value != before.flat()[name]}
    # What the study fixed for all trials is part of the configuration; what a trial chose goes before it.
    assert changed == {**PARAMS, "weights.gan": 9.5, "readings.gram": "channel"}


def test_the_studys_split_is_taken_along(tmp_path: Path) -> None:
    """Else the clips that a run is tested on might be those that its configuration was chosen by."""
    data = {"name": "natops", "origin": "natops", "split": {"rule": "natops-lfdm", "seed": 0}}
    found = find(_runs(tmp_path / "a", _content(dataset=data)), "s", None)
    assert found.applied(natops("paper")).split.rule == "natops-lfdm"
    assert "split.rule subject -> natops-lfdm" in found.announcement(natops("paper"))
    # What the user says comes first; and "source" is what the default falls back to.
    assert found.without("split.rule").applied(natops("paper")).split.rule == "subject"
    for number, rule in enumerate(("subject", "source", "luck", 3)):
        again = find(_runs(tmp_path / str(number), _content(dataset=data | {"split": {"rule": rule}})), "s", None)
        assert again.applied(natops("paper")).split.rule == "subject"


def test_the_announcement_is_one_line_that_says_what_changes(tmp_path: Path) -> None:
    line = find(_runs(tmp_path, _content()), "s", "3").announcement(natops("paper"))
    assert "\n" not in line
    assert line.startswith("configuration: 4 settings of trial-0003 of study s (natops, preset compact, validation")
    assert "accuracy 30.0%" in line
    for change in ("weights.rank 100 -> 12.5", "lr_generator 0.0002 -> 0.001", "switches.lrank True -> False"):
        assert change in line
    assert "margins" not in line


def test_a_summary_as_the_search_writes_it(tmp_path: Path) -> None:
    base = natops("smoke")
    (tmp_path / "toy").mkdir()
    with RecordWriter(tmp_path / "toy" / "record.db") as record:
        record.create_study(study_row(base))
        for number, value in ((0, 0.25), (1, 0.75)):
            record.add_trial(trial_row(base, number))
            begun = record.begin("toy", f"trial-{number:04d}")
            record.finish("toy", begun.key, begun.attempts, "COMPLETE", value=value, scores={}, reason="")
        with pytest.raises(UserError, match=r"has no summary\.json yet"):
            find(tmp_path, "toy", None)
        write_summary(record, "toy", tmp_path / "toy" / "summary.json")
    found = find(tmp_path, "toy", None)
    assert found == Found("toy", "trial-0001", "COMPLETE", "smoke", "toy", "procedural", 0.75, {"weights.gan": 2.0})


@pytest.mark.parametrize(
    ("content", "trial", "says"),
    [
        ('{"study": ', None, "no summary of a study"),
        ("[" * 100_000, None, "no summary of a study"),
        ("[]", None, "no table at its top"),
        ({"study": "s"}, None, "no data set"),
        (_content(fixed=3), None, "no table"),
        (_content(trials=None), None, "no list of trials"),
        (_content(trials=[{"number": 1}]), None, "no list of trials"),
        (_content(best=None), None, "no complete trial"),
        (_content(best={"key": "trial-0099"}), None, "its best trial is none of its trials"),
        (_content(), "12", "there is trial-0000, trial-0001"),
        (_content(), "trial-4", "no trial 'trial-4'"),
        (_content(), "-1", "no trial '-1'"),
        (_content(trials=[]), "0", "there is none"),
        (_content(kind="table4"), None, "is no search"),
        (_content(trials=[{"key": "trial-0000", "number": 0}]), "0", "has no params"),
        (_content(trials=[{"key": "trial-0000", "params": {}}]), "trial-0000", "has no params"),
        (_content(trials=[{"key": "a", "params": {"weights.love": 1.0}}]), "a", "unknown setting 'weights.love'"),
        (_content(trials=[{"key": "a", "params": {"weights.l1": "much"}}]), "a", "does not fit its type"),
        (_content(trials=[{"key": "a", "params": {"weights.l1": float("nan")}}]), "a", "does not fit its type"),
    ],
)
def test_what_cannot_be_taken_over_is_one_line(content: object, trial: str | None, says: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=says):
        find(_runs(tmp_path, content), "s", trial)


def test_an_unknown_study_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no study 'x' in .*: there is none"):
        find(tmp_path / "nowhere", "x", None)
    for name in ("one", "two"):
        _runs(tmp_path, _content(), name)
    for name in ("x", "", ".", "../" + tmp_path.name + "/one"):
        with pytest.raises(UserError, match="there is one, two; another folder is named by --runs"):
            find(tmp_path, name, None)


def test_unreadable_bytes_are_no_summary(tmp_path: Path) -> None:
    (_runs(tmp_path, _content()) / "s" / "summary.json").write_bytes(b"\xff\xfe{")
    with pytest.raises(UserError, match="no summary of a study"):
        find(tmp_path, "s", None)


def test_the_data_set_is_the_studys_where_its_name_leads_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AMC_DATA", raising=False)
    runs = _runs(tmp_path, _content(), "made")
    _runs(tmp_path, _content(dataset={"name": "natops", "origin": "natops"}), "real")
    _runs(tmp_path, _content(dataset={"name": "squares", "origin": "folder"}), "folder")
    made, real, folder = (find(runs, name, None) for name in ("made", "real", "folder"))
    assert made.implied_dataset() == "natops"
    made.check_origin("procedural")
    with pytest.raises(UserError, match="origin=procedural, natops is here origin=natops: give"):
        made.check_origin("natops")
    # A stand-in never takes the place of real clips unasked.
    with pytest.raises(UserError, match=r"clip file \(origin=natops\): give it with --data FILE\.h5"):
        real.implied_dataset()
    monkeypatch.setenv("AMC_DATA", str(tmp_path))
    assert real.implied_dataset() == "natops"
    with pytest.raises(UserError, match="origin=natops, natops is here origin=procedural"):
        real.check_origin("procedural")
    with pytest.raises(UserError, match=r"the clip file 'squares': give it with --data FILE\.h5"):
        folder.implied_dataset()
