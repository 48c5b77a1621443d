"""Likeness to the true frames as a clip goes on: PSNR and SSIM by frame, each arm against Ours."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.figures.ablation.arm_panels import Band, band, panels
from analysis.figures.captions import study_facts, without_sheets
from analysis.figures.drawing import Drawing
from analysis.tables.cells import plural
from analysis.tables.study_scores import OURS, ArmScores, StudyScores


@dataclass(frozen=True)
class Likeness:
    """A measure that sheets have by frame."""

    key: str
    title: str
    axis: str


PSNR = Likeness("psnr", "PSNR", "PSNR, dB")
SSIM = Likeness("ssim", "SSIM", "SSIM")


def frames(scores: StudyScores, likeness: Likeness) -> Drawing | None:
    """A panel an arm; None where no sheet has the measure."""
    bands = {arm.slug: found for arm in scores.arms if (found := _band(arm, likeness.key)) is not None}
    if not bands:
        return None
    ours = bands.pop(OURS, None)
    shown = [arm for arm in scores.arms if arm.slug in bands or (arm.slug == OURS and ours is not None)]
    figure = panels(ours, list(bands.values()), x="frame of the clip", y=likeness.axis)
    ends = [*([ours] if ours else []), *bands.values()]
    return Drawing(
        f"{likeness.key}_by_frame",
        f"{likeness.title} by frame",
        f"{likeness.title} of generated frames against the real clip's, with the real clip's own velocities: mean over "
        "test clips and seeds, the band from the lowest to the highest seed. The first frame is given. "
        + study_facts(scores, shown)
        + without_sheets(scores),
        f"Line charts of {likeness.title} by frame, an arm a panel against Ours. From first to last frame: "
        + ", ".join(f"{_title(one)} {one.values[:, 0].mean():.3g} to {one.values[:, -1].mean():.3g}" for one in ends)
        + ".",
        figure,
    )


def _band(arm: ArmScores, key: str) -> Band | None:
    found = [sheet.frames[key] for sheet in arm.sheets.values() if sheet.frames.get(key)]
    curves = [{float(place): value for place, value in enumerate(values, start=2)} for values in found]
    return band(f"{arm.title} ({plural(len(curves), 'seed')})", curves)


def _title(one: Band) -> str:
    return one.title.rsplit(" (", 1)[0]
