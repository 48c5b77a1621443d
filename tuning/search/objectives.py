"""The objectives that a search may maximise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from amc.errors import UserError


@dataclass(frozen=True)
class Objective:
    """A metric between 0 and 1 that trials report; larger is better.

    Attributes:
        name: on the command line and in `summary.json`.
        metric: in reports.
        title: in printed text.
    """

    name: str
    metric: str
    title: str


ACCURACY = Objective("accuracy", "val/accuracy", "validation accuracy")
OBJECTIVES: Mapping[str, Objective] = {
    row.name: row
    for row in (
        ACCURACY,
        Objective("appearance", "val/appearance", "identity kept"),
    )
}
NAMES: Mapping[str, str] = {row.metric: row.name for row in OBJECTIVES.values()}
TITLES: Mapping[str, str] = {row.metric: row.title for row in OBJECTIVES.values()}


def parse_objectives(names: str) -> tuple[Objective, ...]:
    """Parses a comma-separated list of objectives; the first one is the value of a trial.

    Raises:
        UserError: a name is unknown or occurs twice, or the list is empty.
    """
    given = [name.strip() for name in names.split(",")]
    for name in given:
        if name not in OBJECTIVES:
            raise UserError(f"unknown objective {name!r} in --objectives: choose from {', '.join(OBJECTIVES)}")
        if given.count(name) > 1:
            raise UserError(f"--objectives {names!r} names {name!r} twice")
    return tuple(OBJECTIVES[name] for name in given)
