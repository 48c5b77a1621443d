"""The paper's Figure 3 from a study's samples: a clip's matched and mismatched conditions by Ours, No Da, No Dm."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from PIL import Image

from amc.evaluation.pictures.figure import BETWEEN
from amc.evaluation.pictures.strip import GAP, LINE, SHOWN
from analysis.figures.captions import data_facts
from analysis.figures.drawing import Drawing, canvas
from analysis.figures.picture_files import UNREADABLE, is_readable
from analysis.figures.style import WIDTH
from analysis.tables.study_scores import OURS, StudyScores

Cells = npt.NDArray[np.uint8]
"""(rows, columns, side, side, 3): the frames of the first clip in a run's figure3.png."""

NAME = "figure3.png"  # in a run's samples
ARMS = (OURS, "no_da", "no_dm")
ROWS = ("real clip", "ya, ym\nboth matched", "ya', ym\nother subject", "ya, ym'\nother motion")
COLUMNS = 5  # of a figure3.png: the first frame and four others
SHOWN_COLUMNS = {"input": 0, "middle": 2, "end": 4}


def strips(scores: StudyScores, samples: Path | None) -> Drawing | None:
    """Rows of conditions by blocks of arms, of the first seed that Ours has samples of; None where it has none.

    Args:
        samples: folder with KEY/figure3.png of runs; None or missing where they were not kept.
    """
    side = cell_side(int(scores.row.config["model"]["size"]))
    for seed in sorted({run.seed for arm in scores.arms for run in arm.runs}):
        found = {} if samples is None else _of_seed(scores, samples, seed, side)
        if OURS in found:
            return _drawn(scores, found, seed)
    return None


def unreadable(scores: StudyScores, samples: Path) -> list[str]:
    """KEY/figure3.png of the runs whose picture is there but cannot be read."""
    keys = [run.key for slug in ARMS if slug in scores.by_slug for run in scores.by_slug[slug].runs]
    return [
        f"{key}/{NAME}" for key in keys if (samples / key / NAME).is_file() and not is_readable(samples / key / NAME)
    ]


def cell_side(size: int) -> int:
    """Pixels of a clip's frame in sample pictures, which enlarge it by a whole factor."""
    return size * max(1, -(-SHOWN // size))


def cut(picture: npt.NDArray[np.uint8], side: int) -> Cells | None:
    """The frames of the first clip in a figure3.png (H, W, 3); None where the picture is not laid out so.

    Columns end a gap before the right edge, the input frame apart from the others; rows begin below a line of text.
    """
    step, top = side + GAP, GAP + LINE
    right = picture.shape[1] - step * (COLUMNS - 1)
    places = [right - BETWEEN - step, *(right + step * column for column in range(COLUMNS - 1))]
    if places[0] < 0 or picture.shape[0] < top + step * len(ROWS):
        return None
    return np.array(
        [
            [picture[top + step * row : top + step * row + side, place : place + side] for place in places]
            for row in range(len(ROWS))
        ],
        dtype=np.uint8,
    )


def _of_seed(scores: StudyScores, samples: Path, seed: int, side: int) -> dict[str, Cells]:
    found: dict[str, Cells] = {}
    for slug in ARMS:
        arm = scores.by_slug.get(slug)
        for run in () if arm is None else arm.runs:
            cells = _read(samples / run.key / NAME, side) if run.seed == seed else None
            if cells is not None:
                found[slug] = cells
    return found


def _read(path: Path, side: int) -> Cells | None:
    try:
        with Image.open(path) as image:
            return cut(np.asarray(image.convert("RGB"), dtype=np.uint8), side)
    except UNREADABLE:  # not there, or not a picture
        return None


def _drawn(scores: StudyScores, found: Mapping[str, Cells], seed: int) -> Drawing:
    blocks, shown = len(found), list(SHOWN_COLUMNS.items())
    cell = (WIDTH - 1.3) / (len(ARMS) * (len(shown) + 0.25))
    height = 0.55 + cell * len(ROWS)
    figure = canvas(1.3 + (WIDTH - 1.3) * blocks / len(ARMS), height)
    figure.set_layout_engine("constrained", w_pad=0.01, h_pad=0.01, wspace=0.0, hspace=0.0)
    widths = [width for _ in found for width in [*[1.0] * len(shown), 0.2]][:-1]
    grid = figure.subplots(len(ROWS), len(widths), squeeze=False, width_ratios=widths)
    for row, column in np.ndindex(grid.shape):
        block, place = divmod(column, len(shown) + 1)
        axes: Axes = grid[row, column]  # type: ignore[assignment]
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
        if place == len(shown):
            continue
        slug = list(found)[block]
        axes.imshow(found[slug][row, shown[place][1]], interpolation="nearest")
        if row == 0:
            middle = place == len(shown) // 2
            axes.set_title((scores.by_slug[slug].title if middle else "") + f"\n{shown[place][0]}", fontsize=8.5)
        if column == 0:
            axes.set_ylabel(ROWS[row], rotation=0, ha="right", va="center", fontsize=8.5)
    titles = ", ".join(scores.by_slug[slug].title for slug in found)
    return Drawing(
        "figure3",
        "Matched and mismatched conditions",
        f"A validation clip and what {titles} make of its conditions: its own first frame ya and motion ym, another "
        "subject's first frame (ya'), and another class's motion (ym'). Shown are the input frame, one from the "
        f"middle, and the last; seed {seed}, {data_facts(scores.row)}. One clip is an example, not evidence.",
        f"Rows of frames: the real clip, matched, other subject, other motion; columns: {titles}.",
        figure,
    )
