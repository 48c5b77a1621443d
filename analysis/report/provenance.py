"""Where a study's numbers come from: data, revision, versions, settings."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from analysis.records import StudyRow
from analysis.report.page import Grid, Section
from analysis.report.wording import counted


def provenance_section(row: StudyRow) -> Section:
    """Data set and fingerprint, versions, and everything that was set."""
    versions = tuple((name, version) for name, version in sorted(row.versions.items()) if name != "git")
    grids = (
        (Grid(("package", "version"), versions, "Versions that the study began with.", frozenset({0, 1})),)
        if versions
        else ()
    )
    folded = [("Complete configuration of Ours, or of a search's beginning", _flat(row.config))]
    if row.space:
        folded.append(("Search space", json.dumps(row.space, indent=1, sort_keys=True)))
    folded.append(("Settings of the study", json.dumps(_public(row.settings), indent=1, sort_keys=True)))
    return Section(
        "provenance", "Data, versions and settings", grids=grids, terms=tuple(_terms(row)), folded=tuple(folded)
    )


def _terms(row: StudyRow) -> Iterator[tuple[str, str]]:
    data = row.dataset
    yield "Data set", f"{data['name']}, origin={data['origin']}, {counted(data['clips'], 'clip')}"
    yield "Fingerprint of the clips", str(data["fingerprint"])
    if data.get("reduction"):
        yield "Reduced on loading", str(data["reduction"])
    split = data.get("split")
    if split:
        parts = ", ".join(f"{split[name]} {name}" for name in ("train", "validation", "test"))
        left = f", {split['left_out']} left out" if split.get("left_out") else ""
        yield "Split", f"by {split['rule']}, seed {split['seed']}: {parts}{left}"
    if data.get("classifier"):
        yield "Motion classifier", str(data["classifier"])
    yield "Preset", row.preset
    yield "Seed of the study", str(row.seed)
    if row.settings.get("from_study"):
        yield "Base configuration", f"best trial of the search {row.settings['from_study']}"
    yield "Begun", datetime.fromtimestamp(row.created, UTC).strftime("%Y-%m-%d %H:%M UTC")
    git = row.versions.get("git")
    yield (
        "Source revision",
        f"{git.removesuffix('+')}{', with changes not committed' if git.endswith('+') else ''}" if git else "unknown",
    )


def _public(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings without the name of the machine, which is nobody's business."""
    machine = {name: value for name, value in settings.get("machine", {}).items() if name != "host"}
    return {**settings, "machine": machine} if machine else dict(settings)


def _flat(config: Mapping[str, Any], prefix: str = "") -> str:
    lines = []
    for name, value in config.items():
        if isinstance(value, Mapping):
            lines.append(_flat(value, f"{prefix}{name}."))
        else:
            lines.append(f"{prefix}{name} = {json.dumps(value)}")
    return "\n".join(line for line in lines if line)
