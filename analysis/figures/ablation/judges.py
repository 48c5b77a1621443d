"""Whether the order of arms hangs on the classifier: accuracy by one against accuracy by another of another seed."""

from __future__ import annotations

from analysis.figures.captions import study_facts, without_sheets
from analysis.figures.drawing import Drawing, canvas
from analysis.figures.style import GREY, WIDTH, grid_lines, marks
from analysis.tables.study_scores import StudyScores, correct


def judges(scores: StudyScores) -> Drawing | None:
    """A mark an arm, its seeds as small ones; None where no run was judged by a second classifier."""
    points = {
        arm.title: [
            (100 * correct(sheet).mean(), 100 * correct(sheet, second=True).mean())
            for sheet in arm.sheets.values()
            if sheet.predicted_second
        ]
        for arm in scores.arms
    }
    points = {title: found for title, found in points.items() if found}
    if not points:
        return None
    figure = canvas(0.83 * WIDTH, 4.2)
    axes = figure.subplots()
    axes.plot([0, 100], [0, 100], color=GREY, linestyle=":", linewidth=1.2, label="equal")
    looks = dict(zip((arm.title for arm in scores.arms), marks(len(scores.arms)), strict=True))
    means = {}
    for title, found in points.items():
        mark = looks[title]
        first, second = [pair[0] for pair in found], [pair[1] for pair in found]
        means[title] = (sum(first) / len(first), sum(second) / len(second))
        axes.plot(first, second, linestyle="none", marker=mark.marker, markersize=3.5, color=mark.colour, alpha=0.6)
        axes.plot(*([one] for one in means[title]), linestyle="none", marker=mark.marker, markersize=8, label=title,
                  color=mark.colour, markeredgecolor="white", markeredgewidth=0.6, zorder=3)  # fmt: skip
    axes.set_xlim(-2, 102)
    axes.set_ylim(-2, 102)
    grid_lines(axes, "both")
    axes.set_xlabel("accuracy by the motion classifier, %")
    axes.set_ylabel("accuracy by the second classifier, %")
    figure.legend(loc="outside right center")
    apart = max(means, key=lambda title: abs(means[title][0] - means[title][1]))
    gap = means[apart][1] - means[apart][0]
    return Drawing(
        "judges",
        "Two classifiers as judges",
        "Test accuracy by the motion classifier and by a second one, trained with another seed: means over seeds "
        "large, single seeds small. Arms on the dotted line fare the same with both. "
        + study_facts(scores)
        + without_sheets(scores),
        f"Scatter of accuracy by two classifiers, {len(points)} arms. Furthest apart is {apart}: the second classifier "
        f"sees {gap:+.1f} percentage points.",
        figure,
    )
