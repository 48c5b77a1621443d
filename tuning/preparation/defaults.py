"""Defaults of a study that depend on its preset and data: its name, and the size of a search."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from amc.config import AMC_GAN, Config
from amc.methods import get


@dataclass(frozen=True)
class Defaults:
    """Defaults of a search that depend on the preset.

    Attributes:
        finalists: configurations that race on new seeds at the end.
        confirm_seeds: runs of each finalist, at most.
        first_rung: training steps before which no trial is pruned: until motion is learnt, accuracy is at chance.
    """

    trials: int
    finalists: int
    confirm_seeds: int
    first_rung: int


DEFAULTS: Mapping[str, Defaults] = {
    "paper": Defaults(trials=50, finalists=2, confirm_seeds=6, first_rung=6_000),
    "compact": Defaults(trials=5, finalists=2, confirm_seeds=1, first_rung=600),
    "smoke": Defaults(trials=8, finalists=2, confirm_seeds=1, first_rung=10),
}

SAMPLER, PRUNER = "gp", "gp"


def default_study(config: Config, what: str) -> str:
    """The default name of a study, such as natops-compact-search, or natops-compact-cdna-search."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", config.dataset.name).strip("-._") or "data"
    method = "" if config.method == AMC_GAN else f"{get(config.method.name).name}-"
    return f"{name}-{config.preset}-{method}{what}"
