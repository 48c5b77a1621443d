"""What a search may maximise: a name for the command line, and the metric that trials report under it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from amc.errors import UserError


@dataclass(frozen=True)
class Objective:
    """A fraction that trials report; larger is better.

    Attributes:
        name: on the command line and in `summary.json`.
        metric: in reports.
        title: in lines for people.
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
    """The objectives of a comma-separated list; a trial's value is the first one.

    Raises:
        UserError: none, an unknown one, or one named twice.
    """
    wanted = [name.strip() for name in names.split(",")]
    for name in wanted:
        if name not in OBJECTIVES:
            raise UserError(f"unknown objective {name!r} in --objectives: choose from {', '.join(OBJECTIVES)}")
        if wanted.count(name) > 1:
            raise UserError(f"--objectives {names!r} names {name!r} twice")
    return tuple(OBJECTIVES[name] for name in wanted)
