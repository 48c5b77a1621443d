"""The configuration: what it accepts, and that one stored before a setting existed still loads."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from amc.config import Config, LossWeights, mug, natops, with_overrides
from amc.errors import UserError
from amc.methods import BEFORE_SETTING, load_config

SETTINGS = [name for name in natops("compact").flat() if name != "preset" and not name.startswith("dataset.")]


@pytest.mark.parametrize("preset", ["paper", "compact", "smoke"])
@pytest.mark.parametrize("made", [natops, mug])
def test_what_is_stored_is_loaded(made: Any, preset: str) -> None:
    config = made(preset, seed=3)
    assert load_config(json.loads(json.dumps(config.to_dict()))) == config


@pytest.mark.parametrize("name", SETTINGS)
def test_a_stored_configuration_without_a_setting_has_its_default(name: str) -> None:
    config = natops("compact")
    stored = config.to_dict()
    *path, last = name.split(".")
    group = stored
    for part in path:
        group = group[part]
    del group[last]
    default = Config(dataset=config.dataset, preset=config.preset, model=config.model, weights=config.weights).flat()[
        name
    ]
    assert load_config(stored) == with_overrides(config, {name: BEFORE_SETTING.get(name, default)})


def test_a_configuration_stored_before_the_mixed_mini_batch_keeps_its_own() -> None:
    stored = natops("compact").to_dict()
    del stored["readings"]["generator_rows"]
    assert load_config(stored).readings.generator_rows == "generated"


@pytest.mark.parametrize("method", ["amc_gan", {"name": ["amc_gan"]}, {"name": 3}, 3])
def test_a_method_that_is_none_is_one_clear_line(method: object) -> None:
    with pytest.raises(UserError, match="not a configuration of a training run"):
        load_config(natops().to_dict() | {"method": method})


def test_a_missing_loss_weight_is_that_of_the_data_set_in_table_b() -> None:
    stored = mug().to_dict()
    del stored["weights"]["mse"], stored["weights"]["l1"]
    assert load_config(stored) == mug()


@pytest.mark.parametrize("preset", ["paper", "compact", "smoke"])
def test_loss_weights_are_those_of_table_b(preset: str) -> None:
    assert natops(preset).weights == LossWeights(gan=1.0, rank=100.0, ce=0.03, mse=30.0, l1=3.0, gram=30.0)
    weights = LossWeights(gan=3.0, rank=100.0, ce=0.3, mse=300.0, l1=0.1, gram=1.0)
    # The one departure: docs/presets.md.
    assert mug(preset).weights == (replace(weights, l1=50.0) if preset == "compact" else weights)


def test_a_stored_configuration_without_a_group_has_its_defaults() -> None:
    stored = natops().to_dict()
    del stored["rows"]
    assert load_config(stored) == natops()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("readings.gram", "both", "setting 'gram' is 'both': choose one of spatial, channel"),
        ("readings.bn_rows", "per row", "choose one of mixed, per_row"),
        ("readings.velocity_reduction", "max", "choose one of mean, sum"),
        ("machine.precision", "half", "choose one of auto, fp32, bf16"),
        ("split.rule", "luck", "setting 'rule' is 'luck': choose one of subject, random"),
        ("readings.gram_layers", 0, "setting 'gram_layers' is 0: it must be at least 1 and at most 2"),
        ("readings.gram_layers", 3, "at least 1 and at most 2"),
        ("readings.centres", -1, "setting 'centres' is -1: it must be at least 0"),
        ("readings.smoothing_start", 1.5, "at least 0.0 and at most 1.0"),
        ("readings.velocity_quantile", 1.01, "at least 0.0 and at most 1.0"),
        ("rows.generated", -0.25, "setting 'generated' is -0.25: it must be at least 0.0"),
        ("model.discarded_frames", 0, "setting 'discarded_frames' is 0: it must be at least 1"),
        ("split.validation_share", 2.0, "at least 0.0 and at most 1.0"),
        ("readings.gram", 1, "does not fit its type"),
        ("readings.grams", "spatial", "unknown setting 'readings.grams'"),
    ],
)
def test_values_that_cannot_be_are_refused(name: str, value: object, message: str) -> None:
    with pytest.raises(UserError, match=message):
        with_overrides(natops(), {name: value})


def test_shared_condition_statistics_need_mixed_rows() -> None:
    """R21: with statistics of each row a video that two rows show would have two encodings."""
    shared = with_overrides(natops(), {"readings.condition_statistics": "shared"})
    with pytest.raises(UserError, match="set 'bn_rows' to 'mixed'"):
        with_overrides(shared, {"readings.bn_rows": "per_row"})
