"""The registry of methods: what the training loop can train.

A method is a package with its networks, its training step and an instance of `amc.methods.protocol.Method`. Besides
those of this package, there are the entry points of installed packages in the group `amc.methods`, and any instance
that can be imported, as `package.module:NAME`.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from amc.config import AMC_GAN, Config, DatasetSpec, configure, with_overrides
from amc.dotted_fields import flattened
from amc.errors import UserError
from amc.methods.protocol import Method

BUILT_IN: Mapping[str, str] = {
    "amc_gan": "amc.methods.amc_gan:METHOD",
    "cdna": "amc.methods.cdna:METHOD",
    "adv_gdl": "amc.methods.adv_gdl:METHOD",
    "mcnet": "amc.methods.mcnet:METHOD",
}
ENTRY_POINTS = "amc.methods"
# What runs did before a setting existed, where its default is something else.
BEFORE_SETTING: Mapping[str, Any] = {"readings.generator_rows": "generated"}


@cache
def get(name: str) -> Method:
    """The method called `name`. Its module is imported on first use.

    Args:
        name: a key of `BUILT_IN`, the name of an entry point in the group `amc.methods`, or `package.module:NAME`.

    Raises:
        UserError: no method has this name, importing it failed, or its entry in the registry is not valid.
    """
    offered = {point.name: point.value for point in entry_points(group=ENTRY_POINTS)}
    known = {**offered, **BUILT_IN}
    target = name if ":" in name else known.get(name)
    if target is None:
        raise UserError(f"unknown method {name!r}: choose one of {', '.join(known)}, or give package.module:NAME")
    try:
        method = pkgutil.resolve_name(target)
    except (Exception, SystemExit) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise UserError(f"method {name!r} cannot be imported from {target}: {reason}") from error
    if not isinstance(method, Method):
        raise UserError(f"method {name!r}: {target} is a {type(method).__name__}, not an amc.methods.protocol.Method")
    _check_entry(method, name)
    return method


def _check_entry(method: Method, name: str) -> None:
    if method.predictor not in method.networks:
        raise UserError(
            f"method {name!r}: its predictor is {method.predictor!r}, but its networks are {', '.join(method.networks)}"
        )
    try:
        method.settings(name)
    except (TypeError, UserError) as error:
        raise UserError(
            f"method {name!r}: its settings {method.settings.__name__} cannot be made from the name alone: {error}"
        ) from error


def method_of(config: Config) -> Method:
    """The method that a configuration is for.

    Raises:
        UserError: no method has this name, or importing it failed.
    """
    return get(config.method.name)


def with_method(config: Config, name: str) -> Config:
    """The configuration of a method, from that of AMC-GAN with the same data set and preset.

    Raises:
        UserError: no method has this name, importing it failed, or it does not fit the clips.
    """
    method = get(name)
    changed = with_overrides(replace(config, method=method.settings(name)), method.presets.get(config.preset, {}))
    check_config(changed)
    return changed


def check_config(config: Config) -> None:
    """Checks that the method of a configuration fits its clips; to be called again after settings were changed.

    Raises:
        UserError: the method sees frames that are scored, or cannot be trained with this configuration.
    """
    method = method_of(config)
    check_frames_seen(method, config)
    method.check(config)


def check_frames_seen(method: Method, config: Config) -> None:
    """Checks that no frame that a method sees is scored.

    Raises:
        UserError: the clips are too short for the method, it sees frames that are scored, or no frame is scored.
    """
    seen, model = method.frames_seen, config.model
    if seen >= model.frames:
        raise UserError(
            f"method {method.name!r} sees {seen} frames, but clips of preset {config.preset!r} have {model.frames}: "
            "choose a preset with longer clips, or another method"
        )
    if not 1 <= seen <= model.discarded_frames:
        raise UserError(
            f"method {method.name!r} sees {seen} frames, but all except the first {model.discarded_frames} are scored: "
            f"it may see 1 to {model.discarded_frames}"
        )
    if model.discarded_frames >= model.frames:
        raise UserError(
            f"no frame is scored: clips have {model.frames} frames, and the first {model.discarded_frames} are left out"
        )


def load_config(values: Mapping[str, Any]) -> Config:
    """Rebuilds a configuration from `Config.to_dict`, with checks of each field.

    A missing size or loss weight gets the value of the data set and preset, as in `amc.config.configure`; any other
    missing setting gets its value in `BEFORE_SETTING`, or the default of its class.

    Raises:
        UserError: `dataset` or `preset` is missing or unknown, the method or a field is unknown, or a value has the
            wrong type.
    """
    try:
        name = values.get("method", {}).get("name", AMC_GAN.name)
        method = get(name).settings(name)
        spec = DatasetSpec(**values["dataset"])
        defaults = configure(spec.name, str(values["preset"]), spec=spec)
    except (AttributeError, KeyError, TypeError) as error:
        raise UserError(f"not a configuration of a training run: {error}") from error
    config = Config(dataset=spec, preset=defaults.preset, method=method, model=defaults.model, weights=defaults.weights)
    rest = {k: v for k, v in flattened(dict(values)) if not k.startswith("dataset.") and k != "preset"}
    before = {name: value for name, value in BEFORE_SETTING.items() if name.partition(".")[0] in values}
    return with_overrides(config, before | rest)
