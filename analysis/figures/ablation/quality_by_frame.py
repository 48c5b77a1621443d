"""PSNR and SSIM by frame: each arm next to Ours."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.figures.ablation.arm_panels import Band, band, panels
from analysis.figures.captions import excluded_runs, study_facts
from analysis.figures.drawing import Drawing
from analysis.record.states import OURS
from analysis.scores.study_scores import ArmScores, StudyScores, entry_word, ours_word
from analysis.tables.layout.cells import plural


@dataclass(frozen=True)
class FrameMeasure:
    """A measure that score sheets hold by frame."""

    key: str
    title: str
    axis: str


PSNR = FrameMeasure("psnr", "PSNR", "PSNR, dB")
SSIM = FrameMeasure("ssim", "SSIM", "SSIM")


def quality_by_frame(scores: StudyScores, measure: FrameMeasure) -> Drawing | None:
    """One panel per arm; None if no score sheet has the measure."""
    bands = {arm.slug: found for arm in scores.arms if (found := _band(arm, measure.key)) is not None}
    if not bands:
        return None
    ours = bands.pop(OURS, None)
    shown = [arm for arm in scores.arms if arm.slug in bands or (arm.slug == OURS and ours is not None)]
    figure = panels(ours, list(bands.values()), x="frame of the clip", y=measure.axis, row=scores.row)
    ends = [*([ours] if ours else []), *bands.values()]
    return Drawing(
        f"{measure.key}_by_frame",
        f"{measure.title} by frame",
        f"{measure.title} of generated frames against the real clip's frames, generated with the real clip's "
        "velocities: mean over test clips and seeds; the band spans the lowest to the highest seed. Frames that "
        "are given are left out. " + study_facts(scores, shown) + excluded_runs(scores),
        f"Line charts of {measure.title} by frame, one panel per {entry_word(scores.row)} next to "
        f"{ours_word(scores.row)}. First to last frame: "
        + ", ".join(f"{_title(one)} {one.values[:, 0].mean():.3g} to {one.values[:, -1].mean():.3g}" for one in ends)
        + ".",
        figure,
    )


def _band(arm: ArmScores, key: str) -> Band | None:
    found = [sheet.frames[key] for sheet in arm.sheets.values() if sheet.frames.get(key)]
    given = arm.frames_seen or 1
    curves = [{float(place): value for place, value in enumerate(values, start=2) if place > given} for values in found]
    return band(f"{arm.title} ({plural(len(curves), 'seed')})", curves)


def _title(one: Band) -> str:
    return one.title.rsplit(" (", 1)[0]
