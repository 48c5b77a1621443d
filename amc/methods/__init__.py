"""The registry of methods: what the training loop can train.

A method is a package with its networks, its training step and an instance of `amc.methods.protocol.Method`.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping

from amc.config import Config
from amc.errors import UserError
from amc.methods.protocol import Method

BUILT_IN: Mapping[str, str] = {
    "amc_gan": "amc.methods.amc_gan:METHOD",
}


def get(name: str) -> Method:
    """The method called `name`. Its module is imported on first use.

    Raises:
        UserError: no method has this name.
    """
    if name not in BUILT_IN:
        raise UserError(f"unknown method {name!r}: choose one of {', '.join(BUILT_IN)}")
    method: Method = pkgutil.resolve_name(BUILT_IN[name])
    return method


def method_of(config: Config) -> Method:
    """The method that a configuration is for.

    Raises:
        UserError: no method has this name.
    """
    return get(config.method.name)
