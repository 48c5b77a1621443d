"""Each kind of violation is seen, and nothing is seen where all is well."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from tests.tuning.exactly_once import violations

EVERY, BUDGET = 5, 10
WHOLE = [(5, 0.25), (10, 0.5)]


def healthy() -> dict[str, Any]:
    """Three trials and their study; b was interrupted after step 7 and went on from its checkpoint of step 5."""
    runs = [{"run_id": "0", "role": "study", "trial_key": "", "status": "FINISHED", "curve": []}]
    runs += [
        {"run_id": key, "role": "trial", "trial_key": key, "status": status, "curve": curve}
        for key, status, curve in (("a", "FINISHED", WHOLE), ("b", "FINISHED", WHOLE), ("c", "KILLED", WHOLE[:1]))
    ]
    return {
        "rows": [
            {"key": "a", "state": "COMPLETE", "attempts": 1},
            {"key": "b", "state": "COMPLETE", "attempts": 2},
            {"key": "c", "state": "PRUNED", "attempts": 1},
        ],
        "runs": runs,
        "curves": {"a": WHOLE, "b": WHOLE, "c": WHOLE[:1]},
        "executed": [("a", 1, step) for step in range(1, 11)]
        + [("b", 1, step) for step in range(1, 8)]
        + [("b", 2, step) for step in range(6, 11)]
        + [("c", 1, step) for step in range(1, 6)],
        "finished": {"a": 1},
        "trials": 3,
        "every": EVERY,
        "budget": BUDGET,
    }


def test_nothing_is_wrong_with_a_healthy_study() -> None:
    assert violations(**healthy()) == []


def test_a_stack_without_a_run_of_the_study_says_so() -> None:
    study = healthy()
    del study["runs"][0]
    assert violations(**study) == ["runs: 0 of the study itself, not 1"]
    assert violations(**study, parents=0) == []


def edit(change: Callable[[dict[str, Any]], object]) -> list[str]:
    study = deepcopy(healthy())
    change(study)
    return violations(**study)


def extra_run(study: dict[str, Any], key: str) -> None:
    study["runs"].append({**study["runs"][1], "run_id": "x", "trial_key": key})


CASES: dict[str, tuple[Callable[[dict[str, Any]], object], list[str]]] = {
    "one trial too few": (lambda s: s.update(trials=4), ["trials: 3 on record, not 4"]),
    "a trial twice on record": (
        lambda s: (s["rows"].append(s["rows"][0]), s.update(trials=4)),
        ["trials: a is on record 2 times"],
    ),
    "a trial left running": (
        lambda s: s["rows"][2].update(state="RUNNING"),
        ["trials: c is RUNNING, it has not ended"],
    ),
    "a second run of the study": (
        lambda s: s["runs"].append({**s["runs"][0], "run_id": "x"}),
        ["runs: 2 of the study itself, not 1"],
    ),
    "a second run of a trial": (lambda s: extra_run(s, "a"), ["runs: 2 of a, not one"]),
    "a run of no trial": (lambda s: extra_run(s, "d"), ["runs: 1 of 'd', which is no trial"]),
    "a trial without a run": (lambda s: s["runs"].pop(), ["runs: 0 of c, not one"]),
    "a run left running": (
        lambda s: s["runs"][2].update(status="RUNNING"),
        ["runs: that of b is RUNNING, it has not ended"],
    ),
    "the study's run left open": (
        lambda s: s["runs"][0].update(status="SCHEDULED"),
        ["runs: that of study is SCHEDULED, it has not ended"],
    ),
    "a run of another status": (
        lambda s: s["runs"][3].update(status="FINISHED"),
        ["runs: that of c is FINISHED, not KILLED"],
    ),
    "a hole in the tracked curve": (
        lambda s: s["runs"][1].update(curve=WHOLE[1:]),
        ["runs: the curve of a, at steps [10], is not the record's"],
    ),
    "a doubled step in the tracked curve": (
        lambda s: s["runs"][1].update(curve=[WHOLE[0], *WHOLE]),
        ["runs: the curve of a, at steps [5, 5, 10], is not the record's"],
    ),
    "another value in the tracked curve": (
        lambda s: s["runs"][1].update(curve=[(5, 0.3), WHOLE[1]]),
        ["runs: the curve of a, at steps [5, 10], is not the record's"],
    ),
    "a finished trial that trained again": (
        lambda s: s["executed"].append(("a", 2, 3)),
        ["again: a had ended in attempt 1, and trained 1 more steps"],
    ),
    "a finished trial that was started again": (
        lambda s: s["rows"][0].update(attempts=2),
        ["again: a had ended in attempt 1, and is at 2"],
    ),
    "a finished trial that is gone": (
        lambda s: s["finished"].update(z=1),
        ["again: z had ended, and is gone from the record"],
    ),
    "a trial that started from nothing again": (
        lambda s: s["executed"].extend(("b", 2, step) for step in range(1, 6)),
        ["steps: b trained 7 steps again in attempt 2, above 5"],
    ),
    "a complete trial with untrained steps": (
        lambda s: s["executed"].remove(("a", 1, 4)),
        ["steps: a is complete, and never trained 1 of 10 steps"],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_violation_is_seen(name: str) -> None:
    change, found = CASES[name]
    assert edit(change) == found


@pytest.mark.parametrize(
    ("curve", "found"),
    [
        ([WHOLE[0], *WHOLE], "curves: a has a step twice: [5, 5, 10]"),
        (WHOLE[1:], "curves: a has a gap: [10]"),
        (WHOLE[:1], "curves: a is complete, its curve ends at step 5"),
        ([], "curves: a is complete, its curve ends at step 0"),
    ],
)
def test_a_broken_curve_of_the_record_is_seen(curve: list[tuple[int, float]], found: str) -> None:
    def both(study: dict[str, Any]) -> None:
        study["curves"]["a"] = curve
        study["runs"][1]["curve"] = curve

    assert edit(both) == [found]


def test_a_pruned_trial_has_reported() -> None:
    def silent(study: dict[str, Any]) -> None:
        study["curves"]["c"] = []
        study["runs"][3]["curve"] = []

    assert edit(silent) == ["curves: c is pruned, and has never reported"]
