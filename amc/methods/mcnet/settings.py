"""The settings of MCnet, `Config.method`."""

from __future__ import annotations

import math
from dataclasses import dataclass

from amc.config import MethodSettings, check_range


@dataclass(frozen=True)
class MCnetSettings(MethodSettings):
    """Hyperparameters of MCnet; the defaults are those of Villegas et al. (2017a).

    Raises:
        UserError: a value is out of range.
    """

    name: str = "mcnet"
    learning_rate: float = 1e-4  # of both networks
    beta1: float = 0.5  # of Adam
    horizon: int = 10  # frames predicted in a training step, at most T - 4
    gdl_weight: float = 1.0  # on the gradient difference loss
    adversarial_weight: float = 0.02  # beta, on the generator's adversarial loss

    def __post_init__(self) -> None:
        for name in ("learning_rate", "gdl_weight", "adversarial_weight"):
            check_range(self, name, 0.0, math.inf)
        check_range(self, "beta1", 0.0, 1.0)
        check_range(self, "horizon", 1, math.inf)
