"""Moving clips: the real ones and each arm's, from the samples that runs leave in the study's folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from analysis.report.embed import BUDGET, broken, data_uri, first_frame, moving
from analysis.report.formatting import listed, quoted
from analysis.report.page import Picture, Section
from analysis.tables.study_scores import StudyScores

REAL = "real"
ROW = "row.gif"  # of test clips, the others are of validation clips
MOST_CLASSES = 6  # that a row shows
LEAD = (
    "The same clips for every arm, made by its first complete seed that has samples: none was chosen by its looks. "
    "Accuracy is measured over all test clips; these are a few examples."
)


def clips_section(scores: StudyScores, folder: Path) -> Section:
    """A row of clips for the real ones, and one for each arm that has samples, as long as the page stays small."""
    shown: list[Picture] = []
    absent: list[str] = []
    cut: list[str] = []
    spent = 0
    for title, key, whose in _wanted(scores, folder):
        path = None if key is None else moving(folder / "samples" / key)
        if path is None:
            absent.append(quoted(title))
            continue
        size = path.stat().st_size
        if spent + size > BUDGET:
            cut.append(quoted(title))
            continue
        spent += size
        still, (width, height) = first_frame(path)
        of = "test clips" if path.name == ROW else "validation clips, the real ones beside them"
        alt = f"Moving clips: {title}, {of}"
        shown.append(Picture(title, data_uri(path), alt, f"{whose}{of}", still, width, height))
    notes = [f"From left to right: {_classes(scores)}."] if any("test" in picture.caption for picture in shown) else []
    if absent:
        notes.append(f"No moving clips in the study's folder of: {listed(absent)}.")
    if cut:
        notes.append(f"Left out to keep this page small: {listed(cut)}; they are in the study's folder under samples/.")
    notes += _unreadable(scores, folder)
    return Section("clips", "Moving clips", lead=(LEAD,) if shown else (), clips=tuple(shown), notes=tuple(notes))


def _wanted(scores: StudyScores, folder: Path) -> Iterator[tuple[str, str | None, str]]:
    """Title, key of the samples, and whose they are in words."""
    yield "Real clips", REAL, ""
    for arm in scores.arms:
        run = next((run for run in arm.complete if moving(folder / "samples" / run.key)), None)
        yield arm.title, None if run is None else run.key, "" if run is None else f"{run.key}, "


def _unreadable(scores: StudyScores, folder: Path) -> Iterator[str]:
    keys = [REAL, *(run.key for arm in scores.arms for run in arm.complete)]
    found = [f"{key}/{name}" for key in keys for name in broken(folder / "samples" / key)]
    if found:
        yield (
            f"Not readable, and so as if they were not there: {listed(found)} under samples/; the study's command "
            "makes moving clips again from the generators that it kept."
        )


def _classes(scores: StudyScores) -> str:
    sheet = next((sheet for arm in scores.arms for sheet in arm.sheets.values()), None)
    labels = range(len(scores.class_names)) if sheet is None else sorted(set(sheet.label))
    return listed([quoted(scores.class_names[label]) for label in list(labels)[:MOST_CLASSES]])
