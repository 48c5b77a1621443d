"""The race of the finalists: decisions by hand, and laws that hold for any record."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amc.config import natops
from analysis.record.race import CANDIDATES, COMMON, NOISE, SPREAD, contenders, next_run, runs_left, standings, winner
from analysis.record.ranking import best
from analysis.record.rows import TrialRow

CONFIG = natops("smoke").to_dict()
SEEDS = [500_000, 500_001, 500_002]
NONE: dict[str, object] = {}  # a space without parameters: no two configurations are alike


def trial(number: int, value: float | None, state: str = "COMPLETE", **changes: object) -> TrialRow:
    row = TrialRow("s", f"trial-{number:04d}", "trial", number, None, state, {"x": number}, CONFIG, number, 40)
    return replace(row, step=40, value=value, **changes)  # type: ignore[arg-type]


def run(number: int, parent: int, replicate: int, value: float | None, state: str = "COMPLETE") -> TrialRow:
    config = {**CONFIG, "seed": SEEDS[replicate]}
    key = f"confirm-{number:04d}"
    params = {"x": parent}
    row = TrialRow("s", key, "confirm", number, f"trial-{parent:04d}", state, params, config, SEEDS[replicate], 40)
    return replace(row, step=40, value=value)


def race(trials: list[TrialRow], true: dict[str, list[float]], count: int = 3) -> list[TrialRow]:
    """Runs the race, one run at a time; run r of a trial has the r-th of its scores."""
    trials = list(trials)
    while (found := next_run(trials, count, SEEDS, NONE)) is not None:
        parent, replicate = found
        number = sum(row.role == "confirm" for row in trials)
        trials.append(run(number, parent.number, replicate, true[parent.key][replicate]))
    return trials


def test_finalists_are_the_best_feasible_configurations_each_once() -> None:
    trials = [
        trial(0, 0.5),
        trial(1, 0.9, violation=1.0),
        trial(2, 0.8),
        trial(3, 0.95, "PRUNED"),
        replace(trial(4, 0.7), params={"x": 2}),
        trial(5, 0.6),
        trial(6, 0.1),
        run(0, 6, 0, 0.3),
    ]
    found = contenders(trials, 2, NONE)
    # The last one has raced before, so it stays in the race.
    assert [(one.trial.number, one.selected, len(one.runs)) for one in found] == [
        (2, (0.8, 0.7), 0),
        (5, (0.6,), 0),
        (6, (0.1,), 1),
    ]


LINE = {"parameters": {"x": {"kind": "float", "low": 0.0, "high": 100.0}}}


def test_a_lone_lucky_trial_is_no_finalist_where_neighbours_agree_on_another() -> None:
    lucky = [
        replace(trial(0, 0.90), params={"x": 50}),
        *(replace(trial(n, 0.50), params={"x": 50 + n}) for n in (1, 2)),
    ]
    good = [replace(trial(n, 0.84 - 0.01 * n), params={"x": 90 + n}) for n in (3, 4, 5)]
    trials = [*lucky, *good]
    assert [one.trial.number for one in contenders(trials, 2, NONE)] == [0, 3]  # by selection score
    assert {one.trial.number for one in contenders(trials, 2, LINE)} <= {3, 4, 5}
    assert winner(trials, LINE) == trials[0]  # without a race, as with any space
    # A race of other finalists, by an earlier version or with other settings, stands; a trial after it counts.
    raced = [*trials, replace(run(0, 0, 0, 0.2), created=2.0)]
    assert winner(raced, LINE) == trials[0]
    assert winner([*raced, replace(trial(6, 0.95), params={"x": 94.5}, created=3.0)], LINE) == replace(
        trial(6, 0.95), params={"x": 94.5}, created=3.0
    )


def test_two_alike_configurations_by_hand() -> None:
    trials = [trial(0, 0.5), replace(trial(1, 0.7), params={"x": 10})]
    table = standings(trials, contenders(trials, 2, LINE), LINE)
    # Correlation r at a tenth of the range. In SPREAD^2 = NOISE^2, the difference has prior variance 2 (1 - r) and is
    # observed with variance 2; the mean is that of both.
    r, jitter = math.exp(-0.5), 1e-4
    share = (1 - r + jitter) / (2 - r + jitter)
    assert SPREAD == NOISE
    assert table.mean == pytest.approx([0.6 + 0.1 * share, 0.6 - 0.1 * share])
    variance = table.covariance[0, 0] + table.covariance[1, 1] - 2 * table.covariance[0, 1]
    assert variance == pytest.approx(2 * NOISE**2 * share)


def test_finalists_are_among_the_best_by_selection() -> None:
    lucky = [replace(trial(n, 0.9), params={"x": 100 * n}) for n in range(CANDIDATES)]
    neighbours = [replace(trial(20 + n, 0.899), params={"x": -100 + 0.1 * n}) for n in range(5)]
    trials = [*lucky, *neighbours, replace(trial(40, 0.1), params={"x": 5000})]
    assert contenders(trials, len(trials), LINE)[0].trial.number >= 20
    assert [one.trial.number for one in contenders(trials, 2, LINE)] == [0, 1]


def test_without_a_race_the_best_by_selection_wins() -> None:
    trials = [trial(0, 0.5), trial(1, 0.7), trial(2, 0.7)]
    assert winner(trials, NONE) == best(trials) == trials[1]
    assert winner([], NONE) is None
    assert winner([trial(0, None, "FAILED")], NONE) is None
    assert next_run([], 3, SEEDS, NONE) is None


def test_a_selection_score_counts_half() -> None:
    trials = [trial(0, 0.5), trial(1, 0.7)]
    table = standings(trials, contenders(trials, 2, NONE), NONE)
    # With SPREAD = NOISE the posterior is halfway between the mean of all trials, 0.6, and the score.
    assert SPREAD == NOISE
    assert table.mean == pytest.approx([0.65, 0.55])
    assert table.covariance.diagonal() == pytest.approx([NOISE**2 / 2] * 2)


def test_with_folds_the_winner_is_tested_on_each() -> None:
    trials = [trial(0, 0.9), trial(1, 0.1)]  # decided before the race
    decided = race(trials, {"trial-0000": [0.9] * 3, "trial-0001": [0.1] * 3})
    assert [row.parent for row in decided[2:]] == ["trial-0000"]
    for folds, runs in ((2, 2), (3, 3), (5, 3)):
        found = list(trials)
        while (chosen := next_run(found, 2, SEEDS, NONE)) is not None:
            row = run(len(found) - 2, chosen[0].number, chosen[1], 0.9)
            found.append(replace(row, config={**row.config, "split": {"folds": folds, "fold": chosen[1] % folds}}))
        assert [row.parent for row in found[2:]] == ["trial-0000"] * runs
        assert runs_left(found, 2, len(SEEDS), NONE) == 0
        assert len({row.config["split"]["fold"] for row in found[2:]}) == min(folds, runs)


def test_one_pair_of_runs_by_hand() -> None:
    trials = [trial(0, 0.6), trial(1, 0.6), run(0, 0, 0, 0.5), run(1, 1, 0, 0.9)]
    table = standings(trials, contenders(trials, 2, NONE), NONE)
    # Sum and difference of the two are independent. The difference has prior variance 2 SPREAD^2, a difference in
    # selection of 0 and one in the race of 0.4, each with variance 2 NOISE^2: its posterior mean is 0.4 / 3.
    assert SPREAD == COMMON == NOISE
    assert table.mean[1] - table.mean[0] == pytest.approx(0.4 / 3)
    variance = table.covariance[0, 0] + table.covariance[1, 1] - 2 * table.covariance[0, 1]
    assert variance == pytest.approx(2 * NOISE**2 / 3)
    # The mean: prior variance 1/2, selection 0 with variance 1/2, race 0.1 with variance 1/2 + 1, in NOISE^2.
    assert table.mean.mean() == pytest.approx(0.6 + 0.1 * (1 / 1.5) / (2 + 2 + 1 / 1.5))
    chosen = winner(trials, NONE)
    assert chosen is not None
    assert chosen.number == 1


def test_finalists_take_turns_on_the_same_seeds_until_one_is_ahead() -> None:
    trials = [trial(0, 0.60), trial(1, 0.62), trial(2, 0.61), trial(3, 0.2)]
    close = race(trials, {row.key: [0.5, 0.6, 0.55] for row in trials})
    runs = [(row.parent, row.seed) for row in close if row.role == "confirm"]
    turns = ["trial-0001", "trial-0002", "trial-0000"]
    assert runs == [(key, seed) for seed in SEEDS for key in turns]
    assert runs_left(close, 3, 3, NONE) == 0
    assert runs_left(close, 3, 5, NONE) == 6  # with a larger budget the race goes on
    clear = race(trials, {"trial-0000": [0.9] * 3, "trial-0001": [0.1] * 3, "trial-0002": [0.1] * 3})
    assert [row.parent for row in clear if row.role == "confirm"] == turns  # after one round the others are out
    chosen = winner(clear, NONE)
    assert chosen is not None
    assert chosen.number == 0


def test_a_race_that_has_taken_a_sixth_of_the_search_leaves_more_doubt() -> None:
    trials = [trial(number, 0.5) for number in range(11)] + [trial(11, 0.5, "PRUNED")]
    trials[11] = replace(trials[11], step=39)  # 479 steps in all, 40 in each run of the race
    runs = [run(0, 0, 0, 0.5), run(1, 1, 0, 0.5)]
    assert [standings([*trials, *runs[:n]], contenders(trials, 2, NONE), NONE).doubt for n in range(3)] == [
        0.1,
        0.1,
        0.2,
    ]
    trials[11] = replace(trials[11], step=41)
    assert standings([*trials, *runs], contenders(trials, 2, NONE), NONE).doubt == 0.1
    running = [*runs, run(2, 0, 1, None, "RUNNING")]  # what it has trained so far depends on the number of workers
    assert standings([*trials, *running], contenders(trials, 2, NONE), NONE).doubt == 0.1


def test_a_finalist_that_leads_clearly_by_its_selection_score_has_one_run() -> None:
    ended = race([trial(0, 0.95), trial(1, 0.2)], {"trial-0000": [0.9] * 3, "trial-0001": [0.1] * 3}, 2)
    assert [row.parent for row in ended if row.role == "confirm"] == ["trial-0000"]


def test_a_leader_whose_run_failed_or_was_stopped_runs_again() -> None:
    trials = [trial(0, 0.95), trial(1, 0.2)]
    for state in ("FAILED", "PRUNED"):
        stopped = [*trials, run(0, 0, 0, None, state)]
        found = next_run(stopped, 2, SEEDS, NONE)
        assert found is not None
        assert (found[0].number, found[1]) == (0, 1)
        assert runs_left(stopped, 2, 3, NONE) == 1
        assert next_run([*stopped, run(1, 0, 1, 0.9)], 2, SEEDS, NONE) is None
        assert next_run([*stopped, run(1, 0, 1, None, "RUNNING")], 2, SEEDS, NONE) is None
        assert next_run(stopped, 2, SEEDS[:1], NONE) is None


def test_a_round_waits_for_the_one_before_with_any_number_of_workers() -> None:
    trials = [trial(0, 0.6), trial(1, 0.62), run(0, 1, 0, None, "RUNNING")]
    found = next_run(trials, 2, SEEDS, NONE)
    assert found is not None
    assert (found[0].number, found[1]) == (0, 0)
    trials.append(run(1, 0, 0, None, "RUNNING"))
    assert next_run(trials, 2, SEEDS, NONE) is None
    trials[2] = run(0, 1, 0, 0.5)
    assert next_run(trials, 2, SEEDS, NONE) is None
    trials[2:] = [run(0, 1, 0, None, "RUNNING"), run(1, 0, 0, 0.5)]
    assert next_run(trials, 2, SEEDS, NONE) is None
    trials[2] = run(0, 1, 0, 0.5)
    trials[3] = run(1, 0, 0, 0.5)
    assert next_run(trials, 2, SEEDS, NONE) is not None


def test_one_finalist_has_all_its_runs_at_once() -> None:
    trials = [trial(0, 0.6), trial(1, 0.62), run(0, 1, 0, None, "RUNNING")]
    found = next_run(trials, 1, SEEDS, NONE)
    assert found is not None
    assert (found[0].number, found[1]) == (1, 1)
    assert runs_left(trials, 1, 3, NONE) == 2


def test_a_failed_run_counts_as_the_lowest_score_and_blocks_nothing() -> None:
    trials = [trial(0, 0.6), trial(1, 0.62), trial(2, 0.3), run(0, 1, 0, None, "FAILED"), run(1, 0, 0, 0.4)]
    worst = [*trials[:3], run(0, 1, 0, 0.3), run(1, 0, 0, 0.4)]
    assert standings(trials, contenders(trials, 2, NONE), NONE).mean == pytest.approx(
        standings(worst, contenders(worst, 2, NONE), NONE).mean
    )
    assert next_run(trials, 2, SEEDS, NONE) is not None
    violating = [*trials[:3], replace(run(0, 1, 0, 0.9), violation=0.5), run(1, 0, 0, 0.4)]
    assert standings(violating, contenders(violating, 2, NONE), NONE).mean == pytest.approx(
        standings(worst, contenders(worst, 2, NONE), NONE).mean
    )
    stopped = [*trials[:3], run(0, 1, 0, 0.1, "PRUNED"), run(1, 0, 0, 0.4)]  # by a person: it says nothing
    without = [*trials[:3], run(1, 0, 0, 0.4)]
    assert standings(stopped, contenders(stopped, 2, NONE), NONE).mean == pytest.approx(
        standings(without, contenders(without, 2, NONE), NONE).mean
    )
    lost = [*trials[:3], *(run(n, n % 2, n // 2, None, "FAILED") for n in range(6))]
    assert next_run(lost, 2, SEEDS, NONE) is None
    assert winner(lost, NONE) == best(lost[:3])


def test_a_search_that_continues_races_its_new_finalists_and_counts_the_runs_before() -> None:
    trials = race([trial(0, 0.60), trial(1, 0.62)], {f"trial-{n:04d}": [0.5, 0.6, 0.55] for n in range(2)}, 2)
    assert next_run(trials, 2, SEEDS, NONE) is None
    more = [*trials, trial(2, 0.61), trial(3, 0.65)]
    found = next_run(more, 2, SEEDS, NONE)
    assert found is not None
    assert (found[0].number, found[1]) == (3, 0)  # the new best one, on the first seed of the others
    assert runs_left(more, 2, 3, NONE) == 3


values = st.floats(0.0, 1.0, allow_nan=False)


@settings(max_examples=60, deadline=None)
@given(st.lists(values, min_size=1, max_size=6), st.integers(1, 4), st.data())
def test_the_race_keeps_its_budget_and_its_winner_is_a_finalist(
    selected: list[float], count: int, data: st.DataObject
) -> None:
    trials = [trial(number, value) for number, value in enumerate(selected)]
    true = {row.key: data.draw(st.lists(values, min_size=3, max_size=3)) for row in trials}
    finalists = {one.trial.key for one in contenders(trials, count, NONE)}
    ended = race(trials, true, count)
    runs = [row for row in ended if row.role == "confirm"]
    assert len(runs) <= 3 * len(finalists)
    assert {row.parent for row in runs} <= finalists
    assert len({(row.parent, row.seed) for row in runs}) == len(runs)
    chosen = winner(ended, NONE)
    assert chosen is not None
    assert chosen.key in finalists
    assert len([row for row in runs if row.parent == chosen.key]) >= 1


@settings(max_examples=60, deadline=None)
@given(st.lists(values, min_size=2, max_size=4), st.floats(0.0, 0.5), st.data())
def test_a_better_score_never_costs_the_winner_its_place(
    selected: list[float], more: float, data: st.DataObject
) -> None:
    trials = [trial(number, value) for number, value in enumerate(selected)]
    runs = [run(n, n, 0, data.draw(values)) for n in range(len(trials))]
    first = winner([*trials, *runs], NONE)
    assert first is not None
    # As long as the noise is the same: a single replicate has no residuals.
    better = [replace(row, value=(row.value or 0.0) + more) if row.parent == first.key else row for row in runs]
    assert winner([*trials, *better], NONE) == first


def test_runs_of_earlier_versions_count_although_their_seeds_differ() -> None:
    # Run numbers, not replicates, gave the seeds: the second trial's runs have other seeds than the first one's.
    trials = [trial(0, 0.6), trial(1, 0.62), run(0, 0, 0, 0.5), run(1, 1, 1, 0.5), run(2, 1, 2, 0.5)]
    found = next_run(trials, 2, SEEDS, NONE)
    assert found is not None
    assert (found[0].number, found[1]) == (0, 1)
