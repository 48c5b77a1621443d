"""The settings of CDNA, `Config.method`."""

from __future__ import annotations

import math
from dataclasses import dataclass

from amc.config import MethodSettings, check_range


@dataclass(frozen=True)
class CDNASettings(MethodSettings):
    """Hyperparameters of CDNA; the defaults are those of Finn et al. (2016).

    Raises:
        UserError: a value is out of range.
    """

    name: str = "cdna"
    learning_rate: float = 1e-3
    beta1: float = 0.9  # of Adam
    kernels: int = 10  # transformations of the previous frame at each step

    def __post_init__(self) -> None:
        check_range(self, "learning_rate", 0.0, math.inf)
        check_range(self, "beta1", 0.0, 1.0)
        check_range(self, "kernels", 1, math.inf)
