"""A generator kept by itself makes the clips that the run would, and a broken file is named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from amc.data.conditions import test_conditions as conditions_of
from amc.errors import UserError
from amc.evaluation.generation import generate_clips
from amc.training.generator_file import load_generator, save_generator
from amc.training.run import Run
from tests.toy import toy_config, toy_data


@pytest.mark.parametrize("average", [0.0, 0.9])
def test_what_is_kept_is_what_is_evaluated(tmp_path: Path, average: float) -> None:
    config, data = toy_config(), toy_data()
    config = replace(config, training=replace(config.training, average=average))
    run = Run(config, data)
    if run.ema is not None:
        run.update_ema()
    path = tmp_path / "generators" / "ours-seed-0.safetensors"
    save_generator(path, run)
    generator, again = load_generator(path)
    assert again == config
    conditions = conditions_of(config, data, data.split.test[:2], 1)
    made = [generate_clips(g, config, data, conditions) for g in (run.generator, generator)]
    assert np.array_equal(*made)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match="not a readable checkpoint"):
        load_generator(path)
