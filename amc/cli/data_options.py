"""The data that a command's options select, and the configuration for it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from amc.cli.data_source import DataSource, resolve
from amc.config import AMC_GAN, DATASETS, Config, DatasetSpec, configure, with_overrides
from amc.data.clipfile import read_info
from amc.data.training_data import TrainingData, prepare
from amc.errors import UserError
from amc.methods import get, with_method


@dataclass(frozen=True)
class ConfiguredData:
    """Data prepared for training, the file it comes from, and its configuration."""

    source: DataSource
    config: Config
    data: TrainingData


def configure_data(
    dataset: str | None,
    file: Path | None,
    preset: str,
    split_rule: str | None = None,
    method: str = AMC_GAN.name,
) -> ConfiguredData:
    """Prepares the data for `--dataset`, `--data`, `--preset`, `--split-rule` and `--method`.

    The stand-in is made if needed. Classes and keypoints are those of the file. Data sets other than the paper's get
    the loss weights of NATOPS.

    Raises:
        UserError: the data cannot be used, the split rule or the method does not fit it, or it has no keypoints for a
            method that needs them.
    """
    # Before a stand-in is made, which may take long.
    with_method(configure(dataset if dataset and dataset in DATASETS else "natops", preset), method)
    source, config = choose_data(dataset, file, preset, split_rule, method)
    data = prepare(config, source.path)
    if get(method).needs_keypoints and not data.clips.keypoints_valid.any():
        raise UserError(
            f"{source.path} has no valid keypoints, and method {method!r} needs them: import the clips with keypoints, "
            "or choose another method"
        )
    return ConfiguredData(source, config, data)


def choose_data(
    dataset: str | None,
    file: Path | None,
    preset: str,
    split_rule: str | None = None,
    method: str = AMC_GAN.name,
) -> tuple[DataSource, Config]:
    """The clip file and the configuration for it; see `configure_data`.

    Raises:
        UserError: the file cannot be used, or the method does not fit it.
    """
    source = resolve(dataset, file, preset)
    info = read_info(source.path)
    name = dataset or info.name
    spec = DatasetSpec(name, classes=len(info.class_names), keypoints=len(info.keypoint_names))
    config = with_method(configure(name, preset, spec=spec), method)
    if split_rule is not None:
        config = with_overrides(config, {"split.rule": split_rule})
    return source, config
