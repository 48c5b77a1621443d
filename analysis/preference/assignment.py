"""The questions of each rater, in order, as a function of the design alone.

Every rater sees each pair exactly once. Sides are balanced: within a rater, each comparison has the first source on the
left in half of the conditions; over each two consecutive raters, each pair is shown once either way round. The order is
random: the training pair, then pairs with catch trials spread among them, then the naming task.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analysis.preference.design import LEFT, NONE, RIGHT, TRUTH, Design, Question

_SIDES, _ORDER = 1, 2  # random streams
PAIR_CHOICES = (LEFT, RIGHT)


def questions_for(design: Design, rater: int) -> tuple[Question, ...]:
    """Returns the questions of a rater; a question's position is its index.

    Args:
        rater: from 0; numbers beyond the planned raters are allowed.
    """
    # Two consecutive raters share the draw of the sides; the second one sees them swapped.
    sides = np.random.default_rng([design.seed, _SIDES, rater // 2])
    order = np.random.default_rng([design.seed, _ORDER, rater])
    swapped = bool(rater % 2)
    main = _pairs(design, sides, swapped)
    catch = _catch_trials(design, sides, swapped)
    pairs = _spread([main[i] for i in order.permutation(len(main))], [catch[i] for i in order.permutation(len(catch))])
    naming = _naming(design)
    return (
        _training(design, bool(order.integers(2))),
        *pairs,
        *(naming[i] for i in order.permutation(len(naming))),
    )


def intact_side(design: Design, question: Question) -> str:
    """The correct answer of a catch trial."""
    return LEFT if question.left in design.source(TRUTH).clips else RIGHT


def _pairs(design: Design, rng: np.random.Generator, swapped: bool) -> list[Question]:
    questions = []
    for comparison in design.comparisons:
        conditions = design.conditions_with(comparison.label_shown)
        other = design.source(comparison.other)
        focus_left = _half(len(conditions), rng) ^ swapped
        for condition, first in zip(conditions, focus_left, strict=True):
            clips = (design.focus.clips[condition], other.clips[condition])
            questions.append(
                _pair(f"pair:{other.name}:{condition:04d}", "main", clips, first, _label(design, condition))
            )
    return questions


def _catch_trials(design: Design, rng: np.random.Generator, swapped: bool) -> list[Question]:
    truth, catch = design.source(TRUTH), design.catch
    intact_left = _half(len(catch.broken), rng) ^ swapped
    return [
        _pair(f"catch:{i:02d}", "catch", (truth.clips[condition], broken), first, _label(design, condition))
        for i, (condition, broken, first) in enumerate(zip(catch.conditions, catch.broken, intact_left, strict=True))
    ]


def _training(design: Design, intact_left: bool) -> Question:
    return _pair("training", "training", design.training, intact_left, None)


def _naming(design: Design) -> list[Question]:
    if not design.naming:
        return []
    choices = (*design.class_names, NONE)
    return [
        Question(f"naming:{source.name}:{i:04d}", "naming", "main", source.clips[i], None, None, choices)
        for source in design.sources
        for i in design.conditions_with(label_shown=False)
    ]


def _pair(name: str, role: str, clips: tuple[str, str], first_left: bool, label: str | None) -> Question:
    left, right = clips if first_left else clips[::-1]
    return Question(name, "pair", role, left, right, label, PAIR_CHOICES)


def _label(design: Design, condition: int) -> str | None:
    one = design.conditions[condition]
    return one.label if one.label_shown else None


def _half(count: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """(count,) booleans in random order, half of them True; the odd one is random."""
    return rng.permutation((np.arange(count) + rng.integers(2)) % 2).astype(np.bool_)


def _spread(main: list[Question], catch: list[Question]) -> list[Question]:
    """Puts each catch trial at the end of one of equally long stretches of the other questions."""
    stretches = np.array_split(np.arange(len(main)), len(catch))
    return [
        question
        for stretch, trial in zip(stretches, catch, strict=True)
        for question in (*(main[i] for i in stretch), trial)
    ]
