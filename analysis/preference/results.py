"""The results of a study: preferences, naming accuracies, strengths and agreement of the raters that count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amc.errors import UserError
from analysis.preference.answers import Answer
from analysis.preference.assignment import questions_for
from analysis.preference.design import LEFT, Comparison, Design, Question
from analysis.preference.exclusion import RaterRecord, rater_records
from analysis.statistics.bradley_terry import Strength, bradley_terry
from analysis.statistics.crossed import crossed
from analysis.statistics.holm import holm
from analysis.statistics.intervals import p_value
from analysis.statistics.krippendorff import krippendorff_alpha
from analysis.statistics.mean_squares import mean_squares

Interval = tuple[float, float]


@dataclass(frozen=True)
class Preference:
    """How often the first source was preferred.

    Attributes:
        share: 0 to 1; None without raters.
        interval: 95%, for other raters and conditions; None for fewer than two raters.
        p: two-sided, against 50%; `p_holm` after Holm's correction over all comparisons.
    """

    comparison: Comparison
    conditions: int
    share: float | None
    interval: Interval | None
    p: float | None
    p_holm: float | None


@dataclass(frozen=True)
class Naming:
    """How often the class of a source's clips was named correctly, as `Preference`."""

    source: str
    conditions: int
    share: float | None
    interval: Interval | None


@dataclass(frozen=True)
class Results:
    """All results.

    Attributes:
        answers: number of answers, of all raters.
        preferences: one per comparison, in the design's order.
        strengths: of all sources, by whether labels were shown; empty without raters.
        alpha_pairs, alpha_naming: Krippendorff's alpha; None where undefined.
        median_seconds: per answer, of the raters that count; None if unknown.
    """

    design: Design
    answers: int
    raters: tuple[RaterRecord, ...]
    preferences: tuple[Preference, ...]
    naming: tuple[Naming, ...]
    strengths: dict[bool, dict[str, Strength]]
    alpha_pairs: float | None
    alpha_naming: float | None
    median_seconds: float | None

    @property
    def counted(self) -> int:
        """Number of raters that count."""
        return sum(record.excluded is None for record in self.raters)


def results_of(design: Design, answers: Sequence[Answer]) -> Results:
    """Computes the results.

    Raises:
        UserError: an answer does not belong to the design.
    """
    asked = check_answers(design, answers)
    records = rater_records(design, answers)
    counted = {record.rater for record in records if record.excluded is None}
    given: dict[int, dict[str, tuple[Question, str]]] = {rater: {} for rater in counted}
    for one in answers:
        if one.rater in counted:
            given[one.rater][one.question] = (asked[one.rater][one.position], one.answer)
    raters = sorted(counted)
    tables = {comparison: _preferred(design, comparison, raters, given) for comparison in design.comparisons}
    naming = _named(design, raters, given)
    seconds = [one.seconds for one in answers if one.rater in counted and one.seconds is not None]
    return Results(
        design=design,
        answers=len(answers),
        raters=tuple(records),
        preferences=_tested(tables),
        naming=tuple(Naming(source, table.shape[1], *_mean(table)) for source, table in naming.items()),
        strengths=_strengths(design, tables) if raters else {},
        alpha_pairs=krippendorff_alpha(column.tolist() for table in tables.values() for column in table.T),
        alpha_naming=_naming_agreement(given),
        median_seconds=float(np.median(seconds)) if seconds else None,
    )


def check_answers(design: Design, answers: Sequence[Answer]) -> dict[int, tuple[Question, ...]]:
    """Checks that each answer is one of the choices of the question at its position; returns each rater's questions.

    Raises:
        UserError: one is not.
    """
    asked = {rater: questions_for(design, rater) for rater in {one.rater for one in answers}}
    for one in answers:
        questions = asked[one.rater]
        where = f"answer of rater {one.rater} at position {one.position}"
        if not 0 <= one.position < len(questions) or questions[one.position].id != one.question:
            raise UserError(f"{where}: the design asks no question {one.question!r} there")
        if one.answer not in questions[one.position].choices:
            raise UserError(f"{where}: {one.answer!r} is not one of {', '.join(questions[one.position].choices)}")
    return asked


def _preferred(
    design: Design, comparison: Comparison, raters: Sequence[int], given: dict[int, dict[str, tuple[Question, str]]]
) -> NDArray[np.bool_]:
    """(raters, conditions): whether the first source was chosen."""
    conditions, focus = design.conditions_with(comparison.label_shown), set(design.focus.clips)
    table = np.zeros((len(raters), len(conditions)), dtype=np.bool_)
    for row, rater in enumerate(raters):
        for column, condition in enumerate(conditions):
            question, answer = given[rater][f"pair:{comparison.other}:{condition:04d}"]
            table[row, column] = (question.left if answer == LEFT else question.right) in focus
    return table


def _named(
    design: Design, raters: Sequence[int], given: dict[int, dict[str, tuple[Question, str]]]
) -> dict[str, NDArray[np.bool_]]:
    """For each source (raters, conditions): whether the class was named correctly."""
    if not design.naming:
        return {}
    conditions = design.conditions_with(label_shown=False)
    return {
        source.name: np.array(
            [
                [given[rater][f"naming:{source.name}:{i:04d}"][1] == design.conditions[i].label for i in conditions]
                for rater in raters
            ],
            dtype=np.bool_,
        ).reshape(len(raters), len(conditions))
        for source in design.sources
    }


def _mean(table: NDArray[np.bool_]) -> tuple[float | None, Interval | None]:
    if not table.size:
        return None, None
    found = crossed(table)
    return found.mean, found.interval


def _tested(tables: dict[Comparison, NDArray[np.bool_]]) -> tuple[Preference, ...]:
    testable = [comparison for comparison, table in tables.items() if len(table) > 1]
    p = {comparison: float(p_value(mean_squares(tables[comparison]), 0.5)) for comparison in testable}
    corrected = dict(zip(testable, holm([p[comparison] for comparison in testable]), strict=True))
    return tuple(
        Preference(comparison, table.shape[1], *_mean(table), p.get(comparison), corrected.get(comparison))
        for comparison, table in tables.items()
    )


def _strengths(design: Design, tables: dict[Comparison, NDArray[np.bool_]]) -> dict[bool, dict[str, Strength]]:
    return {
        shown: bradley_terry(
            {
                (design.focus.name, comparison.other): table
                for comparison, table in tables.items()
                if comparison.label_shown == shown
            }
        )
        for shown in dict.fromkeys(comparison.label_shown for comparison in tables)
    }


def _naming_agreement(given: dict[int, dict[str, tuple[Question, str]]]) -> float | None:
    units: dict[str, list[str]] = {}
    for answers in given.values():
        for name, (question, answer) in answers.items():
            if question.kind == "naming":
                units.setdefault(name, []).append(answer)
    return krippendorff_alpha(units.values())
