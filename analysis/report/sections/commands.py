"""Section of the commands that reproduce the study, derived from its row in the record."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import PurePath

from analysis.record.connection.address import sqlite_path, without_password
from analysis.record.reading import RecordReader
from analysis.record.rows import StudyRow
from analysis.record.states import DONE, OURS
from analysis.report.page import Section
from analysis.tables.layout.caption import versions_last
from analysis.tables.layout.cells import plural

WEIGHTS = {"lpips": "LPIPS", "fvd": "FVD"}  # options that name a file of weights


def commands_section(records: RecordReader, row: StudyRow) -> Section:
    """Returns the commands to run the study, and to regenerate its tables and this page from the record."""
    record_option = _record_option(records)
    run_command = " ".join(["python", _program(row), *map(shlex.quote, [*_data(row), *_options(row), *record_option])])
    lines = [
        run_command,
        *(
            f"python -m analysis {what} --study {shlex.quote(row.name)}{_tail(record_option)}"
            for what in ("tables", "report")
        ),
    ]
    git = versions_last(row).get("git", "")
    if git:
        lines.insert(0, f"git checkout {shlex.quote(git.removesuffix('+'))}")
    return Section(
        "again",
        "Reproducing the study",
        lead=(
            "The run command starts the study, or resumes it and keeps the finished trials. Tables and report are "
            "generated from the record alone.",
        ),
        commands=tuple(lines),
        notes=(*_notes(row), *_steering(records, row)),
    )


def _program(row: StudyRow) -> str:
    return "ablations/run_all.py" if row.settings.get("arms") else "tuning/run_search.py"


def _data(row: StudyRow) -> Iterator[str]:
    data = row.dataset
    made = data.get("origin") == "procedural"
    yield from ("--dataset", str(data["name"])) if made else ("--data", "FILE.h5")
    yield from ("--preset", row.preset)
    if "split" in data:
        rule = str(data["split"]["rule"])
        # "source" is not a choice: "subject" falls back to it if subjects are unknown.
        yield from ("--split-rule", "subject" if rule == "source" else rule)
    folds = data.get("split", {}).get("folds") or row.settings.get("confirm_folds")
    if folds:
        yield from ("--folds", str(folds))


def _options(row: StudyRow) -> Iterator[str]:
    settings = row.settings
    arms = [str(arm["arm"]) for arm in settings.get("arms", ())]
    if arms:
        yield from ("--table", row.kind.removeprefix("table"))
        named = [str(arm.get("method", arm["arm"])) for arm in settings["arms"] if arm["arm"] != OURS]
        yield from ("--arms", ",".join(named) or OURS)
        if settings.get("tune"):
            yield from ("--tune", str(settings["tune"]))
        yield from ("--seeds", str(settings["seeds"]))
        if settings.get("from_study"):
            yield from ("--from-study", str(settings["from_study"]))
        for option in WEIGHTS:
            if settings.get(option):
                yield from (f"--{option}", _name(settings[option]))
        if settings.get("extractor"):
            name, colon, path = str(settings["extractor"]).partition(":")
            yield from ("--extractor", f"{name}{colon}{_name(path)}")
    else:
        for option in ("trials", "finalists", "confirm_seeds", "sampler", "pruner"):
            if option in settings:
                yield from (f"--{option.replace('_', '-')}", str(settings[option]))
        yield from ("--objectives", ",".join(row.goal["objectives"]))
        for constraint in row.goal["constraints"]:
            yield from ("--constraint", str(constraint))
        for source in settings.get("warm_start") or ():
            yield from ("--warm-start", _name(source))
    yield from ("--seed", str(row.seed), "--study", row.name)
    for option in ("workers", "cpus_per_trial", "gpus_per_trial"):
        if settings.get(option):
            yield from (f"--{option.replace('_', '-')}", f"{settings[option]:g}")


def _name(path: object) -> str:
    """The file name of an absolute path; other values are returned unchanged."""
    return PurePath(str(path)).name if PurePath(str(path)).is_absolute() else str(path)


def _record_option(records: RecordReader) -> list[str]:
    """The option --record for a database server; the study's own SQLite file is found without it."""
    return [] if sqlite_path(records.address) is not None else ["--record", without_password(records.address)]


def _tail(words: list[str]) -> str:
    return "".join(f" {shlex.quote(word)}" for word in words)


def _notes(row: StudyRow) -> Iterator[str]:
    data = row.dataset
    if data.get("origin") == "procedural":
        yield "Without --data the procedural stand-in is generated on first use; its fingerprint must be the one above."
    else:
        yield f"FILE.h5 is the clip file with fingerprint {data['fingerprint']}."
    for option, what in WEIGHTS.items():
        if row.settings.get(option):
            digest = row.settings.get("digests", {}).get(option)
            file = f"{_name(row.settings[option])} holds the weights of {what}"
            yield f"{file} (SHA-256 {digest})." if digest else f"{file}; its digest is not recorded."
    first, last = row.versions.get("git", ""), versions_last(row).get("git", "")
    if first != last:
        yield (
            f"The study was started at revision {first.removesuffix('+') or 'unknown'} and last scored and reported at "
            f"{last.removesuffix('+') or 'unknown'}, which the first command checks out."
        )
    if last.endswith("+"):
        yield (
            "The source had uncommitted changes when the study was "
            f"{'started' if first == last else 'last scored and reported'}."
        )
    if row.space:
        yield "A custom search space is passed with --space; the space of this study is listed with its settings."


def _steering(records: RecordReader, row: StudyRow) -> Iterator[str]:
    """Notes on what persons changed while the study ran; without host names, which the report does not reveal."""
    if row.settings.get("tried"):
        yield f"{plural(len(row.settings['tried']), 'point')} given with --try; the settings list them under tried."
    for command in records.commands(row.name):
        if command.outcome == DONE:
            when = datetime.fromtimestamp(command.created, UTC).strftime("%Y-%m-%d %H:%M UTC")
            who = command.author.partition("@")[0]
            yield f"While the study ran, {who} gave the command {command.text} ({when}): {command.message}."
