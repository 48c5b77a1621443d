"""Accuracy by the motion classifier against accuracy by a second classifier trained with another seed."""

from __future__ import annotations

from analysis.figures.captions import excluded_runs, study_facts
from analysis.figures.drawing import Drawing, new_figure
from analysis.figures.style import GREY, WIDTH, grid_lines, marks
from analysis.scores.study_scores import StudyScores, correct, entry_word
from analysis.tables.layout.cells import plural


def judges(scores: StudyScores) -> Drawing | None:
    """One marker per arm and small markers for its seeds; None if no run has a second classifier's predictions."""
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
    figure = new_figure(0.83 * WIDTH, 4.2)
    axes = figure.subplots()
    axes.plot([0, 100], [0, 100], color=GREY, linestyle=":", linewidth=1.2, label="equal")
    marks_by_arm = dict(zip((arm.title for arm in scores.arms), marks(len(scores.arms)), strict=True))
    means = {}
    for title, found in points.items():
        mark = marks_by_arm[title]
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
    entry = entry_word(scores.row)
    gap = means[apart][1] - means[apart][0]
    return Drawing(
        "judges",
        "Accuracy by two classifiers",
        "Test accuracy by the motion classifier and by a second one trained with another seed. Large markers: mean "
        f"over seeds; small markers: single seeds. {entry.capitalize()}s on the dotted line have the same "
        "accuracy by both. " + study_facts(scores) + excluded_runs(scores),
        f"Scatter of accuracy by two classifiers, {plural(len(points), entry)}. The largest difference is that of "
        f"{apart}: {gap:+.1f} percentage points by the second classifier.",
        figure,
    )
