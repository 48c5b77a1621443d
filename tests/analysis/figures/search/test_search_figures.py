"""Figures of a search: an invented one whose value hangs on the learning rate."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ablations.arms import TABLE_4
from analysis.figures.draw_all import draw_all, draw_search
from analysis.figures.search.budget import best_so_far, search_budget
from analysis.figures.search.importance import FEWEST, importance, importances, too_few
from analysis.figures.search.parallel import parallel, ticks
from analysis.figures.search.search_trials import SearchTrials, _with_values, position_in_range, search_trials
from analysis.record.reading import RecordReader
from analysis.record.rows import TrialRow
from analysis.record.writing import RecordWriter
from analysis.scores.load_study import load_study
from tests.analysis.figures.made_search import SPACE, write_search
from tests.analysis.figures.texts import check_readable, laid_out
from tests.analysis.made_study import write_study

NAME = "made-smoke-search"


@pytest.fixture(scope="module")
def search(tmp_path_factory: pytest.TempPathFactory) -> SearchTrials:
    path = tmp_path_factory.mktemp("search") / "record.db"
    write_search(path)
    with RecordReader(path) as records:
        return search_trials(records, NAME)


def trial(number: int, value: float, step: int, state: str = "COMPLETE") -> TrialRow:
    return TrialRow("s", f"trial-{number}", "trial", number, None, state, {}, {}, 0, 40, step=step, value=value,
                    ended=float(number))  # fmt: skip


def test_a_search_counts_what_has_ended(search: SearchTrials) -> None:
    assert (len(search.trials), len(search.complete), search.excluded) == (39, 26, 1)
    assert "26 complete trials, 13 pruned, 1 excluded" in search.facts
    assert "natops, origin procedural, preset smoke" in search.facts


def test_ranges_cover_trials_from_before_a_range_was_changed(search: SearchTrials) -> None:
    def covering(kind: str, *values: float) -> tuple[float, float]:
        trials = [replace(trial(0, 0.5, 40), params={"x": value}) for value in values]
        entry = _with_values("x", {"kind": kind, "low": 1, "high": 10}, [*trials, trial(1, 0.5, 40)])
        return entry["low"], entry["high"]

    assert covering("float", 2, 3) == (1, 10)
    assert covering("float", -2, 30) == (-2, 30)
    assert covering("log", 0.0, 0.5) == (0.5, 10)
    assert dict(search.space) == SPACE


def test_steps_and_values_with_pruned_trials_apart(search: SearchTrials) -> None:
    with laid_out(lambda: search_budget(search)) as drawing:
        check_readable(drawing)
        left = drawing.figure.axes[0]
        lines = {line.get_label(): line for line in left.lines}
        assert (len(lines["complete"].get_xdata()), len(lines["pruned"].get_xdata())) == (26, 13)
        assert (lines["complete"].get_marker(), lines["pruned"].get_marker()) == ("o", "x")


def test_the_best_so_far_by_hand(search: SearchTrials) -> None:
    trials = (trial(0, 0.3, 40), trial(1, 0.9, 10, "PRUNED"), trial(2, 0.2, 40), trial(3, 0.5, 40))
    assert best_so_far(replace(search, trials=trials)) == ([40, 90, 130], [30, 30, 50])


def test_the_parameter_that_matters_is_the_most_important(search: SearchTrials) -> None:
    found = importances(search)
    assert set(found) == set(SPACE)
    assert sum(found.values()) == pytest.approx(1)
    assert max(found, key=lambda name: found[name]) == "optimizer.lr_generator"
    with laid_out(lambda: importance(search)) as drawing:
        check_readable(drawing)
        axes = drawing.figure.axes[0]
        assert axes.get_yticklabels()[0].get_text() == "optimizer.lr_generator"
        assert axes.patches[0].get_width() == pytest.approx(100 * found["optimizer.lr_generator"])
        assert len(axes.patches) == len(axes.lines[0].get_xdata()) == len(SPACE)


def test_values_that_hang_on_nothing_are_not_above_chance(search: SearchTrials) -> None:
    noise = np.random.default_rng(3).permutation([trial.value for trial in search.trials])
    trials = tuple(replace(t, value=float(v), state="COMPLETE") for t, v in zip(search.trials, noise, strict=True))
    with laid_out(lambda: importance(replace(search, trials=trials))) as drawing:
        axes = drawing.figure.axes[0]
        above = [bar.get_width() > low for bar, low in zip(axes.patches, axes.lines[0].get_xdata(), strict=True)]
        assert sum(above) <= 1  # 7 parameters at 5% each


def test_too_few_trials_are_said_and_not_drawn(search: SearchTrials) -> None:
    few = replace(search, trials=search.trials[: FEWEST - 1])
    assert importance(few) is None
    assert f"they need {FEWEST} finished trials, but there are {FEWEST - 1}" in too_few(few)
    with laid_out(lambda: parallel(few)) as drawing:
        assert too_few(few) in drawing.caption
    pruned = tuple(replace(trial, state="PRUNED") for trial in search.trials[4:])
    assert "4 complete trials" not in (said := too_few(replace(search, trials=(*search.trials[:4], *pruned))))
    assert "complete trials, but there are 3" in said  # one of the first four was pruned anyway


def test_a_line_a_trial_across_the_ranges(search: SearchTrials) -> None:
    with laid_out(lambda: parallel(search)) as drawing:
        check_readable(drawing)
        axes = drawing.figure.axes[0]
        lines = [line for line in axes.lines if line.get_marker() == "o"]
        assert len(lines) == len(search.trials)
        assert sum(line.get_linestyle() == "--" for line in lines) == 13
        names = [text.get_text().replace("\n", "") for text in axes.get_xticklabels()]
        assert names == list(search.space)
        without = next(t for t in search.trials if "weights.rank" not in t.params)
        assert any(np.isnan(line.get_ydata()[names.index("weights.rank")]) for line in lines), without.key


def test_heights_by_hand() -> None:
    assert position_in_range({"kind": "log", "low": 1e-4, "high": 1e-2}, 1e-3) == pytest.approx(0.5)
    assert position_in_range({"kind": "int", "low": 8, "high": 64}, 36) == pytest.approx(0.5)
    assert position_in_range({"kind": "categorical", "choices": ["a", "b", "c"]}, "b") == pytest.approx(0.5)
    assert position_in_range({"kind": "bool", "choices": [False, True]}, True) == 1
    assert math.isnan(position_in_range({"kind": "categorical", "choices": ["a", "b"]}, "z"))
    assert ticks({"kind": "bool", "choices": [False, True]}) == [(0, "off"), (1, "on")]
    assert ticks({"kind": "log", "low": 1e-4, "high": 1e3}) == [(0, "0.0001"), (1, "1000")]


@pytest.mark.parametrize("trials", [1, 2, 4])
def test_a_search_that_has_just_begun(tmp_path: Path, trials: int) -> None:
    write_search(tmp_path / "record.db", trials)
    with RecordReader(tmp_path / "record.db") as records:
        drawn = [figure.name for figure in draw_search(records, NAME, tmp_path / "figures")]
    assert drawn == {1: [], 2: ["search_budget"], 4: ["search_budget", "parallel"]}[trials]


def test_the_search_that_a_study_came_from_follows_its_figures(tmp_path: Path) -> None:
    write_search(tmp_path / "record.db", 3)
    write_study(tmp_path / "record.db", arms=TABLE_4[:1], seeds=1, sheets=False)
    with RecordWriter(tmp_path / "record.db") as record:
        settings = record.study("made-smoke-table4").settings
        record.update_study("made-smoke-table4", settings={**settings, "from_study": NAME})
        drawn = draw_all(load_study(record, "made-smoke-table4"), record, None, tmp_path / "figures")
    assert [figure.name for figure in drawn] == ["accuracies", "curves", "budget", "search_budget", "parallel"]
