"""Sources of a study's trials: a sampler, a list, and the race of the finalists that follows a search.

A source has no state. It derives the next trial from the trials on record, so a restarted study continues.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from amc.config import Config
from amc.methods import load_config
from analysis.record.race import next_run, runs_left
from analysis.record.rows import TrialRow
from analysis.record.states import CONFIRM, ENDED, TRIAL
from tuning.search.samplers import Sampler, SearchHistory
from tuning.search.samplers.base import at_budget, is_repeat
from tuning.search.samplers.grid import GridSampler
from tuning.search.space import Space
from tuning.search.warm_start import ImportedHistory

# A study with seed S trains its trials with seeds from S * SEEDS on, and its confirming runs with seeds from
# S * SEEDS + SEEDS / 2 on, as does a comparison of methods that were tuned by searches with this seed. These runs
# therefore never repeat the seed of a trial.
SEEDS = 1_000_000
MOST_SEED = 2**63 // SEEDS - 2  # largest seed of a study: seeds of its trials must fit a database's integer


@dataclass(frozen=True)
class Proposal:
    """A trial to be added to the record.

    Attributes:
        number: counts the trials of a role from 0.
        params: the searched parameters by dotted name; `config` includes them.
        parent: key of the trial whose configuration a confirming run has.
    """

    key: str
    role: str
    number: int
    config: Config
    params: Mapping[str, Any] = field(default_factory=dict)
    parent: str | None = None


class TrialSource(Protocol):
    """Proposes trials, one after the other."""

    def propose(self, trials: Sequence[TrialRow], curves: Mapping[str, Mapping[int, float]]) -> Proposal | None:
        """The next trial; None if there is none now.

        Args:
            trials: all trials of the study so far.
            curves: {trial key: {step: first objective}}.
        """
        ...

    def planned(self, trials: Sequence[TrialRow]) -> int:
        """How many trials this source has proposed and will propose, as far as is known."""
        ...


@dataclass(frozen=True)
class SampledTrials:
    """`count` trials proposed by a sampler.

    Attributes:
        seed: of the study.
        imported: trials of other studies. If there are any, the best of their configurations and then the base
            configuration replace the sampler's first two proposals.
        tried: parameters of trials that come before all others, in this order (`tuning.search.tried_points`). Those
            that a trial on record has are not tried again.
    """

    space: Space
    sampler: Sampler
    count: int
    seed: int
    imported: ImportedHistory = field(default_factory=ImportedHistory)
    tried: Sequence[Mapping[str, Any]] = ()

    def propose(self, trials: Sequence[TrialRow], curves: Mapping[str, Mapping[int, float]]) -> Proposal | None:
        """See `TrialSource`."""
        searched = of_role(trials, TRIAL)
        number = len(searched)
        if number >= self.count:
            return None
        budget = None if self.space.searches_steps else self.space.base.training.steps
        history = SearchHistory(
            [at_budget(trial, budget) for trial in searched],
            {**self.imported.curves, **curves},
            self.imported.trials,
            budget,
        )
        params = self._starting_point(number, history) or self.sampler.propose(number, history)
        if params is None:
            return None
        config = self.space.config(params, seed=self.seed * SEEDS + number)
        return Proposal(f"trial-{number:04d}", TRIAL, number, config, params)

    def planned(self, trials: Sequence[TrialRow]) -> int:
        """See `TrialSource`."""
        return max(self.count, len(of_role(trials, TRIAL)))

    def with_space(self, space: Space) -> SampledTrials:
        """The same with another space for the sampler's proposals. Points to try stay as a person gave them.

        Raises:
            UserError: the sampler cannot be used on this space.
        """
        return replace(self, space=space, sampler=type(self.sampler)(space, self.seed))

    def is_exhausted(self, trials: Sequence[TrialRow]) -> bool:
        """Whether a grid has no point left for the next trial; other samplers always have one."""
        return isinstance(self.sampler, GridSampler) and self.propose(trials, {}) is None

    def untried(self, trials: Sequence[TrialRow]) -> list[Mapping[str, Any]]:
        """The points of `tried` that no trial has yet."""
        return untried(self.tried, of_role(trials, TRIAL))

    def _starting_point(self, number: int, history: SearchHistory) -> dict[str, Any] | None:
        left = self.untried(history.trials)
        if left:
            return dict(left[0])
        if self.imported.start is None and not self.tried:
            return None  # the sampler itself begins with the base configuration
        first = [self.space.default(), self.space.with_priors()]
        if self.imported.start is not None:
            first.insert(0, self.space.nearest(self.imported.start))
        unseen = [params for params in first if not is_repeat(params, history)]
        return unseen[0] if unseen and number < len(self.tried) + len(first) else None


@dataclass(frozen=True)
class ListedTrials:
    """A list of trials, such as every arm with every seed.

    The list of a later command may be longer, with other trials in between: trials are identified by their keys, and
    numbered in the order in which they are added.
    """

    proposals: tuple[Proposal, ...]

    def propose(self, trials: Sequence[TrialRow], curves: Mapping[str, Mapping[int, float]]) -> Proposal | None:
        """See `TrialSource`."""
        known = {trial.key for trial in trials}
        proposal = next((proposal for proposal in self.proposals if proposal.key not in known), None)
        return None if proposal is None else self._numbered(proposal, trials)

    def find(self, key: str, trials: Sequence[TrialRow]) -> Proposal | None:
        """The listed trial `key`, which is not on record yet; None if the list has no such trial."""
        proposal = next((proposal for proposal in self.proposals if proposal.key == key), None)
        return None if proposal is None else self._numbered(proposal, trials)

    def planned(self, trials: Sequence[TrialRow]) -> int:
        """See `TrialSource`."""
        known = {trial.key for trial in trials if trial.role == TRIAL}
        return len(known | {proposal.key for proposal in self.proposals})

    def _numbered(self, proposal: Proposal, trials: Sequence[TrialRow]) -> Proposal:
        numbers = [trial.number for trial in trials if trial.role == proposal.role]
        return replace(proposal, number=max(numbers, default=-1) + 1)


def with_fold(config: Config, folds: int, replicate: int) -> Config:
    """The configuration of a replicate, which is tested on fold `replicate` modulo `folds`; unchanged if that is 0."""
    return replace(config, split=replace(config.split, folds=folds, fold=replicate % folds)) if folds else config


@dataclass(frozen=True)
class RaceOfFinalists:
    """Trains the best configurations of a finished search again with new seeds; see `analysis.record.race`.

    Attributes:
        finalists: number of configurations that race; with 1 there is no race, its runs only confirm it.
        seeds: runs of each finalist, at most.
        seed: of the study.
        space: of the study, as on record (`StudyRow.space`).
        folds: number of folds that the subjects are divided into: run r is tested on fold r. 0: all have the test
            split of the search.
    """

    search: TrialSource
    finalists: int
    seeds: int
    seed: int
    space: Mapping[str, Any]
    folds: int = 0

    def propose(self, trials: Sequence[TrialRow], curves: Mapping[str, Mapping[int, float]]) -> Proposal | None:
        """See `TrialSource`; None until the whole search has ended."""
        searched = of_role(trials, TRIAL)
        if any(trial.state not in ENDED for trial in searched) or self.search.propose(trials, curves) is not None:
            return None
        seeds = [self.seed * SEEDS + SEEDS // 2 + replicate for replicate in range(self.seeds)]
        chosen = next_run(trials, self.finalists, seeds, self.space)
        if chosen is None:
            return None
        trial, replicate = chosen
        number = len(of_role(trials, CONFIRM))
        config = with_fold(load_config({**trial.config, "seed": seeds[replicate]}), self.folds, replicate)
        return Proposal(f"confirm-{number:04d}", CONFIRM, number, config, trial.params, parent=trial.key)

    def planned(self, trials: Sequence[TrialRow]) -> int:
        """See `TrialSource`; as many as the race can have, which may end earlier."""
        earlier, searched = len(of_role(trials, CONFIRM)), of_role(trials, TRIAL)
        left = runs_left(trials, self.finalists, self.seeds, self.space)
        unknown = sum(trial.state not in ENDED for trial in searched) + self.search.planned(trials) - len(searched)
        return earlier + (max(left, self.finalists * self.seeds - earlier) if unknown > 0 else left)


def untried(points: Sequence[Mapping[str, Any]], trials: Sequence[TrialRow]) -> list[Mapping[str, Any]]:
    """The points that are not the parameters of any of the trials."""
    return [point for point in points if not is_repeat(point, SearchHistory(trials, {}))]


def of_role(trials: Sequence[TrialRow], role: str) -> list[TrialRow]:
    """The trials of one role, in the order of their numbers."""
    return sorted((trial for trial in trials if trial.role == role), key=lambda trial: trial.number)
