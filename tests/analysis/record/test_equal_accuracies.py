"""Equal accuracies are ordered by log-likelihood, in the number itself, in rankings, and through a record on disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amc.config import natops
from amc.evaluation import validation
from analysis.record import equal_accuracies
from analysis.record.equal_accuracies import LOG_LIKELIHOOD, objective_value
from analysis.record.ranking import best, ranked
from analysis.record.rows import Score
from analysis.record.states import COMPLETE, PRUNED
from analysis.record.writing import RecordWriter
from tests.tuning.toy_rows import study_row, trial_row
from tuning.search.pruners import create_pruner
from tuning.search.samplers.base import SearchHistory

BASE = natops("smoke")
CLIPS = st.integers(1, 100_000)
LIKELIHOOD = st.integers(-100_000_000, 0).map(lambda millionths: millionths / 1e6)


@st.composite
def two_scores(draw: st.DrawFn) -> tuple[int, tuple[int, float], tuple[int, float]]:
    """A number of clips, and twice how many are right with a log-likelihood: often equally many, or one more."""
    clips = draw(CLIPS)
    first = draw(st.integers(0, clips))
    second = draw(
        st.one_of(st.just(first), st.integers(max(0, first - 1), min(clips, first + 1)), st.integers(0, clips))
    )
    return clips, (first, draw(LIKELIHOOD)), (second, draw(LIKELIHOOD))


@given(two_scores())
def test_the_order_is_lexicographic_and_only_equal_scores_tie(
    scores: tuple[int, tuple[int, float], tuple[int, float]],
) -> None:
    clips, *pairs = scores
    one, two = (objective_value(right / clips, likelihood) for right, likelihood in pairs)
    first, second = pairs
    assert (one < two) == (first < second)
    assert (one == two) == (first == second)


@given(st.integers(1, 100_000), LIKELIHOOD)
def test_the_term_is_smaller_than_the_distance_of_two_accuracies(clips: int, likelihood: float) -> None:
    assert 0 < objective_value(0.0, likelihood) < 1 / clips


def test_by_hand() -> None:
    assert objective_value(0.5, None) == 0.5
    assert objective_value(0.5, 0.0) == pytest.approx(0.500005, abs=1e-15)  # 1e-5 / 2
    assert objective_value(0.5, -2.0) == pytest.approx(0.5000025, abs=1e-15)  # 1e-5 / 4


def test_the_metrics_are_those_that_training_reports() -> None:
    assert equal_accuracies.ACCURACY == validation.ACCURACY
    assert validation.LOG_LIKELIHOOD == LOG_LIKELIHOOD


def test_only_accuracy_is_ordered() -> None:
    assert Score.from_columns(0.5, {"val/appearance": 0.5}, None, -2.0) == Score((0.5,))
    both = Score.from_columns(0.25, {"val/accuracy": 0.25, "val/appearance": 0.5}, None, -2.0)
    assert both == Score((objective_value(0.25, -2.0), 0.5))


def test_a_record_orders_equal_accuracies_and_reads_reports_without_a_log_likelihood(tmp_path: Path) -> None:
    """Equal accuracies: trial 1 is best, then 2; trial 0 has no log-likelihood; trial 3 has fewer clips right."""
    reports = [(0.9, None), (0.9, -0.1), (0.9, -0.2), (0.8, -0.01)]
    with RecordWriter(tmp_path / "record.db") as record:
        record.create_study(study_row(BASE))
        for number, (accuracy, likelihood) in enumerate(reports):
            row = record.add_trial(trial_row(BASE, number))
            record.begin(row.study, row.key)
            metrics = {"val/accuracy": accuracy} | ({} if likelihood is None else {LOG_LIKELIHOOD: likelihood})
            assert record.report(row.study, row.key, 1, 10, metrics)
            assert record.finish(row.study, row.key, 1, COMPLETE)
        trials, scores = record.trials("toy"), record.scores_by_step("toy")
        record.change_goal("toy", ["val/accuracy"], lambda _: None, settings={})
        assert record.trials("toy") == trials
    assert [(trial.value, trial.log_likelihood) for trial in trials] == reports
    assert all(list(trial.values) == ["val/accuracy"] for trial in trials)
    assert [trial.number for trial in ranked(trials)] == [1, 2, 0, 3]
    chosen = best(trials)
    assert chosen is not None
    assert chosen.number == 1
    values = [scores[trial.key][10].values[0] for trial in trials]
    assert sorted(range(4), key=lambda number: -values[number]) == [1, 2, 0, 3]
    assert [SearchHistory(trials, {}).ranks[trial.key] for trial in trials] == [2, 0, 1, 3]


def test_of_equal_accuracies_the_pruner_keeps_the_larger_log_likelihood() -> None:
    pruner = create_pruner("halving", 90, 10)
    curves = {str(number): {10: Score.from_columns(1.0, {}, None, -number / 10)} for number in range(3)}
    numbers = {key: int(key) for key in curves}
    assert [pruner.should_prune(key, 10, curves, numbers) for key in curves] == [False, True, True]


def test_pruned_trials_of_equal_accuracy_are_extrapolated_in_order() -> None:
    """Three complete trials gained 0.2 since step 10, where the pruned two had 0.5."""
    complete = [trial_row(BASE, number, state=COMPLETE, step=90, value=0.8) for number in range(3)]
    pruned = [
        replace(trial_row(BASE, 3 + place, state=PRUNED, step=10, value=0.5), log_likelihood=likelihood)
        for place, likelihood in enumerate((-2.0, -1.0))
    ]
    curves = {trial.key: {10: 0.6} for trial in complete}
    found = SearchHistory([*complete, *pruned], curves).extrapolated
    worse, better = (found[trial.key] for trial in pruned)
    assert 0.7 < worse < better < 0.70001
