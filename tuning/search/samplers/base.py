"""Shared by samplers: the protocol, the history of a search, random numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from analysis.record import ranking
from analysis.record.rows import TrialRow
from analysis.record.states import COMPLETE, PRUNED
from tuning.search.extrapolation import extrapolated
from tuning.search.space import Space


@dataclass(frozen=True)
class SearchHistory:
    """The trials that a sampler learns from.

    Attributes:
        trials: of the search, by number, in any state.
        curves: {trial key: {step: first objective}}, imported trials included. Larger is better, and equal accuracies
            are ordered (`analysis.record.equal_accuracies`).
        imported: ended trials of other studies; their keys differ from those of this search.
        budget: training steps of a complete trial; None if every trial has a budget of its own.
    """

    trials: Sequence[TrialRow]
    curves: Mapping[str, Mapping[int, float]]
    imported: Sequence[TrialRow] = ()
    budget: int | None = None

    @cached_property
    def known(self) -> list[TrialRow]:
        """Imported trials, then those of the search."""
        return [*self.imported, *self.trials]

    @cached_property
    def ranks(self) -> Mapping[str, int]:
        """The rank of each scored trial, by key; 0 is the best (`analysis.record.ranking`)."""
        return {trial.key: place for place, trial in enumerate(ranking.ranked(self.known))}

    @cached_property
    def extrapolated(self) -> Mapping[str, float]:
        """First objective of pruned trials, extrapolated to their budget (`tuning.search.extrapolation`)."""
        return extrapolated(self.known, self.curves)


class Sampler(Protocol):
    """Proposes the parameters of trials."""

    def __init__(self, space: Space, seed: int) -> None:
        """A sampler of `space` for the study with this seed."""
        ...

    def propose(self, number: int, history: SearchHistory) -> dict[str, Any] | None:
        """The parameters of trial `number`, by dotted name; None if nothing is left to propose."""
        ...


def random_generator(seed: int, number: int, retry: int = 0) -> np.random.Generator:
    """Random numbers for one attempt at one proposal."""
    return np.random.default_rng([abs(seed), int(seed < 0), number, retry])


def is_repeat(params: Mapping[str, Any], history: SearchHistory) -> bool:
    """Whether an earlier trial of the search has the same parameters."""
    return any(dict(trial.params) == dict(params) for trial in history.trials)


def at_budget(trial: TrialRow, budget: int | None) -> TrialRow:
    """The trial; as PRUNED if it completed another budget, before the study's configuration was changed.

    Args:
        budget: training steps of a complete trial; None if every trial has a budget of its own.
    """
    if budget is None or trial.state != COMPLETE or trial.budget == budget:
        return trial
    return replace(trial, state=PRUNED)


RETRIES = 20  # draws before a repeat is accepted; a small space may have nothing else left
