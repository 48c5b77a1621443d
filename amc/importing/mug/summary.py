"""What an import of MUG came to, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from amc.data.clipfile import ClipInfo, read_info
from amc.data.datasets.action_units import unmeasured
from amc.data.datasets.mug import EMOTIONS, KEYPOINT_NAMES
from amc.importing.mug.clip_variants import Draw, span
from amc.importing.mug.peaks import ACTION_UNITS, LANDMARK_DISPLACEMENT
from amc.importing.mug.planning import Plan, Settings
from amc.importing.problems import Problems
from amc.importing.tally import Tally


@dataclass(frozen=True)
class Planned:
    """A take that can be used, its number in the clip file, and what is drawn from it."""

    plan: Plan
    source: int
    draws: tuple[Draw, ...]


@dataclass
class Counts:
    """What became of the takes, for the summary."""

    tally: Tally = field(default_factory=Tally)
    empty: int = 0  # clips left out for want of a valid keypoint
    peaks: Counter[str] = field(default_factory=Counter)  # by source


def summary(
    out: Path, info: ClipInfo, settings: Settings, planned: Sequence[Planned], counts: Counts, problems: Problems
) -> str:
    """The lines for standard output, about a file that was written."""
    arguments, tally = info.generator["arguments"], counts.tally
    people = {each.plan.take.subject for each in planned}
    lines = [
        f"{out}: {info.name}, origin={info.origin}, fingerprint {read_info(out).fingerprint[:16]}",
        f"  {tally.clips.total()} clips of {settings.frames} frames, {settings.size}x{settings.size} px, from "
        f"{tally.sources.total()} takes; {len(info.class_names)} classes, {len(people)} subjects",
        f"  {len(KEYPOINT_NAMES)} keypoints from: {arguments['keypoints']}",
        *tally.table(info.class_names, "takes"),
        "  peak frames: "
        + ", ".join(
            f"{counts.peaks[s]} takes by {s}" for s in (ACTION_UNITS, LANDMARK_DISPLACEMENT) if counts.peaks[s]
        ),
    ]
    if info.origin == "procedural":
        lines.insert(1, "  these takes are procedural, made by this project: not MUG itself")
    if counts.peaks[ACTION_UNITS]:
        left = [
            f"{emotion} {', '.join(map(str, unmeasured(emotion)))} ({tally.sources[emotion]} takes)"
            for emotion in EMOTIONS
            if tally.sources[emotion] and unmeasured(emotion)
        ]
        if left:
            lines.append(f"  units of Table A without an intensity, left out of the peak: {'; '.join(left)}")
    for stride in settings.strides:
        short = sum(each.plan.length < span(settings.frames, stride) for each in planned)
        if short:
            lines.append(f"  too short for stride {stride}: {short} takes give no clip at it")
    asked = arguments["clips"] or (arguments["draws"] or 0) * len(planned)
    if tally.clips.total() + counts.empty < asked:
        lines.append(f"  {asked} clips were asked for: a take gives none twice, and one that is left out none at all")
    if counts.empty:
        lines.append(f"  left out {counts.empty} clips without a single valid keypoint")
    return "\n".join([*lines, *problems.lines()])
