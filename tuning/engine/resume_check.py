"""Compares the study that a command asks for with the study on record, before it is resumed.

Some differences are always allowed (such as the number of workers), some need `--allow-space-change` (space, base
configuration, goal), others are errors (data, preset, seed).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from amc.errors import UserError
from amc.methods import load_config
from analysis.record.lookup import method_name
from analysis.record.rows import StudyRow
from analysis.record.writing import RecordWriter
from tuning.search.goal import Goal

SHOWN = 8  # differences listed in a message
# What all trials of a study must share.
_FIXED = ("kind", "preset", "seed")
_FIXED_DATA = ("name", "origin", "fingerprint", "split")
VERSIONS_LAST = "versions_last"  # setting: versions of the last command, if they differ from those of the first

MergeSettings = Callable[[Mapping[str, Any], Mapping[str, Any]], Mapping[str, Any]]
"""Given the settings on record and those asked for, returns the settings to be written."""


def create_or_resume(
    record: RecordWriter, wanted: StudyRow, *, allow: bool = False, merge: MergeSettings | None = None
) -> StudyRow:
    """Writes a new study to the record, or checks and updates the study of this name.

    Besides the settings asked for, the record notes earlier changes of the space or goal, and the versions of this
    command if they differ from those of the first.

    Args:
        allow: another space, base configuration or goal replaces the recorded one. The difference is noted, and every
            report on record is evaluated by the new goal.
        merge: combines the settings on record with those asked for; by default the latter replace the former.

    Returns:
        `wanted` with the settings that are on record now.

    Raises:
        UserError: see `check_same_study` and `merge`.
    """
    known = record.create_study(wanted)
    changed = check_same_study(known, wanted, allow=allow)
    notes = list(known.settings.get("space_changes", ()))
    if changed:
        notes.append({"time": datetime.now(UTC).isoformat(timespec="seconds"), "difference": _listed(changed)})
    settings = dict(wanted.settings if merge is None else merge(known.settings, wanted.settings))
    if notes:
        settings["space_changes"] = notes
    if dict(known.versions) != dict(wanted.versions):
        settings[VERSIONS_LAST] = dict(wanted.versions)
    if changed:
        goal = Goal.from_dict(wanted.goal)
        record.change_goal(
            wanted.name,
            goal.metrics,
            goal.violation,
            config=wanted.config,
            space=wanted.space,
            goal=wanted.goal,
            settings=settings,
        )
    else:
        record.update_study(wanted.name, settings=settings)
    return replace(wanted, settings=settings)


def check_same_study(known: StudyRow, wanted: StudyRow, *, allow: bool = False) -> list[str]:
    """Compares a study with the one on record.

    Returns:
        The differences that `allow` permits, a few words each.

    Raises:
        UserError: there are other differences; the message lists them and says what to do.
    """
    pairs = {name: (getattr(known, name), getattr(wanted, name)) for name in _FIXED}
    pairs["method"] = method_name(known.config), method_name(wanted.config)
    pairs |= {f"data {name}": (known.dataset.get(name), wanted.dataset.get(name)) for name in _FIXED_DATA}
    fixed = [
        line for name, (old, new) in pairs.items() for line in _entry_differences(name, _as_json(old), _as_json(new))
    ]
    changed = [*_goal_changes(known, wanted), *_space_changes(known.space, wanted.space), *_base_changes(known, wanted)]
    refused = f"study {wanted.name!r} already exists with different settings"
    if fixed:
        raise UserError(f"{refused} ({_listed(fixed + changed)}): give another --study")
    if changed and not allow:
        hint = "add --allow-space-change to change the study, or " if wanted.kind == "search" else ""
        raise UserError(f"{refused} ({_listed(changed)}): {hint}give another --study")
    return changed


def _listed(lines: list[str]) -> str:
    more = f"; and {len(lines) - SHOWN} more" if len(lines) > SHOWN else ""
    return "; ".join(lines[:SHOWN]) + more


def _goal_changes(known: StudyRow, wanted: StudyRow) -> Iterator[str]:
    for name in ("objectives", "constraints"):
        old, new = known.goal[name], wanted.goal[name]
        if old != new:
            yield f"{name}: {', '.join(old) or 'none'} → {', '.join(new) or 'none'}"


def _space_changes(known: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[str]:
    old, new = known.get("parameters", {}), wanted.get("parameters", {})
    for name in [name for name in old if name in new]:
        before, after = _parameter_text(old[name]), _parameter_text(new[name])
        if before != after:
            yield f"{name}: {before} → {after}"
    yield from (f"added {name} ({_parameter_text(new[name])})" for name in new if name not in old)
    yield from (f"removed {name}" for name in old if name not in new)
    before, after = known.get("fixed", {}), wanted.get("fixed", {})
    for name in sorted({**before, **after}):
        if before.get(name) != after.get(name):
            yield f"fixed {name}: {_value_text(before.get(name))} → {_value_text(after.get(name))}"


def _parameter_text(row: Mapping[str, Any]) -> str:
    """A parameter in a few words, such as "log 1..100"."""
    if "choices" in row and row["kind"] != "bool":
        what = f"{row['kind']} {{{', '.join(map(_value_text, row['choices']))}}}"
    elif row["kind"] == "bool":
        what = f"bool prior {_value_text(row.get('prior'))}"
    else:
        what = f"{row['kind']} {_value_text(row['low'])}..{_value_text(row['high'])}"
    if row["kind"] != "bool" and "prior" in row:
        what += f" prior {_value_text(row['prior'])} ({row['confidence']})"
    return what + (f" when {' and '.join(row['when'])}" if row["when"] else "")


def _base_changes(known: StudyRow, wanted: StudyRow) -> Iterator[str]:
    # A study on record may lack a setting that was added later; it used the default.
    old, new = (load_config(row.config).flat() for row in (known, wanted))
    stated = {*known.space.get("fixed", {}), *wanted.space.get("fixed", {})}
    for name in new:
        if old.get(name) != new[name] and name not in stated:
            yield f"base {name}: {_value_text(old.get(name))} → {_value_text(new[name])}"


def _value_text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if value is None:
        return "unset"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _entry_differences(name: str, old: Any, new: Any) -> list[str]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return [
            line
            for key in sorted(set(old) | set(new))
            for line in _entry_differences(f"{name}.{key}", old.get(key), new.get(key))
        ]
    return [] if old == new else [f"{name}: {old!r} → {new!r}"]


def _as_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _as_json(inner) for key, inner in value.items()}
    return [_as_json(inner) for inner in value] if isinstance(value, (list, tuple)) else value
