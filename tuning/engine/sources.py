"""Where a study's trials come from: a sampler, a list, and the confirming runs that follow a search.

A source looks at the record's trials only, so it needs no state: asked again after a restart it goes on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from amc.config import Config, from_dict
from analysis.record.ranking import best as best
from analysis.record.rows import TrialRow
from analysis.record.states import COMPLETE, CONFIRM, ENDED, PRUNED, TRIAL
from tuning.search.samplers import Sampler, SearchHistory
from tuning.search.samplers.base import is_repeat
from tuning.search.space import Space
from tuning.search.warm_start import ImportedHistory

# Training seeds of a study: trials from seed * SEEDS on, confirming runs from the second half on, so that no
# confirming run repeats the seed of any trial that it could have been chosen by.
SEEDS = 1_000_000
MOST_SEED = 2**63 // SEEDS - 2  # of a study: its trials' seeds must fit a database's integer


@dataclass(frozen=True)
class Proposal:
    """A trial that is not on record yet."""

    key: str
    role: str
    number: int
    config: Config
    params: Mapping[str, Any] = field(default_factory=dict)
    parent: str | None = None


class TrialSource(Protocol):
    """Gives the next trial."""

    def propose(self, trials: Sequence[TrialRow], curves: Mapping[str, Mapping[int, float]]) -> Proposal | None:
        """The next trial to add to `trials`; None if there is none now."""
        ...

    def planned(self, trials: Sequence[TrialRow]) -> int:
        """How many trials this source has given and will give, as far as is known."""
        ...


@dataclass(frozen=True)
class SampledTrials:
    """`count` trials, each proposed by a sampler in view of those before it.

    Attributes:
        past: what other studies found. The search begins with the best of that, and then with the data set's own
            configuration, in place of its sampler's first proposals.
    """

    space: Space
    sampler: Sampler
    count: int
    seed: int
    past: ImportedHistory = field(default_factory=ImportedHistory)

    def propose(self, trials: Sequence[TrialRow], curves: Mapping[str, Mapping[int, float]]) -> Proposal | None:
        """See `TrialSource`."""
        mine = of_role(trials, TRIAL)
        number = len(mine)
        if number >= self.count:
            return None
        known = [self._told(trial) for trial in mine]
        history = SearchHistory(known, {**self.past.curves, **curves}, self.past.trials)
        params = self._first(number, history) or self.sampler.propose(number, history)
        if params is None:
            return None
        config = self.space.config(params, seed=self.seed * SEEDS + number)
        return Proposal(f"trial-{number:04d}", TRIAL, number, config, params)

    def planned(self, trials: Sequence[TrialRow]) -> int:
        """See `TrialSource`."""
        return max(self.count, len(of_role(trials, TRIAL)))

    def _first(self, number: int, history: SearchHistory) -> dict[str, Any] | None:
        if self.past.start is None:
            return None
        first = [dict(self.past.start), self.space.default()]
        unseen = [params for params in first if not is_repeat(params, history)]
        return unseen[0] if unseen and number < len(first) else None

    def _told(self, trial: TrialRow) -> TrialRow:
        """A trial that was complete at another budget, before the study was changed, as one that was stopped early."""
        steps = "training.steps"
        searched = any(row.name == steps for row in self.space.parameters)
        if searched or trial.state != COMPLETE or trial.budget == self.space.base.training.steps:
            return trial
        return replace(trial, state=PRUNED)


@dataclass(frozen=True)
class ListedTrials:
    """Trials that are known beforehand, such as arms by seeds.

    A longer list may come later, with others in between: a trial is known by its key, and numbered as it is added.
    """

    proposals: tuple[Proposal, ...]

    def propose(self, trials: Sequence[TrialRow], curves: Mapping[str, Mapping[int, float]]) -> Proposal | None:
        """See `TrialSource`."""
        known = {trial.key for trial in trials}
        wanted = next((proposal for proposal in self.proposals if proposal.key not in known), None)
        if wanted is None:
            return None
        numbers = [trial.number for trial in trials if trial.role == wanted.role]
        return replace(wanted, number=max(numbers, default=-1) + 1)

    def planned(self, trials: Sequence[TrialRow]) -> int:
        """See `TrialSource`."""
        mine = {trial.key for trial in trials if trial.role == TRIAL}
        return len(mine | {proposal.key for proposal in self.proposals})


@dataclass(frozen=True)
class ConfirmingRuns:
    """The best configuration of a finished search again, with `seeds` fresh training seeds."""

    search: TrialSource
    seeds: int
    seed: int

    def propose(self, trials: Sequence[TrialRow], curves: Mapping[str, Mapping[int, float]]) -> Proposal | None:
        """See `TrialSource`; nothing before the whole search has ended."""
        searched = of_role(trials, TRIAL)
        if any(trial.state not in ENDED for trial in searched) or self.search.propose(trials, curves) is not None:
            return None
        chosen = best(searched)
        if chosen is None:
            return None
        mine = confirming(trials, chosen.key)
        if len(mine) >= self.seeds:
            return None
        # Counted over all confirming runs: when a longer search finds a better trial, its runs get seeds of their own.
        number = len(of_role(trials, CONFIRM))
        config = from_dict({**chosen.config, "seed": self.seed * SEEDS + SEEDS // 2 + number})
        return Proposal(f"confirm-{number:04d}", CONFIRM, number, config, chosen.params, parent=chosen.key)

    def planned(self, trials: Sequence[TrialRow]) -> int:
        """See `TrialSource`."""
        chosen = best(of_role(trials, TRIAL))
        earlier = len(of_role(trials, CONFIRM))
        return (
            max(self.seeds, earlier)
            if chosen is None
            else earlier + max(0, self.seeds - len(confirming(trials, chosen.key)))
        )


def of_role(trials: Sequence[TrialRow], role: str) -> list[TrialRow]:
    """The trials of one role, by number."""
    return sorted((trial for trial in trials if trial.role == role), key=lambda trial: trial.number)


def confirming(trials: Sequence[TrialRow], key: str) -> list[TrialRow]:
    """The confirming runs of a trial."""
    return [trial for trial in of_role(trials, CONFIRM) if trial.parent == key]
