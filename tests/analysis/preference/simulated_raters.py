"""Raters who answer all questions of a design by a rule."""

from __future__ import annotations

from collections.abc import Callable

from analysis.preference.answers import Answer
from analysis.preference.assignment import intact_side, questions_for
from analysis.preference.design import LEFT, RIGHT, Design, Question

AT = "2026-01-01T00:00:00+00:00"


def attentive(design: Design, question: Question) -> str:
    """Prefers the first source to everything but the real clips, names `nod` always, and sees broken clips."""
    if question.kind == "naming":
        return "nod"
    if question.role != "main":
        return intact_side(design, question)
    focus_left = question.left in design.focus.clips
    wins = not question.id.startswith("pair:truth")
    return LEFT if focus_left == wins else RIGHT


def answers_of(
    design: Design, raters: int, rule: Callable[[Design, Question], str] = attentive, first: int = 0
) -> list[Answer]:
    return [
        Answer(rater, position, question.id, rule(design, question), 2.5, (800, 600), AT)
        for rater in range(first, first + raters)
        for position, question in enumerate(questions_for(design, rater))
    ]
