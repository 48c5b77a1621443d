"""Changes that a person makes to the search space while the study runs: parameters frozen, ranges changed.

A change is written as on the command line, such as "--freeze weights.gan=2 --range weights.rank=10:200". Changes apply
to the sampler's later proposals; trials on record keep their values, and samplers learn from them as far as they can.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from amc.config import with_overrides
from amc.errors import UserError
from tuning.search.space import Parameter, Space, check_parameter, condition_names, conditions_hold

Change = Callable[[Space, str], Space]


def changed(space: Space, text: str) -> Space:
    """The space after the changes of one command, in their order.

    Args:
        space: before.
        text: options and their values; see the module's docstring.

    Raises:
        UserError: a change cannot be made.
    """
    words = shlex.split(text)
    for option, value in zip(words[::2], words[1::2], strict=True):
        space = OPTIONS[option](space, value)
    if not _free(space):
        raise UserError("no parameter would be left to search")
    return space


def description(before: Space, after: Space) -> str:
    """What changed between two spaces, for the person who changed it."""
    parts = [
        part for old, new in zip(before.parameters, after.parameters, strict=True) for part in _differences(old, new)
    ]
    frozen = {row.name for row in after.parameters if row.frozen is not None}
    idle = [name for name in _free(before) if name not in frozen and name not in _free(after)]
    if idle:
        parts.append(f"without effect then, and not searched: {', '.join(idle)}")
    return "; ".join(parts) or "nothing changed"


def _differences(old: Parameter, new: Parameter) -> Iterator[str]:
    if new.range_text != old.range_text:
        yield f"{new.name} is searched from {new.range_text} instead of {old.range_text}"
    if old.has_prior_value and not new.has_prior_value and new.frozen is None:
        yield f"the prior {old.prior} of {new.name} is outside that, and not used"
    if new.frozen is not None and new.frozen != old.frozen:
        yield f"{new.name} is frozen at {new.frozen}"
    if new.frozen is None and old.frozen is not None:
        yield f"{new.name} is searched again ({new.range_text})"


def _free(space: Space) -> list[str]:
    """Names of the parameters that are searched: not frozen, nor without effect because of what is frozen."""
    values, free = dict(space.base.flat()), list[str]()
    for row in space.parameters:
        alternatives = [condition.split("|") for condition in row.when]
        active = all(any(_may_hold(term, values, free) for term in terms) for terms in alternatives)
        if row.frozen is not None:
            values[row.name] = row.frozen
        elif active:
            free.append(row.name)
    return free


def _may_hold(term: str, values: Mapping[str, Any], free: Sequence[str]) -> bool:
    return condition_names([term])[0] in free or conditions_hold([term], values)


def _freeze(space: Space, text: str) -> Space:
    name, value = _assigned(text, "--freeze NAME=VALUE")
    row = _row(space, name)
    if row.choices:  # `true` is JSON, `True` is how choices are printed
        typed = next((choice for choice in row.choices if str(choice) == str(value)), value)
    else:
        typed = with_overrides(space.base, {name: value}).flat()[name]
    if not row.contains(typed):
        raise UserError(f"{name!r} cannot be frozen at {value!r}: it is not in its range ({row.range_text})")
    return _with(space, replace(row, frozen=typed))


def _unfreeze(space: Space, text: str) -> Space:
    row = _row(space, text)
    if row.frozen is None:
        raise UserError(f"{text!r} is not frozen")
    return _with(space, replace(row, frozen=None))


def _range(space: Space, text: str) -> Space:
    name, _, bounds = text.partition("=")
    row = _row(space, name)
    if row.choices:
        raise UserError(f"{name!r} has choices ({row.range_text}) and no range: freeze it at one of them")
    low, high = (_number(bound, row, text) for bound in _two(bounds, text))
    new = replace(row, low=low, high=high)
    check_parameter(replace(new, prior=None), space.base)
    if row.frozen is not None and not new.contains(row.frozen):
        raise UserError(f"{name!r} is frozen at {row.frozen!r}, which is not in the range {text!r}: unfreeze it first")
    return _with(space, new)


OPTIONS: Mapping[str, Change] = {"--freeze": _freeze, "--unfreeze": _unfreeze, "--range": _range}


def _with(space: Space, row: Parameter) -> Space:
    return replace(space, parameters=tuple(row if old.name == row.name else old for old in space.parameters))


def _row(space: Space, name: str) -> Parameter:
    for row in space.parameters:
        if row.name == name:
            return row
    raise UserError(
        f"the study does not search {name!r}; it searches {', '.join(row.name for row in space.parameters)}"
    )


def _assigned(text: str, form: str) -> tuple[str, Any]:
    name, sign, value = text.partition("=")
    if not (name and sign and value):
        raise UserError(f"{text!r}: expected {form}")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value


def _two(bounds: str, text: str) -> Sequence[str]:
    parts = bounds.split(":")
    if len(parts) != 2:
        raise UserError(f"{text!r}: expected --range NAME=LOW:HIGH")
    return parts


def _number(bound: str, row: Parameter, text: str) -> float:
    try:
        return int(bound) if row.kind == "int" else float(bound)
    except ValueError:
        what = "a whole number" if row.kind == "int" else "a number"
        raise UserError(f"{text!r}: {bound!r} is not {what}; expected --range NAME=LOW:HIGH") from None
