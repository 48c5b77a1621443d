"""The default search space."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from amc.config import Config
from tuning.search.space import Parameter, Space, checked_space
from tuning.search.space_file import apply_space_file

_DISCRIMINATOR = "switches.da | switches.dm"
_RANKED = ("switches.mismatched", "switches.lrank")


@dataclass(frozen=True)
class LogRange:
    """A log range around the value of the data set: from value / factor to value * factor."""

    name: str
    factor: float
    when: tuple[str, ...] = ()


@dataclass(frozen=True)
class Switch:
    """An ablation switch, with the prior probability that it is on."""

    name: str
    prior: float = 0.9
    when: tuple[str, ...] = ()


# The conditions leave out parameters without effect, and keep at least one discriminator on.
DEFAULT: tuple[LogRange | Switch, ...] = (
    LogRange("optimizer.lr_generator", 5),
    LogRange("optimizer.lr_discriminator", 5),
    Switch("switches.mismatched"),
    Switch("switches.da"),
    Switch("switches.dm", when=("switches.da",)),
    Switch("switches.ldaux", when=("switches.dm",)),
    Switch("switches.lgaux"),
    Switch("switches.lrank", when=("switches.mismatched",)),
    LogRange("weights.gan", 10),
    LogRange("weights.rank", 10, (*_RANKED, _DISCRIMINATOR)),
    LogRange("weights.ce", 10, ("switches.ldaux", "switches.dm")),
    LogRange("weights.mse", 10, ("switches.ldaux", "switches.dm")),
    LogRange("weights.l1", 10, ("switches.lgaux",)),
    LogRange("weights.gram", 10, ("switches.lgaux", _DISCRIMINATOR)),
    LogRange("margins.appearance", 10, (*_RANKED, "switches.da")),
    LogRange("margins.motion", 10, (*_RANKED, "switches.dm")),
)


def default_parameters(base: Config) -> list[Parameter]:
    """The default parameters, with ranges around the values of `base`."""
    values = base.flat()
    rows = []
    for row in DEFAULT:
        if isinstance(row, Switch):
            rows.append(Parameter(row.name, "bool", choices=(False, True), prior=row.prior, when=row.when))
        else:
            value = values[row.name]
            rows.append(Parameter(row.name, "log", value / row.factor, value * row.factor, when=row.when))
    return rows


def search_space(base: Config, file: Path | None = None) -> Space:
    """The default space around `base`, changed by a space file (`tuning.search.space_file`) if one is given.

    Raises:
        UserError: the file cannot be read, or its content is invalid.
    """
    parameters = default_parameters(base)
    return checked_space(base, parameters, {}) if file is None else apply_space_file(base, parameters, file)
