from __future__ import annotations

from itertools import pairwise

from analysis.record.rows import Score
from tuning.search.pruners.hyperband import HyperbandPruner


def judged(curves: dict[str, dict[int, float]]) -> dict[str, dict[int, Score]]:
    """Curves of one objective, without constraints."""
    return {key: {step: Score((value,)) for step, value in curve.items()} for key, curve in curves.items()}


def test_hyperband_brackets_by_hand() -> None:
    """Budget 90, first report 10: rungs 10 and 30, so brackets (10, 30), (30) and none; n_s = 9, 5, 3."""
    hyperband = HyperbandPruner(90, 10)
    assert [bracket.steps for bracket in hyperband.brackets] == [(10, 30), (30,), ()]
    assert [hyperband.round.count(bracket) for bracket in range(3)] == [9, 5, 3]
    assert [hyperband.bracket(number) for number in range(17)] == list(hyperband.round)
    longest = max(later - earlier for earlier, later in pairwise(i for i, b in enumerate(hyperband.round) if b == 2))
    assert longest <= 7  # dealt out evenly, not in blocks


def test_hyperband_compares_within_a_bracket() -> None:
    hyperband = HyperbandPruner(90, 10)
    first, second = (next(n for n in range(17) if hyperband.bracket(n) == bracket) for bracket in (0, 1))
    other = next(n for n in range(17) if hyperband.bracket(n) == 0 and n != first)
    curves = {"a": {10: 0.1}, "b": {10: 0.9}, "c": {10: 0.5}}
    assert not hyperband.should_prune("a", 10, judged({"a": curves["a"], "b": curves["b"]}), {"a": first, "b": second})
    assert hyperband.should_prune("a", 10, judged(curves), {"a": first, "b": second, "c": other})
