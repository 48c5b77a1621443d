"""What is left of a study to run, as the forecast needs it: from its sources and its record."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from amc.config import Config, from_dict
from amc.training.macs import training_step_macs
from analysis.record.rows import TrialRow
from analysis.record.states import COMPLETE, CONFIRM, OPEN, TRIAL, WAITING
from tuning.engine.sources import ConfirmingRuns, Proposal, TrialSource, best, of_role
from tuning.planning.forecast import Load, Workload

_ASKED = 40  # proposals that a source is asked for; more of them cost as these do


class Work:
    """Arithmetic of configurations' training steps, relative to a base; each kind of step is counted once."""

    def __init__(self, base: Config) -> None:
        self.known: dict[str, int] = {}
        self.base = self._macs(base)

    def __call__(self, config: Mapping[str, Any]) -> float:
        """1.0 for the base."""
        return self._macs(from_dict(config)) / self.base

    def _macs(self, config: Config) -> int:
        key = json.dumps(shape(config), sort_keys=True)
        if key not in self.known:
            self.known[key] = training_step_macs(config)
        return self.known[key]


def shape(config: Config) -> dict[str, Any]:
    """What of a configuration decides the arithmetic and the memory of its step."""
    values = config.to_dict()
    named = {name: values[name] for name in ("dataset", "model", "switches", "readings", "machine")}
    return named | {"batch": config.training.batch, "average": config.training.average > 0}


def workload(
    sources: Sequence[TrialSource],
    trials: Sequence[TrialRow],
    curves: Mapping[str, Mapping[int, float]],
    *,
    base: Config,
    workers: int,
    tested: bool,
    work: Callable[[Mapping[str, Any]], float],
) -> Workload:
    """The trials that are left, in the order in which they will be handed out.

    Args:
        trials, curves: of the study's record; empty for a new one.
        base: the configuration that trials start from.
        tested: trials themselves are scored on the test split, not only confirming runs.
    """

    def load(row: TrialRow) -> Load:
        config = from_dict(row.config)
        return Load(
            key=row.key,
            number=row.number,
            budget=row.budget,
            every=config.training.evaluate_every,
            work=work(row.config),
            role=row.role,
            done=min(row.step, row.budget),
            tested=tested or row.role == CONFIRM,
        )

    waiting = sorted(
        (t for t in trials if t.state in OPEN), key=lambda t: (t.attempts == 0, t.role == CONFIRM, t.number)
    )
    loads = [load(row) for row in waiting]
    confirm = 0
    for source in sources:
        if isinstance(source, ConfirmingRuns):
            confirm += source.seeds
            continue
        rows = _proposed(source, trials, curves)
        loads += [load(row) for row in rows]
        missing = source.planned(trials) - sum(row.role != CONFIRM for row in trials) - len(rows)
        if len(rows) == _ASKED:  # the first of a search is its base, which is not like the others
            pool = loads[-_ASKED + 1 :]
            loads += [
                Load(f"more-{n}", len(trials) + len(rows) + n, like.budget, like.every, like.work, tested=like.tested)
                for n in range(missing)
                for like in [pool[n % len(pool)]]
            ]
    chosen = best(of_role(trials, TRIAL))
    repeated = [row.parent for row in trials if row.role == CONFIRM and row.parent is not None]
    return Workload(
        loads=loads,
        workers=workers,
        confirm=confirm,
        confirmation=Load("", 0, base.training.steps, base.training.evaluate_every, role=CONFIRM, tested=True)
        if confirm
        else None,
        curves={row.key: curves[row.key] for row in trials if row.role != CONFIRM and curves.get(row.key)},
        numbers={row.key: row.number for row in trials if row.role != CONFIRM},
        complete={} if chosen is None or chosen.state != COMPLETE else {chosen.key: work(chosen.config)},
        confirmed={key: repeated.count(key) for key in repeated},
    )


def _proposed(
    source: TrialSource, trials: Sequence[TrialRow], curves: Mapping[str, Mapping[int, float]]
) -> list[TrialRow]:
    """What the source gives next, each proposal in view of those before it, none of which is scored yet."""
    rows: list[TrialRow] = []
    while len(rows) < _ASKED:
        every = {**curves, **{row.key: {} for row in rows}}
        proposal = source.propose([*trials, *rows], every)
        if proposal is None:
            break
        rows.append(_row(proposal))
    return rows


def _row(proposal: Proposal) -> TrialRow:
    return TrialRow(
        study="",
        key=proposal.key,
        role=proposal.role,
        number=proposal.number,
        parent=proposal.parent,
        state=WAITING,
        params=proposal.params,
        config=proposal.config.to_dict(),
        seed=proposal.config.seed,
        budget=proposal.config.training.steps,
    )
