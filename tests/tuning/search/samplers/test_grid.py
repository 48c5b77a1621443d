from __future__ import annotations

import json
from pathlib import Path

import pytest

from amc.errors import UserError
from tests.tuning.search.samplers.toy_search import SPACE, params_of, run, small
from tuning.search.samplers import create_sampler


def test_grid_walks_every_combination_once_and_ends(tmp_path: Path) -> None:
    space = small(
        tmp_path,
        **{
            "switches.lgaux": {"kind": "bool"},
            "weights.l1": {"kind": "log", "low": 0.1, "high": 10.0, "when": ["switches.lgaux"]},
            "readings.gram": {"kind": "categorical", "choices": ["spatial", "channel"]},
        },
    )
    found = params_of(run("grid", space, 100))
    # 2 readings x (3 weights with the term, 1 without it), and Table B's own l1 = 3 that lies between the grid's.
    assert len(found) == 9
    assert len({json.dumps(params, sort_keys=True) for params in found}) == 9
    assert found[0] == {"switches.lgaux": True, "weights.l1": 3.0, "readings.gram": "spatial"}


def test_a_grid_too_large_is_refused() -> None:
    with pytest.raises(UserError, match=r"points .at most 100,000"):
        create_sampler("grid", SPACE, 0)
