"""The option `--method`."""

from __future__ import annotations

import argparse

from amc.config import AMC_GAN, Config
from amc.errors import UserError
from amc.methods import BUILT_IN, ENTRY_POINTS, get

_NAMES = f"{', '.join(BUILT_IN)}, the name of an entry point in the group {ENTRY_POINTS}, or package.module:NAME"


def add_method_option(parser: argparse._ActionsContainer) -> None:
    """Adds `--method`, the method to be trained."""
    parser.add_argument(
        "--method", default=AMC_GAN.name, metavar="NAME", help=f"method: {_NAMES} (default: {AMC_GAN.name})"
    )


def add_expected_method_option(parser: argparse._ActionsContainer) -> None:
    """Adds `--method` to a command that opens a training run, which has a method already."""
    parser.add_argument(
        "--method", metavar="NAME", help="fail unless RUN was trained with this method (default: accept any)"
    )


def check_expected_method(wanted: str | None, config: Config, run: object) -> None:
    """Checks that a training run has the method that `--method` names, if it was given.

    Raises:
        UserError: it has another one, or there is no method of this name.
    """
    if wanted is not None and wanted != config.method.name:
        get(wanted)
        raise UserError(f"{run} was trained with method {config.method.name!r}, not {wanted!r}: leave out --method")
