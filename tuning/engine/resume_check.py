"""Holds what a command asks for against the study on record: what may differ, what must be allowed, what never may."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from amc.config import from_dict
from amc.errors import UserError
from analysis.record.rows import StudyRow
from analysis.record.writing import RecordWriter
from tuning.search.goal import Goal

SHOWN = 8  # differences in a message
# What trials of one study must share to be one study's. Settings such as the number of workers may always change.
_FIXED = ("kind", "preset", "seed")
_FIXED_DATA = ("name", "origin", "fingerprint", "split")
VERSIONS_LAST = "versions_last"  # in settings: those of the last command, where they are not those it was begun with

Join = Callable[[Mapping[str, Any], Mapping[str, Any]], Mapping[str, Any]]
"""Makes the settings to be written of those on record and those asked for."""


def create_or_resume(
    record: RecordWriter, wanted: StudyRow, *, allow: bool = False, join: Join | None = None
) -> StudyRow:
    """Writes a study to the record, or finds it there; returns `wanted` with the settings that the record has now.

    Beside what was asked for, these tell the changes that the study had so far, and the versions of the command that
    worked on it last where they differ from those that it was begun with.

    Args:
        allow: another space, base configuration or goal takes the place of the recorded one, with a note of the
            difference; every report on record is judged by the new goal.
        join: of settings on record and wanted ones, where the wanted do not simply take the others' place.

    Raises:
        UserError: see `check_same_study` and `join`.
    """
    known = record.create_study(wanted)
    changed = check_same_study(known, wanted, allow=allow)
    notes = list(known.settings.get("space_changes", ()))
    if changed:
        notes.append({"time": datetime.now(UTC).isoformat(timespec="seconds"), "difference": _shown(changed)})
    settings = dict(wanted.settings if join is None else join(known.settings, wanted.settings))
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
    """Holds a study against the one on record; returns the differences that are allowed, a few words each.

    Raises:
        UserError: they differ otherwise; the message names what differs, and what can be done.
    """
    pairs = {name: (getattr(known, name), getattr(wanted, name)) for name in _FIXED}
    pairs |= {f"data {name}": (known.dataset.get(name), wanted.dataset.get(name)) for name in _FIXED_DATA}
    fixed = [line for name, (old, new) in pairs.items() for line in _entries(name, _plain(old), _plain(new))]
    changed = [*_goals(known, wanted), *_spaces(known.space, wanted.space), *_bases(known, wanted)]
    refused = f"study {wanted.name!r} is on record with other settings"
    if fixed:
        raise UserError(f"{refused} ({_shown(fixed + changed)}): give another --study")
    if changed and not allow:
        hint = "add --allow-space-change to go on with this, or " if wanted.kind == "search" else ""
        raise UserError(f"{refused} ({_shown(changed)}): {hint}give another --study")
    return changed


def _shown(lines: list[str]) -> str:
    more = f"; and {len(lines) - SHOWN} more" if len(lines) > SHOWN else ""
    return "; ".join(lines[:SHOWN]) + more


def _goals(known: StudyRow, wanted: StudyRow) -> Iterator[str]:
    for name in ("objectives", "constraints"):
        old, new = known.goal[name], wanted.goal[name]
        if old != new:
            yield f"{name}: {', '.join(old) or 'none'} → {', '.join(new) or 'none'}"


def _spaces(known: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[str]:
    old, new = known.get("parameters", {}), wanted.get("parameters", {})
    for name in [name for name in old if name in new]:
        before, after = _row(old[name]), _row(new[name])
        if before != after:
            yield f"{name}: {before} → {after}"
    yield from (f"added {name} ({_row(new[name])})" for name in new if name not in old)
    yield from (f"removed {name}" for name in old if name not in new)
    before, after = known.get("fixed", {}), wanted.get("fixed", {})
    for name in sorted({**before, **after}):
        if before.get(name) != after.get(name):
            yield f"fixed {name}: {_value(before.get(name))} → {_value(after.get(name))}"


def _row(row: Mapping[str, Any]) -> str:
    """A parameter in a few words, such as "log 1..100"."""
    if "choices" in row and row["kind"] != "bool":
        what = f"{row['kind']} {{{', '.join(map(_value, row['choices']))}}}"
    elif row["kind"] == "bool":
        what = f"bool prior {_value(row.get('prior'))}"
    else:
        what = f"{row['kind']} {_value(row['low'])}..{_value(row['high'])}"
    return what + (f" when {' and '.join(row['when'])}" if row["when"] else "")


def _bases(known: StudyRow, wanted: StudyRow) -> Iterator[str]:
    # A study from before a setting existed ran with its default.
    old, new = (from_dict(row.config).flat() for row in (known, wanted))
    said = {*known.space.get("fixed", {}), *wanted.space.get("fixed", {})}
    for name in new:
        if old[name] != new[name] and name not in said:
            yield f"base {name}: {_value(old[name])} → {_value(new[name])}"


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if value is None:
        return "not"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _entries(name: str, old: Any, new: Any) -> list[str]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return [
            line
            for key in sorted(set(old) | set(new))
            for line in _entries(f"{name}.{key}", old.get(key), new.get(key))
        ]
    return [] if old == new else [f"{name} {old!r} there, {new!r} here"]


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, (list, tuple)) else value
