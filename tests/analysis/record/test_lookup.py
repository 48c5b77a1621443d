"""Looking up what a study found: in its record, in another record, or in its summary.json."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from amc.cli.from_study import TrialConfig
from amc.config import Config, natops
from amc.errors import UserError
from analysis.record.lookup import find_config, find_trial, open_study_record
from analysis.record.writing import RecordWriter
from tests.tuning.toy_rows import study_row, trial_row
from tuning.engine.summary import write_summary

PARAMS = {"weights.rank": 12.5, "optimizer.lr_generator": 1e-3, "switches.lrank": False}


def write_search(path: Path, base: Config, name: str = "toy", **changes: Any) -> None:
    """A record at `path` of a search with two complete trials, the second of which is better, and a waiting one."""
    with RecordWriter(path) as record:
        record.create_study(replace(study_row(base, name), **changes))
        for number, value in ((0, 0.25), (1, 0.75)):
            record.add_trial(trial_row(base, number, study=name))
            begun = record.begin(name, f"trial-{number:04d}")
            record.finish(name, begun.key, begun.attempts, "COMPLETE", value=value)
        record.add_trial(trial_row(base, 2, study=name))


def summary(**changes: Any) -> dict[str, Any]:
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


def runs_with(folder: Path, content: object, name: str = "s") -> Path:
    """A folder of studies with one summary.json."""
    (folder / name).mkdir(parents=True)
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / name / "summary.json").write_text(text)
    return folder


@pytest.mark.parametrize(
    ("wanted", "key"), [(None, "trial-0001"), ("trial-0000", "trial-0000"), ("1", "trial-0001"), ("02", "trial-0002")]
)
def test_a_trial_by_key_or_number_else_the_best(wanted: str | None, key: str, base: Config, tmp_path: Path) -> None:
    write_search(tmp_path / "toy" / "record.db", base)
    with open_study_record("toy", tmp_path) as found:
        assert found is not None
        assert find_trial(*found, wanted).key == key
    assert find_config(tmp_path, "toy", wanted).trial == key


def test_a_study_is_looked_up_in_the_given_record_first(base: Config, tmp_path: Path) -> None:
    shared = tmp_path / "shared.db"
    write_search(shared, base, seed=1)
    write_search(tmp_path / "toy" / "record.db", base, seed=2)
    write_search(tmp_path / "other" / "record.db", base, "other", seed=3)
    for name, record, seed in (("toy", str(shared), 1), ("toy", None, 2), ("other", str(shared), 3)):
        with open_study_record(name, tmp_path, record) as found:
            assert found is not None
            assert found[1].seed == seed
    for name in ("none", "", ".", "../toy"):
        with open_study_record(name, tmp_path, str(shared)) as found:
            assert found is None


def test_record_and_summary_give_the_same_configuration(base: Config, tmp_path: Path) -> None:
    path = tmp_path / "toy" / "record.db"
    space = {"fixed": {"readings.gram": "channel", "weights.l1": 7.0}}
    write_search(path, base, space=space, dataset=study_row(base).dataset | {"split": {"rule": "natops-lfdm"}})
    found = find_config(tmp_path, "toy", None)
    settings = {"split.rule": "natops-lfdm", **space["fixed"], "weights.gan": 2.0}
    assert found == TrialConfig(
        "toy", "trial-0001", "COMPLETE", "smoke", "toy", "procedural", 0.75, "amc_gan", settings
    )
    with RecordWriter(path) as record:
        write_summary(record, "toy", tmp_path / "toy" / "summary.json")
    path.unlink()  # as if the record were on a server
    for wanted in (None, "0", "2"):
        write_search(path, base, space=space, dataset=study_row(base).dataset | {"split": {"rule": "natops-lfdm"}})
        expected = find_config(tmp_path, "toy", wanted)
        path.unlink()
        assert find_config(tmp_path, "toy", wanted) == expected


def test_what_a_trial_sampled_goes_before_what_the_study_fixed(tmp_path: Path) -> None:
    runs = runs_with(tmp_path, summary(fixed={"readings.gram": "channel", "weights.gan": 7.0}))
    assert find_config(runs, "s", None).settings == {**PARAMS, "weights.gan": 9.5, "readings.gram": "channel"}


@pytest.mark.parametrize("rule", ["subject", "source", "luck", 3])
def test_the_default_split_and_unknown_rules_are_not_settings(rule: object, tmp_path: Path) -> None:
    data = {"name": "natops", "origin": "natops", "split": {"rule": rule, "seed": 0}}
    found = find_config(runs_with(tmp_path, summary(dataset=data)), "s", None)
    assert found.applied(natops("paper")).split.rule == "subject"


@pytest.mark.parametrize(
    ("content", "trial", "says"),
    [
        ('{"study": ', None, "is not the summary of a study"),
        ("[" * 100_000, None, "is not the summary of a study"),
        ("[]", None, "the top level is not an object"),
        ({"study": "s"}, None, "dataset or fixed is not an object"),
        (summary(fixed=3), None, "dataset or fixed is not an object"),
        (summary(trials=None), None, "trials is not a list"),
        (summary(trials=[{"number": 1}]), None, "trials is not a list of objects with keys"),
        (summary(best=None), None, "no complete trial"),
        (summary(best={"key": "trial-0099"}), None, "the best trial is not among the trials"),
        (summary(best=3), None, "the best trial is not among the trials"),
        (summary(), "12", r"found: trial-0000, trial-0001"),
        (summary(), "trial-4", "no trial 'trial-4'"),
        (summary(), "-1", "no trial '-1'"),
        (summary(trials=[], best=None), "0", r"\(found: none\)"),
        (summary(kind="table4"), None, r"is not a search \(table4\)"),
        (summary(trials=[{"key": "trial-0000", "number": 0}], best=None), "0", "has no parameters"),
        (summary(trials=[{"key": "trial-0000", "params": {}}], best=None), "trial-0000", "has no parameters"),
    ],
)
def test_an_unusable_summary_is_one_line(content: object, trial: str | None, says: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=says):
        find_config(runs_with(tmp_path, content), "s", trial)


def test_unreadable_bytes_are_not_a_summary(tmp_path: Path) -> None:
    (runs_with(tmp_path, summary()) / "s" / "summary.json").write_bytes(b"\xff\xfe{")
    with pytest.raises(UserError, match="is not the summary of a study"):
        find_config(tmp_path, "s", None)


def test_the_error_for_an_unknown_study_lists_the_known_ones(base: Config, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no study 'x' in .* \(found: none\)"):
        find_config(tmp_path / "nowhere", "x", None)
    runs_with(tmp_path, summary(), "one")
    write_search(tmp_path / "two" / "record.db", base, "another")
    for name in ("x", "", ".", "two", "../" + tmp_path.name + "/one"):
        with pytest.raises(UserError, match=r"\(found: one, two\): give its folder with --runs DIR"):
            find_config(tmp_path, name, None)


def test_a_study_that_is_no_search_or_has_no_complete_trial_is_one_line(base: Config, tmp_path: Path) -> None:
    write_search(tmp_path / "arms" / "record.db", base, "arms", kind="table4")
    with RecordWriter(tmp_path / "new" / "record.db") as record:
        record.create_study(study_row(base, "new"))
        record.add_trial(trial_row(base, study="new"))
    with pytest.raises(UserError, match=r"study 'arms' is not a search \(table4\)"):
        find_config(tmp_path, "arms", None)
    with pytest.raises(UserError, match=r"study 'new' has no complete trial yet, .*its trials: trial-0000"):
        find_config(tmp_path, "new", None)
