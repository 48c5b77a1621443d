"""Simulates ablation studies with known true accuracies: correct or wrong answers of arms x seeds x clips.

The answer of arm a with seed s on clip c is correct with the probability of the logit
level_a + seed_as + clip_c + own_ac. All terms but the level are normal: clip_c makes a clip harder or easier for all
arms, own_ac for one arm. The level is computed so that the expected accuracy of the arm is exactly the given share.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit

Answers = NDArray[np.bool_]
AT_ONCE = 4_000_000  # answers drawn at a time, to bound memory


@dataclass(frozen=True)
class AnswerSpread:
    """How much answers vary.

    Attributes:
        seed, clip, own: standard deviations of these terms, in logits.
        clips: number of clips.
    """

    name: str
    seed: float
    clip: float
    own: float
    clips: int

    @property
    def spread(self) -> float:
        """Standard deviation of the sum of all terms."""
        return math.sqrt(self.seed**2 + self.clip**2 + self.own**2)


def level_of(share: float, spread: float) -> float:
    """The mean of normal logits with standard deviation `spread` for which `share` of all answers are correct."""
    points, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()
    return float(brentq(lambda level: expit(level + spread * points) @ weights - share, -60.0, 60.0))


def seed_deviation(share: float, setting: AnswerSpread) -> float:
    """Standard deviation of the seeds' accuracies over all clips, as a fraction: `setting.seed` is in logits."""
    points, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()
    rest = math.sqrt(setting.clip**2 + setting.own**2)
    logits = level_of(share, setting.spread) + setting.seed * points[:, None] + rest * points
    shares = expit(logits) @ weights
    return float(math.sqrt(weights @ (shares - weights @ shares) ** 2))


def studies(
    setting: AnswerSpread, shares: Sequence[float], seeds: int, count: int, draw: np.random.Generator
) -> Iterator[Answers]:
    """Yields `count` studies in batches (n, arms, seeds, clips), with one arm for each true share."""
    levels = np.array([level_of(share, setting.spread) for share in shares], dtype=np.float32)[:, None, None]
    arms, clips = len(shares), setting.clips
    lot = max(1, AT_ONCE // (arms * seeds * clips))

    def normal(*shape: int) -> NDArray[Any]:
        return draw.standard_normal(shape, dtype=np.float32)

    for start in range(0, count, lot):
        n = min(lot, count - start)
        logits = levels + setting.clip * normal(n, 1, 1, clips)
        logits = logits + setting.own * normal(n, arms, 1, clips)
        logits = logits + setting.seed * normal(n, arms, seeds, 1)
        yield draw.random(logits.shape, dtype=np.float32) < expit(logits)


@dataclass(frozen=True)
class SubjectSpread:
    """How much answers vary in a study with folds over subjects; deviations in logits.

    Attributes:
        seed: of a run.
        subject: of a subject, for all arms alike.
        own: of a subject and arm.
        clip: of a clip, for all arms alike.
        clips: number of clips per subject.
    """

    name: str
    seed: float
    subject: float
    own: float
    clip: float = 0.5
    clips: int = 24

    @property
    def spread(self) -> float:
        """Standard deviation of the sum of all terms."""
        return math.sqrt(self.seed**2 + self.subject**2 + self.own**2 + self.clip**2)


def fold_studies(
    setting: SubjectSpread,
    shares: Sequence[float],
    subjects: int,
    folds: int,
    runs: int,
    count: int,
    draw: np.random.Generator,
) -> Iterator[list[Answers]]:
    """Yields `count` studies in batches: for each fold, answers (n, arms, runs, clips) on its share of the subjects.

    The true share of an arm is that of other seeds with other subjects. `fold_subjects` has the clips' subjects.

    Args:
        runs: seeds per fold.
    """
    levels = np.array([level_of(share, setting.spread) for share in shares], dtype=np.float32)[:, None, None, None]
    arms, each, clips = len(shares), subjects // folds, setting.clips
    lot = max(1, AT_ONCE // (arms * runs * subjects * clips))

    def normal(*shape: int) -> NDArray[Any]:
        return draw.standard_normal(shape, dtype=np.float32)

    def fold(n: int) -> Answers:
        logits = levels + setting.subject * normal(n, 1, 1, each, 1) + setting.own * normal(n, arms, 1, each, 1)
        logits = logits + setting.clip * normal(n, 1, 1, each, clips) + setting.seed * normal(n, arms, runs, 1, 1)
        right: Answers = draw.random(logits.shape, dtype=np.float32) < expit(logits)
        return right.reshape(n, arms, runs, each * clips)

    for start in range(0, count, lot):
        n = min(lot, count - start)
        yield [fold(n) for _ in range(folds)]


def fold_subjects(setting: SubjectSpread, subjects: int, folds: int) -> list[NDArray[np.int64]]:
    """The subject of each clip, for each fold."""
    return [np.repeat(np.arange(subjects // folds), setting.clips)] * folds
