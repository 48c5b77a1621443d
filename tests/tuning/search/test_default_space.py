from __future__ import annotations

from amc.config import natops
from amc.methods.amc_gan.search_space import SEARCH_SPACE
from tuning.search.default_space import search_space

BASE = natops("smoke")


SPACE = search_space(BASE)


NAMES = [row.name for row in SPACE.parameters]


def test_the_default_space_has_what_the_search_is_about() -> None:
    assert (
        set(NAMES)
        == set(SEARCH_SPACE)
        == {
            *(f"weights.{name}" for name in ("gan", "rank", "ce", "mse", "l1", "gram")),
            *(f"margins.{name}" for name in ("appearance", "motion")),
            *(f"optimizer.lr_{name}" for name in ("generator", "discriminator")),
            *(f"switches.{name}" for name in ("mismatched", "da", "dm", "ldaux", "lgaux", "lrank")),
        }
    )


def test_trial_0_is_table_b() -> None:
    default = SPACE.default()
    assert set(default) == set(NAMES)
    assert SPACE.config(default, seed=BASE.seed) == BASE
