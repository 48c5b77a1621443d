"""The report page of Table 3 with several data sets; the page of each data set is in the folder of its study."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from analysis.record.reading import RecordReader
from analysis.report.html_tables import html_table
from analysis.report.methods_summary import summarize_methods
from analysis.report.page import Page, Section
from analysis.report.sections.animated_clips import clips_section
from analysis.report.sections.commands import commands_section
from analysis.report.sections.limitations import PROCEDURAL
from analysis.report.sections.provenance import provenance_section
from analysis.report.write import write_page
from analysis.scores.load_study import load_study
from analysis.scores.study_scores import StudyScores
from analysis.tables.layout.cells import plural
from analysis.tables.table3 import methods_content, methods_text

Member = tuple[RecordReader, str]
"""A record, and the name of the study in it."""


def write_joint_report(members: Sequence[Member], runs: Path, out: Path, name: str) -> Path:
    """Writes `out`/report.html.

    Args:
        members: the studies, one for each data set.
        runs: folder of the studies, for samples of their clips.
        name: of the table's study.

    Returns:
        Path of the report.

    Raises:
        UserError: the studies cannot be in one table, or `out` cannot be written.
    """
    return write_page(joint_page(members, runs, name), out)


def joint_page(members: Sequence[Member], runs: Path, name: str) -> Page:
    """Returns the page; see `write_joint_report`."""
    scores = [load_study(records, study) for records, study in members]
    content = methods_content(scores, name)
    rows = html_table(methods_text(content), words=frozenset({0, 1}))
    return Page(
        title=f"{name}: methods compared",
        facts=(
            ("data", "; ".join(f"{s.row.dataset['name']}, origin={s.row.dataset['origin']}" for s in scores)),
            ("preset", content["caption"]["preset"]),
            ("seeds", str(content["caption"]["seeds"])),
            ("runs complete", f"{content['caption']['runs']} of {content['caption']['runs_planned']}"),
        ),
        banners=tuple(_banners(scores)),
        summary=summarize_methods(content),
        sections=(
            Section("table", "Table 3", grids=(rows,), notes=_elsewhere(scores)),
            *(_named(clips_section(one, runs / one.row.name), one) for one in scores),
            *(_named(provenance_section(one.row), one) for one in scores),
            *(
                _named(commands_section(records, one.row), one)
                for (records, _), one in zip(members, scores, strict=True)
            ),
        ),
    )


def _named(section: Section, scores: StudyScores) -> Section:
    name = scores.row.dataset["name"]
    return replace(section, anchor=f"{section.anchor}-{scores.row.name}", title=f"{section.title}: {name}")


def _elsewhere(scores: Iterable[StudyScores]) -> tuple[str, ...]:
    return tuple(
        f"Figures, other measures and limitations for {one.row.dataset['name']}: {one.row.name}/report.html."
        for one in scores
    )


def _banners(scores: Sequence[StudyScores]) -> Iterator[str]:
    for one in scores:
        if one.finished < one.planned:
            yield f"NOT FINISHED: {one.finished} of {plural(one.planned, 'run')} of {one.row.name} are complete."
        if one.failed:
            yield f"{plural(len(one.failed), 'run')} of {one.row.name} FAILED."
    if any(one.row.dataset["origin"] == "procedural" for one in scores):
        yield PROCEDURAL
