"""Section on the data, source revision, versions and settings of a study."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any

from analysis.record.rows import StudyRow
from analysis.report.formatting import NONE, listed, without_folders
from analysis.report.page import HtmlTable, Section
from analysis.scores.study_scores import TABLE_3, ours_word
from analysis.tables.layout.caption import versions_last
from analysis.tables.layout.cells import plural


def provenance_section(row: StudyRow) -> Section:
    """Returns data set and fingerprint, versions, configuration and settings."""
    grids = tuple(_versions(row))
    folded = list(_configurations(row))
    if row.space:
        folded.append(("Search space", json.dumps(row.space, indent=1, sort_keys=True)))
    folded.append(("Settings of the study", json.dumps(_public(row.settings), indent=1, sort_keys=True)))
    return Section(
        "provenance", "Data, versions and settings", grids=grids, terms=tuple(_terms(row)), folded=tuple(folded)
    )


def _configurations(row: StudyRow) -> Iterator[tuple[str, str]]:
    """The configuration on record; in a comparison of methods, also what each method changes of it."""
    if row.kind != TABLE_3:
        yield f"Complete configuration of {ours_word(row)}, or the initial configuration of a search", _flat(row.config)
        return
    yield "Base configuration: AMC-GAN with the settings of its preset, not tuned", _flat(row.config)
    for arm in row.settings["arms"]:
        if arm.get("changes"):
            yield f"Settings of {arm['title']} that differ from the base configuration", _flat(arm["changes"])


def _versions(row: StudyRow) -> Iterator[HtmlTable]:
    """One column if all commands used the same versions, otherwise those of the first and of the last command."""
    first, last = row.versions, versions_last(row)
    names = sorted({*first, *last} - {"git"})
    if not names:
        return
    if all(first.get(name) == last.get(name) for name in names):
        rows = tuple((name, first[name]) for name in names)
        yield HtmlTable(("package", "version"), rows, "Package versions.", frozenset({0, 1}))
        return
    head = ("package", "started with", "last scored and reported with")
    both = tuple((name, first.get(name, NONE), last.get(name, NONE)) for name in names)
    yield HtmlTable(head, both, "Package versions.", frozenset({0, 1, 2}))


def _terms(row: StudyRow) -> Iterator[tuple[str, str]]:
    data = row.dataset
    yield "Data set", f"{data['name']}, origin={data['origin']}, {plural(data['clips'], 'clip')}"
    yield "Fingerprint of the clips", str(data["fingerprint"])
    if data.get("reduction"):
        yield "Reduced on loading", str(data["reduction"])
    split = data.get("split")
    if split:
        parts = ", ".join(f"{split[name]} {name}" for name in ("train", "validation", "test"))
        left = f", {split['left_out']} unused" if split.get("left_out") else ""
        fold = f", fold 0 of {split['folds']}" if split.get("folds") else ""
        yield "Split", f"by {split['rule']}, seed {split['seed']}{fold}: {parts}{left}"
    if data.get("classifier"):
        yield "Motion classifier", str(data["classifier"])
    yield "Preset", row.preset
    yield "Seed of the study", str(row.seed)
    if row.settings.get("from_study"):
        began = row.settings.get("from_trial") or "the best trial"
        restored = row.settings.get("restored")
        put_back = f", with {listed(restored)} reset to the values of {ours_word(row)}" if restored else ""
        yield "Base configuration", f"{began} of the search {row.settings['from_study']}{put_back}"
    yield "Started", datetime.fromtimestamp(row.created, UTC).strftime("%Y-%m-%d %H:%M UTC")
    first, last = row.versions.get("git", ""), versions_last(row).get("git", "")
    if first == last:
        yield "Source revision", _revision(first)
    else:
        yield "Source revision at the start", _revision(first)
        yield "Source revision that last scored and reported it", _revision(last)


def _revision(git: str) -> str:
    if not git:
        return "unknown"
    return f"{git.removesuffix('+')}{', with uncommitted changes' if git.endswith('+') else ''}"


def _public(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings without the host name and folders, which the report does not reveal."""
    machine = {name: value for name, value in settings.get("machine", {}).items() if name != "host"}
    shown: dict[str, Any] = _portable({**settings, "machine": machine} if machine else dict(settings))
    return shown


def _portable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _portable(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_portable(inner) for inner in value]
    if not isinstance(value, str):
        return value
    return PurePath(value).name if PurePath(value).is_absolute() else without_folders(value)


def _flat(config: Mapping[str, Any], prefix: str = "") -> str:
    lines = []
    for name, value in config.items():
        if isinstance(value, Mapping):
            lines.append(_flat(value, f"{prefix}{name}."))
        else:
            lines.append(f"{prefix}{name} = {json.dumps(value)}")
    return "\n".join(line for line in lines if line)
