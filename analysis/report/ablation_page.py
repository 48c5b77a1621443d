"""The report of a study of arms by seeds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from analysis.figures.ablation.figure3 import unreadable_pictures
from analysis.figures.draw_all import draw_all
from analysis.figures.drawing import SavedFigure
from analysis.record.reading import RecordReader
from analysis.report.ablation_summary import summarized
from analysis.report.embed import shown
from analysis.report.formatting import counted, listed
from analysis.report.html_tables import grid, parts
from analysis.report.page import Page, Picture, Section
from analysis.report.sections.commands import commands_section
from analysis.report.sections.cost import cost_section
from analysis.report.sections.definitions import definitions_section
from analysis.report.sections.limitations import PROCEDURAL, limits_section
from analysis.report.sections.moving_clips import clips_section
from analysis.report.sections.provenance import provenance_section
from analysis.tables.ablation import ablation_content, ablation_text
from analysis.tables.judges import judges_table
from analysis.tables.load_study import load_study
from analysis.tables.metrics import metrics_table
from analysis.tables.recall import recall_table
from analysis.tables.study_scores import StudyScores

STRIPS = "figure3"
METRICS = 4  # columns of a table of measures, which have their intervals in the cells


def ablation_page(records: RecordReader, study: str, folder: Path, out: Path) -> Page:
    """The page's content; figures are drawn into `out`."""
    scores = load_study(records, study)
    row, trials = scores.row, records.trials(study)
    content = ablation_content(scores)
    figures = draw_all(scores, records, folder / "samples", out / "figures")
    number = row.kind.removeprefix("table")
    sections = [
        Section("table", f"Table {number}", grids=(grid(ablation_text(content)),)),
        *_figures(figures, unreadable_pictures(scores, folder / "samples")),
        clips_section(scores, folder),
        *_metrics(scores),
        definitions_section(row, _measured(scores), clipwise=scores.clipwise),
        limits_section(row, seeds=int(row.settings["seeds"]), subjects=_subjects(scores)),
        cost_section(row, trials),
        provenance_section(row),
        commands_section(records, row),
    ]
    return Page(
        title=f"{row.name}: which parts of AMC-GAN matter",
        facts=tuple(_facts(scores)),
        banners=tuple(_banners(scores)),
        summary=summarized(content, _without_motion(scores)),
        sections=tuple(sections),
    )


def _banners(scores: StudyScores) -> Iterable[str]:
    if scores.finished < scores.planned:
        yield (
            f"NOT FINISHED: {scores.finished} of {counted(scores.planned, 'run')} are complete. Everything below is of "
            "these and may change."
        )
    if scores.failed:
        yield f"{counted(len(scores.failed), 'run')} FAILED: see what it cost."
    if scores.unscored:
        yield (
            f"{scores.unscored} of {counted(scores.finished, 'complete run')} not scored in the same way as the "
            "others, and left out: run the study's command again, it scores without training."
        )
    if scores.row.dataset["origin"] == "procedural":
        yield PROCEDURAL


def _facts(scores: StudyScores) -> Iterable[tuple[str, str]]:
    row = scores.row
    yield "data", f"{row.dataset['name']}, origin={row.dataset['origin']}"
    yield "preset", row.preset
    yield "arms", str(len(scores.arms))
    yield "seeds", str(row.settings["seeds"])
    yield "runs complete", f"{scores.finished} of {scores.planned}"
    yield "test clips", str(row.dataset["split"]["test"])


def _figures(figures: Sequence[SavedFigure], unread: Sequence[str]) -> Iterable[Section]:
    """The figures, and apart from them the strips under matched and mismatched conditions."""
    drawn = [figure for figure in figures if not figure.name.startswith(STRIPS)]
    strips = [figure for figure in figures if figure.name.startswith(STRIPS)]
    note = () if drawn else ("There is nothing to draw yet.",)
    yield Section("figures", "Figures", pictures=pictures(drawn), notes=note)
    missing = [] if strips else ["The study's folder has no strips of Ours, No Da or No Dm."]
    if unread:
        missing.append(f"Not readable, and so as if they were not there: {listed(unread)} under samples/.")
    yield Section("strips", "Matched and mismatched conditions", pictures=pictures(strips), notes=tuple(missing))


def pictures(figures: Iterable[SavedFigure]) -> tuple[Picture, ...]:
    """Figures as the page holds them."""
    return tuple(
        shown(figure.title, figure.caption, figure.alt, figure.path_svg, figure.path_png) for figure in figures
    )


def _metrics(scores: StudyScores) -> Iterable[Section]:
    if not any(arm.sheets for arm in scores.arms):
        yield Section(
            "metrics", "Other measures", notes=("This record has no scores clip by clip, so there are none.",)
        )
        return
    yield Section("metrics", "Other measures", grids=parts(metrics_table(scores).text, METRICS))
    yield Section("recall", "Recall by class", grids=(grid(recall_table(scores).text),))
    yield Section("judges", "A second classifier", grids=(grid(judges_table(scores).text),))


def _measured(scores: StudyScores) -> set[str]:
    found: set[str] = set()
    for sheet in (sheet for arm in scores.arms for sheet in arm.sheets.values()):
        found |= {*sheet.clips, *sheet.frames, *sheet.numbers}
        found |= {"predicted_second"} if sheet.predicted_second else set()
    return found


def _subjects(scores: StudyScores) -> tuple[int, ...]:
    return next((sheet.subject for arm in scores.arms for sheet in arm.sheets.values()), ())


def _without_motion(scores: StudyScores) -> set[str]:
    """Arms whose generator gets no motion condition."""
    return {arm.slug for arm in scores.arms if arm.changes.get("switches.ym") is False}
