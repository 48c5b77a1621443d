"""Simulated studies with a known truth: right or wrong answers of arms x seeds x clips, seeds and clips crossed.

An answer of arm a, seed s, clip c is right with the probability of the logit level_a + seed_as + clip_c + own_ac: the
terms are normal; a clip is as hard for all arms (clip) and harder or easier for one (own). The level is set so that an
arm's share over all seeds and clips is the one asked for, exactly.
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
AT_ONCE = 4_000_000  # answers drawn in one go


@dataclass(frozen=True)
class AnswerSpread:
    """Spread of the answers, in logits (standard deviations), and the number of clips."""

    name: str
    seed: float
    clip: float
    own: float
    clips: int

    @property
    def spread(self) -> float:
        """Of all terms."""
        return math.sqrt(self.seed**2 + self.clip**2 + self.own**2)


def level_of(share: float, spread: float) -> float:
    """The level at which normal logits around it of this standard deviation are right in `share` of all answers."""
    points, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()
    return float(brentq(lambda level: expit(level + spread * points) @ weights - share, -60.0, 60.0))


def seed_deviation(share: float, setting: AnswerSpread) -> float:
    """Standard deviation (0 to 1) of a seed's share over all clips: what the seeds' spread in logits comes to."""
    points, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()
    rest = math.sqrt(setting.clip**2 + setting.own**2)
    logits = level_of(share, setting.spread) + setting.seed * points[:, None] + rest * points
    shares = expit(logits) @ weights
    return float(math.sqrt(weights @ (shares - weights @ shares) ** 2))


def studies(
    setting: AnswerSpread, shares: Sequence[float], seeds: int, count: int, draw: np.random.Generator
) -> Iterator[Answers]:
    """`count` studies in lots of (n, arms, seeds, clips), an arm for each true share."""
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
