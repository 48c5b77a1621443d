"""Which raters count: the rule that the design stated before anyone rated, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.preference.answers import Answer
from analysis.preference.assignment import intact_side, questions_for
from analysis.preference.design import Design


@dataclass(frozen=True)
class RaterRecord:
    """What a rater has done.

    Attributes:
        rater: number, from 0.
        answered, asked: questions.
        catch_right, catch_answered: catch trials.
        excluded: the reason; None if the rater counts.
    """

    rater: int
    answered: int
    asked: int
    catch_right: int
    catch_answered: int
    excluded: str | None


def rater_records(design: Design, answers: Sequence[Answer]) -> list[RaterRecord]:
    """Applies the exclusion rule to every rater with an answer."""
    return [
        _record(design, rater, [one for one in answers if one.rater == rater])
        for rater in sorted({one.rater for one in answers})
    ]


def _record(design: Design, rater: int, answers: Sequence[Answer]) -> RaterRecord:
    questions, rule = questions_for(design, rater), design.exclusion
    trials = [(questions[one.position], one.answer) for one in answers if questions[one.position].role == "catch"]
    right = sum(intact_side(design, question) == answer for question, answer in trials)
    excluded = None
    if len(answers) < len(questions):
        excluded = f"unfinished ({len(answers)} of {len(questions)} answers)"
    elif right < rule.least_right:
        excluded = f"{right} of {rule.catch_trials} catch trials right ({rule.least_right} needed)"
    return RaterRecord(rater, len(answers), len(questions), right, len(trials), excluded)
