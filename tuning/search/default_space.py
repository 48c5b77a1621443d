"""The default search space: that of the method, which a space file may change."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amc.config import Config
from amc.errors import UserError
from amc.methods import method_of
from tuning.search.space import Parameter, Space, checked_space
from tuning.search.space_file import apply_space_file, parse_parameter


def default_parameters(base: Config) -> list[Parameter]:
    """The default parameters of the method of `base`, with ranges around the values of `base`.

    Raises:
        UserError: the method's search space is invalid.
    """
    where = f"the search space of method {base.method.name!r}"
    values = base.flat()
    return [parse_parameter(name, entry, values, where) for name, entry in method_of(base).search_space.items()]


def search_space(base: Config, file: Path | None = None, fixed: Mapping[str, Any] | None = None) -> Space:
    """The default space around `base`, changed by a space file (`tuning.search.space_file`) if one is given.

    Args:
        fixed: without a file, settings of all trials, by dotted name, which are not searched.

    Raises:
        UserError: the file cannot be read, or the content of the file or of the method's search space is invalid.
    """
    parameters = default_parameters(base)
    if file is not None:
        return apply_space_file(base, parameters, file)
    if not parameters:
        raise UserError(f"method {base.method.name!r} has no search space: give one with --space FILE")
    fixed = fixed or {}
    return checked_space(base, [row for row in parameters if row.name not in fixed], fixed)
