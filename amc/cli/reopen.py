"""Opening a finished training run from its folder, for `amc evaluate` and `amc generate`."""

from __future__ import annotations

from pathlib import Path

from amc.cli.data_source import resolve
from amc.cli.method_option import check_expected_method
from amc.config import DATASETS
from amc.data.training_data import prepare
from amc.errors import UserError
from amc.methods import load_config
from amc.training import checkpoint
from amc.training.run import Run


def reopen(directory: Path, file: Path | None, method: str | None = None) -> Run:
    """The run whose checkpoint is in `directory`, with the data it was trained on.

    Args:
        directory: the folder that `amc train` wrote.
        file: the clip file; None uses this machine's file or stand-in for the run's data set.
        method: the method that the run must have; None accepts any.

    Raises:
        UserError: there is not a readable checkpoint, or the data or the method are not those it was trained with.
    """
    path = directory / checkpoint.FILE
    config = load_config(checkpoint.load(path).header["config"])
    check_expected_method(method, config, directory)
    name = config.dataset.name
    if file is None and name not in DATASETS:
        raise UserError(f"{directory} was trained on the clip file {name!r}: give it with --data FILE.h5")
    run = Run(config, prepare(config, resolve(None if file else name, file, config.preset).path))
    run.load(path)
    return run
