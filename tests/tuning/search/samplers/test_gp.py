from __future__ import annotations

import math
import os
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from analysis.record.states import COMPLETE, FAILED, PRUNED, RUNNING
from tests.tuning.search.samplers.toy_search import BASE, SPACE, params_of, run, small
from tests.tuning.toy_rows import trial_row
from tuning.engine.sources import SampledTrials
from tuning.search.samplers import SearchHistory, create_sampler, gp
from tuning.search.samplers.curve_data import MOST_REPORTS, reports_of, standardized
from tuning.search.samplers.curve_process import CurveData, CurveProcess, fit
from tuning.search.samplers.flat_space import FlatSpace
from tuning.search.samplers.gp import PRIOR_TRIALS, STARTUP, Improvement, log_improvement


def test_features_are_those_of_the_decoded_parameters() -> None:
    """Conditions, switches and numbers: the fast path for many candidates agrees with `Space.decode`."""
    flat = FlatSpace(SPACE)
    units = np.random.default_rng(0).random((50, len(SPACE.parameters)))
    features = flat.features(units)
    for row, found in zip(units, features, strict=True):
        params = SPACE.decode(dict(zip((p.name for p in SPACE.parameters), row, strict=True)))
        assert flat.encode(params) == pytest.approx(found)
    assert flat.features(flat.units(features)) == pytest.approx(features)


def test_features_of_whole_numbers_and_unknown_choices(tmp_path: Path) -> None:
    space = small(
        tmp_path,
        **{
            "training.batch": {"kind": "int", "low": 1, "high": 4},
            "readings.gram": {"kind": "categorical", "choices": ["spatial", "channel"]},
        },
    )
    flat = FlatSpace(space)
    order = [row.name for row in space.parameters]
    found = dict(zip(order, flat.features(np.array([[0.6, 0.6]]))[0], strict=True))
    assert found == {"training.batch": 0.625, "readings.gram": 1.0}  # 3 of 1..4, and the second choice
    assert dict(zip(order, flat.encode({"readings.gram": "gone"}), strict=True))["readings.gram"] == -1


def test_values_that_a_log_range_cannot_have(tmp_path: Path) -> None:
    """A trial of another space may have switched a weight off: it lies below the range."""
    space = small(tmp_path, **{"weights.gan": {"kind": "log", "low": 0.01, "high": 100.0}})
    flat = FlatSpace(space)
    places = [flat.encode({"weights.gan": value})[0] for value in (0.0, 1e-30, 1e-4, 0.01)]
    assert places == pytest.approx([-1, -1, -0.5, 0])
    assert flat.encode({"weights.gan": "off"}) == pytest.approx(flat.base)
    rows = [
        trial_row(BASE, number, params={"weights.gan": float(number)}, state=COMPLETE, value=number / 10, step=20)
        for number in range(STARTUP)
    ]
    assert create_sampler("gp", space, 0).propose(STARTUP, SearchHistory(rows, {}, rows)) is not None


def test_reports_are_averaged_by_thirds_of_the_budget() -> None:
    curve = {step: float(step) for step in range(1, 28)}
    rows = [
        trial_row(BASE, 0, state=COMPLETE, value=27.0, step=27, budget=27),
        trial_row(BASE, 1, state=PRUNED, value=3.0, step=3, budget=27),
        trial_row(BASE, 2, state=RUNNING, step=1, budget=27),
        trial_row(BASE, 3, state=FAILED, reason="diverged", budget=27),
        trial_row(BASE, 4, budget=27),
    ]
    curves = {
        "trial-0000": curve,
        "trial-0001": {step: curve[step] for step in (1, 2, 3)},
        "trial-0002": {1: 0.5},
    }
    found = reports_of(SearchHistory(rows, curves), 5)
    assert [trial.number for trial in found.trials] == [0, 1, 2, 3]
    whole = found.rows[found.rows[:, 0] == 0]
    assert whole[:, 2] == pytest.approx([27, np.mean(range(10, 27)), np.mean(range(4, 10)), 2.5])
    assert whole[:, 3].tolist() == [1, 17, 6, 2]
    assert whole[-1, 1] == pytest.approx(math.sqrt(6) / 27)
    assert found.rows[found.rows[:, 0] == 1][:, 2:].tolist() == [[2.5, 2], [1, 1]]
    # A failed trial counts as having ended with the worst value.
    assert found.rows[found.rows[:, 0] == 3].tolist() == [[3, 1, 0.5, 1]]


class Witness:
    """A sampler that keeps the history it is given, and proposes nothing."""

    history = SearchHistory([], {})

    def propose(self, number: int, history: SearchHistory) -> None:
        self.history = history


def test_progress_is_that_of_the_present_budget() -> None:
    """The study's steps were changed to 40: a trial that completed 20 is halfway, one that trained 80 was there."""
    sampler = Witness()
    rows = [
        trial_row(BASE, 0, state=COMPLETE, value=0.7, step=80, budget=80),
        trial_row(BASE, 1, state=COMPLETE, value=0.5, step=20, budget=20),
    ]
    curves = {"trial-0000": {40: 0.6, 80: 0.7}, "trial-0001": {20: 0.5}}
    assert SPACE.base.training.steps == 40
    assert SampledTrials(SPACE, sampler, 9, 0).propose(rows, curves) is None  # type: ignore[arg-type]
    found = reports_of(sampler.history, 2)
    assert found.rows.tolist() == [[0, 1, 0.6, 1], [1, pytest.approx(0.5), 0.5, 1]]
    assert {trial.state for trial in found.trials} == {PRUNED}


def test_of_too_many_trials_those_that_went_furthest_are_kept() -> None:
    count = MOST_REPORTS + 20
    rows = [trial_row(BASE, n, state=PRUNED if n else COMPLETE, value=0.5, step=2 if n else 20) for n in range(count)]
    found = reports_of(SearchHistory(rows, {row.key: {row.step: 0.5} for row in rows}), count)
    assert [trial.number for trial in found.trials] == [0, *range(21, count)]
    assert len(found.rows) == MOST_REPORTS


def test_standardized_values_keep_their_order() -> None:
    values = np.array([-1e6, 0.1, 0.2, 0.2, 0.5, 0.4])
    found = standardized(values)
    assert np.argsort(found, kind="stable").tolist() == np.argsort(values, kind="stable").tolist()
    assert (found.mean(), found.std()) == pytest.approx((0, 1))
    assert found[0] > -3
    assert standardized(np.ones(3)).tolist() == [0, 0, 0]


def test_log_improvement() -> None:
    """Against log(pdf(z) + z cdf(z)) computed with 60 digits; at -5000 the first term of its series."""
    z = np.array([2.0, 0.0, -1.0, -5.0, -40.0, -5000.0])
    expected = [
        0.6973835458, -0.9189385332, -2.4851210257, -16.7443011627, -808.2985683566, -12500017.9533,
    ]  # fmt: skip
    assert log_improvement(z) == pytest.approx(expected, rel=1e-6)


def test_a_failing_region_is_avoided(tmp_path: Path) -> None:
    space = small(tmp_path, **{"weights.gan": {"kind": "log", "low": 0.01, "high": 100.0}})
    history = SearchHistory([], {})
    for number in range(18):
        params = create_sampler("gp", space, 0).propose(number, history)
        assert params is not None
        unit = space.parameters[0].to_unit(params["weights.gan"])
        fails = unit > 0.5
        row = trial_row(BASE, number, params=params, step=20, state=FAILED if fails else COMPLETE)
        history = SearchHistory([*history.trials, row if fails else replace(row, value=unit)], {})
    assert sum(trial.state == FAILED for trial in history.trials[STARTUP:]) <= 6


def test_running_trials_keep_proposals_apart() -> None:
    history = run("gp", SPACE, 8)
    trials = list(history.trials)
    for number in range(8, 11):
        params = create_sampler("gp", SPACE, 0).propose(number, SearchHistory(trials, history.curves))
        trials.append(replace(trial_row(BASE, number), params=params, state=RUNNING))
    flat = FlatSpace(SPACE)
    places = [flat.encode(trial.params) for trial in trials[8:]]
    gaps = [np.abs(a - b).max() for index, a in enumerate(places) for b in places[:index]]
    assert min(gaps) > 0.05


@pytest.mark.parametrize("value", [0.1, 30.0])
def test_priors_draw_the_first_proposals_and_a_wrong_one_is_overcome(tmp_path: Path, value: float) -> None:
    """The best weight is 30. Proposals begin near the prior value, wherever that is, and end near the best."""
    entry = {"kind": "log", "low": 0.01, "high": 100.0, "prior": value, "confidence": "high"}
    space = small(tmp_path, **{"weights.gan": entry})
    row = space.parameters[0]
    history, places = SearchHistory([], {}), []
    for number in range(16):
        params = create_sampler("gp", space, 0).propose(number, history)
        assert params is not None
        places.append(row.to_unit(params[row.name]))
        height = 1 - abs(places[-1] - row.to_unit(30.0))
        trial = trial_row(BASE, number, params=params, state=COMPLETE, value=height, step=20)
        history = SearchHistory([*history.trials, trial], {})
    drawn = [places[1], *places[2:STARTUP:2]]  # odd ones are drawn from the whole range
    assert np.median(drawn) == pytest.approx(row.to_unit(value), abs=0.1)
    assert max(trial.value or 0.0 for trial in history.trials) > 0.97


def test_a_warm_start_counts_as_trials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is learnt from at once, and priors weigh no more than after as many trials of this study."""
    weights = []

    def witnessed(process: CurveProcess, incumbent: float, flat: FlatSpace, weight: float) -> Improvement:
        weights.append(weight)
        return Improvement(process, incumbent, flat, weight)

    monkeypatch.setattr(gp, "Improvement", witnessed)
    space = small(tmp_path, **{"weights.gan": {"kind": "log", "low": 0.01, "high": 100.0}})
    row = space.parameters[0]
    places = np.linspace(0, 1, 10).tolist()
    imported = [
        trial_row(BASE, key=f"other/{at}", params={row.name: row.from_unit(at)}, state=COMPLETE, value=-abs(at - 0.8))
        for at in places
    ]
    trials = [trial_row(BASE, number, params=space.default(), state=COMPLETE, value=-0.3) for number in (0, 1)]
    params = create_sampler("gp", space, 0).propose(2, SearchHistory(trials, {}, imported))
    assert params is not None
    assert row.to_unit(params[row.name]) == pytest.approx(0.8, abs=0.05)
    assert weights == [PRIOR_TRIALS / 12]


def test_a_small_space_is_searched_without_repeats(tmp_path: Path) -> None:
    space = small(
        tmp_path,
        **{
            "training.batch": {"kind": "int", "low": 1, "high": 4},
            "weights.gan": {"kind": "categorical", "choices": [0.5, 1.0, 2.0]},
        },
    )
    found = [tuple(params.values()) for params in params_of(run("gp", space, 14))]
    assert len(set(found[:12])) == 12
    assert set(found[12:]) <= set(found[:12])


def test_the_prior_of_an_inactive_parameter_does_not_count(tmp_path: Path) -> None:
    """Otherwise a position that has no effect would raise the value of switching the parameter off."""
    space = small(
        tmp_path,
        **{
            "switches.da": {"kind": "bool"},
            "weights.gan": {"kind": "log", "low": 0.01, "high": 100.0, "prior": 30.0, "when": ["switches.da"]},
        },
    )
    flat = FlatSpace(space)
    x = np.array([[0.0, 0.2], [1.0, 0.5], [1.0, 0.9]])
    data = CurveData(x, np.zeros(3), np.arange(3), np.array([-1.0, 0.0, 1.0]), np.ones(3), flat.choices)
    at_prior = flat.rows[1].to_unit(30.0)
    off, on = flat.rows[0].to_unit(False), flat.rows[0].to_unit(True)
    units = np.array([[off, at_prior], [off, 0.1], [on, at_prior], [on, 0.1]])
    plain, weighted = (Improvement(fit(data), 0.5, flat, weight)(units) for weight in (0.0, 1.0))
    assert weighted[:2] == pytest.approx(plain[:2])
    assert weighted[2] > plain[2]
    assert weighted[3] < plain[3]


def test_proposals_do_not_depend_on_the_number_of_threads() -> None:
    """A study resumed on a machine with more cores continues as it would have."""
    script = """
        from tests.tuning.search.samplers.toy_search import SPACE, random_history
        from tuning.search.pruners.gp import predicted_ends
        from tuning.search.samplers import create_sampler
        history = random_history(120)
        print(create_sampler("gp", SPACE, 0).propose(120, history), predicted_ends(history, SPACE))
    """
    found = [
        subprocess.run(
            [sys.executable, "-c", textwrap.dedent(script)],
            env=os.environ | {"OMP_NUM_THREADS": str(threads)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for threads in (1, 2)
    ]
    assert found[0] == found[1]
