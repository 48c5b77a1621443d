"""The settings of Adv+GDL, `Config.method`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from amc.config import MethodSettings, check_choices, check_range


@dataclass(frozen=True)
class AdvGDLSettings(MethodSettings):
    """Hyperparameters of Adv+GDL; the defaults are those of Mathieu et al. (2016).

    Raises:
        UserError: a value is not allowed for its setting, or out of range.
    """

    name: str = "adv_gdl"
    optimizer: Literal["sgd", "adam"] = "sgd"  # of all networks, without momentum; Adam has beta1 = 0.5
    learning_rate: float = 0.04  # of the generator
    discriminator_learning_rate: float = 0.02
    gdl_weight: float = 1.0  # on the gradient difference loss
    adversarial_weight: float = 0.05  # on the generator's adversarial loss

    def __post_init__(self) -> None:
        check_choices(self)
        for name in ("learning_rate", "discriminator_learning_rate", "gdl_weight", "adversarial_weight"):
            check_range(self, name, 0.0, math.inf)
