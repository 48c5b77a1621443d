"""What samplers have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from analysis.records import TrialRow
from analysis.states import COMPLETE, PRUNED


@dataclass(frozen=True)
class History:
    """What is known of a search.

    Attributes:
        trials: those of the search by number, whatever their state.
        curves: {trial key: {step: objective}}, larger is better.
    """

    trials: Sequence[TrialRow]
    curves: Mapping[str, Mapping[int, float]]

    def ranked(self) -> list[TrialRow]:
        """Trials that were scored, the best first; one that was stopped early comes after all that went further."""
        scored = [trial for trial in self.trials if trial.state in (COMPLETE, PRUNED) and trial.value is not None]
        return sorted(scored, key=lambda t: (t.state != COMPLETE, -t.step, -(t.value or 0.0), t.number))


class Sampler(Protocol):
    """Proposes parameters."""

    def propose(self, number: int, history: History) -> dict[str, Any] | None:
        """Parameters of trial `number`; None when there is nothing left to propose."""
        ...


def generator(seed: int, number: int, retry: int = 0) -> np.random.Generator:
    """Random numbers of one proposal and no other."""
    return np.random.default_rng([abs(seed), int(seed < 0), number, retry])


def seen(params: Mapping[str, Any], history: History) -> bool:
    """Whether an earlier trial has just these parameters."""
    return any(dict(trial.params) == dict(params) for trial in history.trials)


RETRIES = 20  # draws before a repeat is accepted, in a space that has nothing else left
