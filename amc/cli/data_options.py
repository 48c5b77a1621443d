"""The data that a command was asked for, with the configuration that fits them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from amc.cli.data_source import DataSource, resolve
from amc.config import Config, DatasetSpec, configure, with_overrides
from amc.data.clipfile import read_info
from amc.data.training_data import TrainingData, prepare


@dataclass(frozen=True)
class ConfiguredData:
    """Data ready for training, where they came from, and their configuration."""

    source: DataSource
    config: Config
    data: TrainingData


def configure_data(
    dataset: str | None, file: Path | None, preset: str, split_rule: str | None = None
) -> ConfiguredData:
    """What `--dataset`, `--data`, `--preset` and `--split-rule` mean.

    The stand-in is made where it is asked for and not there yet.
    Classes and keypoints are the file's; a name that is no data set's own takes NATOPS' losses.

    Raises:
        UserError: no usable data, or a rule that does not fit them.
    """
    source = resolve(dataset, file, preset)
    info = read_info(source.path)
    name = dataset or info.name
    spec = DatasetSpec(name, classes=len(info.class_names), keypoints=len(info.keypoint_names))
    config = configure(name, preset, spec=spec)
    if split_rule is not None:
        config = with_overrides(config, {"split.rule": split_rule})
    return ConfiguredData(source, config, prepare(config, source.path))
