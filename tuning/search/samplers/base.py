"""What samplers have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from analysis.record import ranking
from analysis.record.rows import TrialRow
from tuning.search.samplers.extrapolate import extrapolated


@dataclass(frozen=True)
class SearchHistory:
    """What is known of a search.

    Attributes:
        trials: those of the search by number, whatever their state.
        curves: {trial key: {step: first objective}}, larger is better.
        imported: what other studies found, as trials that ended before this search began; their curves are in
            `curves`, their keys none of this search's.
    """

    trials: Sequence[TrialRow]
    curves: Mapping[str, Mapping[int, float]]
    imported: Sequence[TrialRow] = ()

    @cached_property
    def known(self) -> list[TrialRow]:
        """All trials to learn from, in their order."""
        return [*self.imported, *self.trials]

    @cached_property
    def ranks(self) -> Mapping[str, int]:
        """The place of each trial that was scored, by key; 0 is the best (`analysis.record.ranking`)."""
        return {trial.key: place for place, trial in enumerate(ranking.ranked(self.known))}

    @cached_property
    def extrapolated(self) -> Mapping[str, float]:
        """The first objective that trials which were stopped early would have come to
        (`tuning.search.samplers.extrapolate`)."""
        return extrapolated(self.known, self.curves)


class Sampler(Protocol):
    """Proposes parameters."""

    def propose(self, number: int, history: SearchHistory) -> dict[str, Any] | None:
        """Parameters of trial `number`; None when there is nothing left to propose."""
        ...


def random_generator(seed: int, number: int, retry: int = 0) -> np.random.Generator:
    """RandomSampler numbers of one proposal and no other."""
    return np.random.default_rng([abs(seed), int(seed < 0), number, retry])


def is_repeat(params: Mapping[str, Any], history: SearchHistory) -> bool:
    """Whether an earlier trial has just these parameters."""
    return any(dict(trial.params) == dict(params) for trial in history.trials)


RETRIES = 20  # draws before a repeat is accepted, in a space that has nothing else left
