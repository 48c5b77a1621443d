"""The questions of the raters: once each, balanced, and the same every time."""

from __future__ import annotations

from collections import Counter

import pytest

from analysis.preference.assignment import intact_side, questions_for
from analysis.preference.design import NONE, TRUTH, Design
from tests.analysis.preference.made_videos import CLASSES, made_study

RATERS = 4


@pytest.fixture(scope="module")
def design(tmp_path_factory: pytest.TempPathFactory) -> Design:
    return made_study(tmp_path_factory.mktemp("study"), labels="both", naming=True, raters=RATERS, conditions=8)[1]


def test_a_rater_sees_each_pair_once_after_a_training_pair(design: Design) -> None:
    questions = questions_for(design, 1)
    assert questions[0].role == "training"
    assert not any(question.role == "training" for question in questions[1:])
    pairs = [frozenset((q.left, q.right)) for q in questions if q.kind == "pair"]
    assert len(set(pairs)) == len(pairs) == 1 + 12 + 2 * 8
    # Shown in four conditions; three sources are named in the other four.
    naming = [q for q in questions if q.kind == "naming"]
    assert len({q.left for q in naming}) == len(naming) == 3 * 4
    assert all(q.choices == (*CLASSES, NONE) and q.label is None for q in naming)
    assert questions[-len(naming) :] == tuple(naming)


def test_sides_are_balanced_within_raters_and_between_two_raters(design: Design) -> None:
    left_of: Counter[str] = Counter()
    focus = set(design.focus.clips)
    for rater in range(RATERS):
        mine: Counter[tuple[str, bool]] = Counter()
        for question in questions_for(design, rater):
            if question.role == "main" and question.kind == "pair":
                left = question.left in focus
                left_of[question.id] += left
                mine[question.id.split(":")[1], question.label is not None] += left
            if question.role == "catch":
                mine["catch", False] += intact_side(design, question) == "left"
        assert mine == {("cdna", True): 2, ("cdna", False): 2, (TRUTH, True): 2, (TRUTH, False): 2, ("catch", False): 6}
    assert set(left_of.values()) == {RATERS // 2}


def test_labels_are_shown_in_half_of_the_conditions_and_never_where_clips_are_named(design: Design) -> None:
    shown = {q.id for q in questions_for(design, 0) if q.role == "main" and q.label is not None}
    assert {int(name.split(":")[2]) for name in shown} == set(design.conditions_with(True))
    named = {int(q.id.split(":")[2]) for q in questions_for(design, 0) if q.kind == "naming"}
    assert named == set(design.conditions_with(False))


def test_catch_trials_are_spread(design: Design) -> None:
    pairs = [q for q in questions_for(design, 2)[1:] if q.kind == "pair"]
    runs = "".join("c" if q.role == "catch" else "m" for q in pairs).split("c")
    assert len(runs) == 13
    assert {len(run) for run in runs[:-1]} == {1, 2}


def test_order_differs_between_raters_and_is_reproducible(design: Design) -> None:
    orders = [[q.id for q in questions_for(design, rater)] for rater in range(RATERS)]
    assert len({tuple(order) for order in orders}) == RATERS
    assert all(sorted(order) == sorted(orders[0]) for order in orders)
    assert questions_for(design, 3) == questions_for(design, 3)


def test_the_right_answer_of_a_catch_trial_is_the_real_clip(design: Design) -> None:
    for question in questions_for(design, 0):
        if question.role == "catch":
            chosen = question.left if intact_side(design, question) == "left" else question.right
            assert chosen in design.source(TRUTH).clips
