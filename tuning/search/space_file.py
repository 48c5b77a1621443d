"""Reads space files, which narrow, extend or fix the default search space.

A space file is TOML or JSON with two tables, both optional:

    [fixed]                                 # the same in all trials, not searched
    "switches.lrank" = false
    "training.steps" = 400

    [parameters."weights.rank"]             # replaces the default parameter of this name, or adds one
    kind = "log"                            # float, log, int, categorical or bool
    low = 1.0
    high = 1000.0

    [parameters."weights.gan"]
    kind = "log"
    factor = 10                             # from value / 10 to value * 10, around the value of the data set

    [parameters."readings.gram"]
    kind = "categorical"
    choices = ["spatial", "channel"]
    when = ["switches.lrank | switches.lgaux"]   # all must hold; "!" negates, "|" separates alternatives

    [parameters."optimizer.beta1"]
    remove = true                           # not searched: keeps the value of the data set

    [parameters."weights.l1"]               # a default parameter keeps its range and gets a prior
    prior = 30.0                            # a value that you believe to be good, within the range
    confidence = "high"                     # low, medium (default) or high

With `only = true` at the top, only the parameters of the file are searched. For float, log, int and categorical,
`prior` is a value that is believed to be good: the search tries it early and samples around it more often
(`tuning.search.priors`), and learns from its trials if it is wrong. For a bool, `prior` is the probability of true.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from amc.config import Config
from amc.errors import UserError
from tuning.search.space import KINDS, Parameter, Space, checked_space


def apply_space_file(base: Config, defaults: Sequence[Parameter], file: Path) -> Space:
    """The space of the default parameters as a space file changes it.

    Args:
        base: the configuration, without the file's fixed settings.
        defaults: the parameters that the file replaces, extends or removes.

    Raises:
        UserError: the file cannot be read, or its content is invalid.
    """
    rows, values = {row.name: row for row in defaults}, base.flat()
    content = _read(file)
    unknown = set(content) - {"fixed", "parameters", "only"}
    if unknown:
        raise UserError(
            f"{file}: unknown {', '.join(sorted(unknown))}: a space file has [fixed], [parameters.NAME] and only"
        )
    fixed, parameters = _table(content, "fixed", file), _table(content, "parameters", file)
    if content.get("only", False):
        rows = {}
    for name, entry in parameters.items():
        if not isinstance(entry, Mapping):
            raise UserError(f"{file}: parameter {name!r} must be a table with kind, low, high, ...")
        if name in fixed:
            raise UserError(f"{file}: {name!r} is both fixed and searched: remove one of them")
        if entry.get("remove", False):
            rows.pop(name, None)
        else:
            rows[name] = parse_parameter(name, _with_default(name, entry, defaults), values, str(file))
    _check_names(fixed, parameters, file)
    for name in fixed:
        rows.pop(name, None)
    if not rows:
        raise UserError(f"{file}: no parameter is left to search")
    try:
        return checked_space(base, list(rows.values()), fixed)
    except UserError as error:
        raise UserError(f"{file}: {error}") from error


def _with_default(name: str, entry: Mapping[str, Any], defaults: Sequence[Parameter]) -> Mapping[str, Any]:
    """The table of a parameter; one that only has a prior keeps the rest of the default parameter of this name."""
    default = next((row for row in defaults if row.name == name), None)
    if default is None or not entry or set(entry) - {"prior", "confidence"}:
        return entry
    known: dict[str, Any] = {"kind": default.kind, "when": list(default.when)}
    if default.kind == "categorical":
        known["choices"] = list(default.choices)
    elif default.kind != "bool":
        known |= {"low": default.low, "high": default.high}
    return {**known, **entry}


# Settings that options of the command give.
_GIVEN = ("dataset.", "preset", "method.name", "seed")
# Settings of the clips and classifiers, which all trials share.
_SHARED = (
    "split.",
    "readings.long_clips",
    "model.size",
    "model.frames",
    "model.discarded_frames",
    "model.classifier_width",
)


def _check_names(fixed: Iterable[str], parameters: Iterable[str], file: Path) -> None:
    for name in (*fixed, *parameters):
        if name.startswith(_GIVEN):
            raise UserError(f"{file}: {name!r} cannot be set in a space file: it is given by options of the command")
    for name in parameters:
        if name.startswith(_SHARED):
            raise UserError(
                f"{file}: {name!r} cannot be searched, because trials could not be compared: set it under [fixed]"
            )


def parse_parameter(name: str, entry: Mapping[str, Any], values: Mapping[str, Any], where: str) -> Parameter:
    """A parameter from its table in a space file.

    Args:
        values: the base configuration by dotted name, for `factor`.
        where: what the table is in, for error messages.

    Raises:
        UserError: a key is unknown or missing, or a value has the wrong type.
    """
    known = {"kind", "low", "high", "factor", "choices", "prior", "confidence", "when"}
    unknown = set(entry) - known
    if unknown:
        raise UserError(
            f"{where}: parameter {name!r} has unknown {', '.join(sorted(unknown))}; "
            f"it may have {', '.join(sorted(known))}"
        )
    kind = entry.get("kind")
    if not isinstance(kind, str):
        raise UserError(f"{where}: parameter {name!r} needs a kind: choose from {', '.join(KINDS)}")
    prior = _prior(name, kind, entry, where)
    keys = ("low", "high", "factor") if kind == "categorical" else ("low", "high", "factor", "prior")
    numbers = {key: entry[key] for key in keys if key in entry}
    for key, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise UserError(f"{where}: parameter {name!r} has {key} = {value!r}, which is not a number")
    if "factor" in numbers:
        numbers |= _around(name, kind, numbers, values, where)
    if kind in ("float", "log", "int") and not {"low", "high"} <= set(numbers):
        raise UserError(f"{where}: parameter {name!r} needs low and high")
    lists = {key: entry.get(key, []) for key in ("choices", "when")}
    for key, value in lists.items():
        if not isinstance(value, list):
            raise UserError(f"{where}: parameter {name!r} has {key} = {value!r}, which is not a list")
    when = tuple(str(term) for term in lists["when"])
    row = Parameter(name, kind, choices=tuple(lists["choices"]), when=when, **{**numbers, **prior})  # type: ignore[arg-type]  # checked by `checked_space`
    return replace(row, choices=(False, True)) if kind == "bool" else row


def _prior(name: str, kind: str, entry: Mapping[str, Any], where: str) -> dict[str, Any]:
    """`prior` and `confidence`, as far as the table has them."""
    found = {key: entry[key] for key in ("prior", "confidence") if key in entry}
    if "confidence" in found and ("prior" not in found or kind == "bool"):
        why = "the prior of a bool is a probability" if kind == "bool" else "there is no prior"
        raise UserError(f"{where}: parameter {name!r} has a confidence, but {why}: remove it, or give a prior value")
    return found


def _around(name: str, kind: str, numbers: dict[str, float], values: Mapping[str, Any], where: str) -> dict[str, float]:
    """`low` and `high` for the key `factor`, which it removes from `numbers`."""
    factor, value = numbers.pop("factor"), values.get(name)
    if kind != "log" or {"low", "high"} & set(numbers):
        raise UserError(f"{where}: parameter {name!r} has factor: give kind = 'log' and neither low nor high with it")
    if not isinstance(value, float) or value <= 0 or factor <= 1:
        raise UserError(
            f"{where}: parameter {name!r} has factor = {factor} around {value!r}: "
            "the factor must be above 1, and the value a number above 0"
        )
    return {"low": value / factor, "high": value * factor}


def _table(content: Mapping[str, Any], name: str, file: Path) -> Mapping[str, Any]:
    table = content.get(name, {})
    if not isinstance(table, Mapping):
        raise UserError(f"{file}: {name} must be a table")
    # TOML reads an unquoted weights.rank as nested tables; it means the same as the quoted name.
    return _dotted(table, tables=name == "parameters")


def _dotted(table: Mapping[str, Any], prefix: str = "", *, tables: bool) -> dict[str, Any]:
    """Flattens a table to values by dotted name; with `tables`, the values are the innermost tables."""
    rows: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, Mapping) and not (tables and not any(isinstance(v, Mapping) for v in value.values())):
            rows |= _dotted(value, f"{prefix}{key}.", tables=tables)
        else:
            rows[f"{prefix}{key}"] = value
    return rows


def _read(file: Path) -> Mapping[str, Any]:
    try:
        text = file.read_text(encoding="utf-8")
        content = json.loads(text) if file.suffix.lower() == ".json" else tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read the space file {file}: {getattr(error, 'strerror', None) or error}") from error
    except (json.JSONDecodeError, tomllib.TOMLDecodeError) as error:
        raise UserError(f"cannot parse the space file {file}: {error}") from error
    if not isinstance(content, Mapping):
        raise UserError(f"the space file {file} must contain a table at the top level")
    return content
