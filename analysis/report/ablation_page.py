"""The report page of an ablation study, or of a comparison of methods on one data set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from analysis.figures.ablation.figure3 import unreadable_pictures
from analysis.figures.draw_all import draw_all
from analysis.figures.drawing import SavedFigure
from analysis.record.reading import RecordReader
from analysis.report.ablation_summary import summarize_ablation
from analysis.report.embed import embedded_figure
from analysis.report.formatting import listed
from analysis.report.html_tables import html_table, split_table
from analysis.report.methods_summary import summarize_methods
from analysis.report.page import Page, Picture, Section
from analysis.report.sections.animated_clips import clips_section
from analysis.report.sections.commands import commands_section
from analysis.report.sections.cost import cost_section
from analysis.report.sections.definitions import definitions_section
from analysis.report.sections.limitations import PROCEDURAL, limits_section
from analysis.report.sections.provenance import provenance_section
from analysis.scores.load_study import load_study
from analysis.scores.study_scores import TABLE_3, StudyScores, entry_word
from analysis.tables.judges import judges_table
from analysis.tables.keypoints import has_keypoints, keypoints_table
from analysis.tables.layout.cells import plural
from analysis.tables.metrics import metrics_table
from analysis.tables.recall import recall_table
from analysis.tables.subjects import subjects_table
from analysis.tables.table3 import methods_content, methods_text
from analysis.tables.table4 import ablation_content, ablation_text

STRIPS = "figure3"
METRICS = 4  # measures per table: their cells are wide, as they include intervals


def ablation_page(records: RecordReader, study: str, folder: Path, out: Path) -> Page:
    """Returns the page; figures are saved in `out`/figures."""
    scores = load_study(records, study)
    row, trials = scores.row, records.trials(study)
    if row.kind == TABLE_3:
        content = methods_content([scores])
        table, title = html_table(methods_text(content), words=frozenset({0, 1})), "methods compared"
        summary = summarize_methods(content)
    else:
        content = ablation_content(scores)
        table, title = html_table(ablation_text(content)), "ablation of AMC-GAN"
        summary = summarize_ablation(content, _without_motion(scores))
    figures = draw_all(scores, records, folder / "samples", out / "figures")
    number = row.kind.removeprefix("table")
    sections = [
        Section("table", f"Table {number}", grids=(table,)),
        *_figures(figures, unreadable_pictures(scores, folder / "samples"), entry_word(row)),
        clips_section(scores, folder),
        *_metrics(scores),
        definitions_section(row, _measured(scores), clipwise=scores.clipwise, folds=scores.folds is not None),
        limits_section(row, arms=content["rows"], subjects=scores.subjects, folds=scores.folds is not None),
        cost_section(row, trials),
        provenance_section(row),
        commands_section(records, row),
    ]
    return Page(
        title=f"{row.name}: {title}",
        facts=tuple(_facts(scores)),
        banners=tuple(_banners(scores)),
        summary=summary,
        sections=tuple(sections),
    )


def _banners(scores: StudyScores) -> Iterable[str]:
    if scores.finished < scores.planned:
        yield (
            f"NOT FINISHED: {scores.finished} of {plural(scores.planned, 'run')} are complete. All results below are "
            "preliminary."
        )
    if scores.failed:
        yield f"{plural(len(scores.failed), 'run')} FAILED: see the section on cost."
    if scores.unscored:
        yield (
            f"{scores.unscored} of {plural(scores.finished, 'complete run')} excluded: not scored in the same way as "
            "the others. Rerun the study's command to score them; it does not train again."
        )
    if scores.row.dataset["origin"] == "procedural":
        yield PROCEDURAL


def _facts(scores: StudyScores) -> Iterable[tuple[str, str]]:
    row = scores.row
    yield "data", f"{row.dataset['name']}, origin={row.dataset['origin']}"
    yield "preset", row.preset
    yield f"{entry_word(row)}s", str(len(scores.arms))
    yield "seeds", str(row.settings["seeds"])
    yield "runs complete", f"{scores.finished} of {scores.planned}"
    yield "test clips", str(scores.clips)
    if scores.subjects:
        yield "test subjects", str(len(scores.subjects))


def _figures(figures: Sequence[SavedFigure], unread: Sequence[str], entry: str) -> Iterable[Section]:
    """The section of figures, and a section of its own for Figure 3; `entry` is an arm or a method."""
    drawn = [figure for figure in figures if not figure.name.startswith(STRIPS)]
    strips = [figure for figure in figures if figure.name.startswith(STRIPS)]
    note = () if drawn else ("There are no figures yet.",)
    yield Section("figures", "Figures", pictures=pictures(drawn), notes=note)
    missing = [] if strips else [f"The study's folder has no samples of the {entry}s that the figure shows."]
    if unread:
        missing.append(f"Skipped because they cannot be read: {listed(unread)} in samples/.")
    yield Section("strips", "Matched and mismatched conditions", pictures=pictures(strips), notes=tuple(missing))


def pictures(figures: Iterable[SavedFigure]) -> tuple[Picture, ...]:
    """Returns the figures as pictures of the page."""
    return tuple(
        embedded_figure(figure.title, figure.caption, figure.alt, figure.path_svg, figure.path_png)
        for figure in figures
    )


def _metrics(scores: StudyScores) -> Iterable[Section]:
    if not any(arm.sheets for arm in scores.arms):
        yield Section("metrics", "Other measures", notes=("There are none: the record has no per-clip scores.",))
        return
    yield Section("metrics", "Other measures", grids=split_table(metrics_table(scores).text, METRICS))
    if has_keypoints(scores):
        yield Section("keypoints", "Accuracy by keypoints alone", grids=(html_table(keypoints_table(scores).text),))
    if scores.subjects:
        yield Section("subjects", "Accuracy by subject", grids=(html_table(subjects_table(scores).text),))
    yield Section("recall", "Recall by class", grids=(html_table(recall_table(scores).text),))
    yield Section("judges", "A second classifier", grids=(html_table(judges_table(scores).text),))


def _measured(scores: StudyScores) -> set[str]:
    found: set[str] = set()
    for sheet in (sheet for arm in scores.arms for sheet in arm.sheets.values()):
        found |= {*sheet.clips, *sheet.frames, *sheet.numbers}
        found |= {"predicted_second"} if sheet.predicted_second else set()
    return found


def _without_motion(scores: StudyScores) -> set[str]:
    """Slugs of the arms whose generator gets no motion condition."""
    return {arm.slug for arm in scores.arms if arm.changes.get("switches.ym") is False}
