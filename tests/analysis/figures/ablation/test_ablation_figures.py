"""Figures of a study of arms: what they show of invented records, complete and not."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from PIL import Image

from ablations.arms import TABLE_4, Arm
from amc.errors import UserError
from amc.evaluation.score_sheet import ScoreSheet
from analysis.figures.ablation.accuracies import accuracies
from analysis.figures.ablation.behaviour import behaviour
from analysis.figures.ablation.budget import budget
from analysis.figures.ablation.confusion import confusion, row_percentages, selected_arms
from analysis.figures.ablation.curves import curves
from analysis.figures.ablation.differences import CONTROL, differences, significance
from analysis.figures.ablation.judges import judges
from analysis.figures.ablation.quality_by_frame import PSNR, quality_by_frame
from analysis.figures.ablation.recall import recall
from analysis.figures.draw_all import draw_all
from analysis.figures.drawing import Drawing
from analysis.record.reading import RecordReader
from analysis.scores.load_study import load_study
from analysis.scores.study_scores import StudyScores
from analysis.tables.metrics import metrics_content
from analysis.tables.table4 import ablation_content
from tests.analysis.figures.texts import check_readable, laid_out
from tests.analysis.made_study import write_study

STUDY = "made-smoke-table4"
EVERY = ("accuracies", "differences", "curves", "budget", "confusion", "recall", "judges", "behaviour",
         "psnr_by_frame", "ssim_by_frame")  # fmt: skip


def scores_of(folder: Path, **how: Any) -> StudyScores:
    write_study(folder / "record.db", **how)
    with RecordReader(folder / "record.db") as records:
        return load_study(records, STUDY)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> StudyScores:
    return scores_of(tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def half(tmp_path_factory: pytest.TempPathFactory) -> StudyScores:
    """Ours and the first arms have two seeds, the last ones one; one run has begun."""
    return scores_of(tmp_path_factory.mktemp("half"), done=17)


def drawings(scores: StudyScores) -> dict[str, Callable[[], Drawing | None]]:
    table, metrics = ablation_content(scores), metrics_content(scores)
    return {
        "accuracies": lambda: accuracies(scores, table),
        "differences": lambda: differences(scores, table),
        "curves": lambda: curves(scores),
        "budget": lambda: budget(scores, table),
        "confusion": lambda: confusion(scores),
        "recall": lambda: recall(scores),
        "judges": lambda: judges(scores),
        "behaviour": lambda: behaviour(scores, metrics),
        "psnr_by_frame": lambda: quality_by_frame(scores, PSNR),
    }


def legend_of(drawing: Drawing) -> list[str]:
    return [text.get_text() for legend in drawing.figure.legends for text in legend.get_texts()]


def rows_of(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.get_yticklabels()]


@pytest.mark.parametrize("name", EVERY[:-1])
def test_the_texts_of_a_whole_study_can_be_read(whole: StudyScores, name: str) -> None:
    with laid_out(drawings(whole)[name]) as drawing:
        check_readable(drawing)
        assert drawing.name == name
        for fact in ("3 seeds per arm", "natops, origin procedural, preset smoke"):
            assert fact in drawing.caption
        assert ("30 validation clips" if name == "curves" else "60 test clips") in drawing.caption
        assert "NOT FINISHED" not in drawing.caption
        assert drawing.alt


@pytest.mark.parametrize("name", EVERY[:-1])
def test_a_study_half_done_says_so(half: StudyScores, name: str) -> None:
    with laid_out(drawings(half)[name]) as drawing:
        check_readable(drawing)
        assert "NOT FINISHED: 17 of 30 runs." in drawing.caption
        assert "1 to 2 seeds per arm" in drawing.caption


def test_accuracies_show_what_the_table_says(whole: StudyScores) -> None:
    table = ablation_content(whole)
    with laid_out(lambda: accuracies(whole, table)) as drawing:
        (axes,) = drawing.figure.axes
        assert rows_of(axes) == [arm.title for arm in TABLE_4]
        lines = {line.get_gid(): line for line in axes.lines if line.get_gid()}
        assert lines["chance"].get_xdata()[0] == pytest.approx(100 / 3)
        assert lines["real"].get_xdata()[0] == pytest.approx(100 * 59 / 60)  # of the sheet of real clips
        assert lines["still"].get_xdata()[0] == pytest.approx(100 / 3)  # all taken for the first of 3 even classes
        for row in table["rows"]:
            seeds = lines[f"seeds-{row['arm']}"].get_xdata()
            assert sorted(seeds) == pytest.approx(sorted(row["values"].values()))
        means = [container.lines[0].get_xdata()[0] for container in axes.containers]
        assert means == pytest.approx([row["mean"] for row in table["rows"]])
        hollow = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "D"]
        assert hollow == [arm.paper for arm in TABLE_4]
        assert legend_of(drawing).count("single seed") == 1


def test_an_arm_without_a_run_has_its_row_and_the_papers_figure(tmp_path: Path) -> None:
    scores = scores_of(tmp_path, done=1, seeds=1)
    table = ablation_content(scores)
    with laid_out(lambda: accuracies(scores, table)) as drawing:
        (axes,) = drawing.figure.axes
        assert rows_of(axes)[:2] == ["Ours", "No ya (0 of 1)"]
        assert len(axes.containers) == 1
        assert sum(line.get_marker() == "D" for line in axes.lines) == len(TABLE_4)
        assert "single runs" in drawing.caption
        assert "95%" not in drawing.caption
    assert differences(scores, table) is None


def row(arm: str, p: float | None, difference: float | None = -10.0) -> dict[str, Any]:
    span = None if p is None or difference is None else [difference - 5, difference + 5]
    return {"arm": arm, "title": arm, "paper": 80.0, "difference": difference, "difference_ci95": span, "p_holm": p,
            "ci95": span}  # fmt: skip


def test_arms_that_are_not_significantly_different_have_hollow_markers(whole: StudyScores) -> None:
    rows = [row("ours", None, None), row("lost", 0.003), row("like", 0.4), row("once", None)]
    table = {"rows": rows, "caption": {"statistics": "seeds and clips crossed"}}
    with laid_out(lambda: differences(whole, table)) as drawing:
        (axes,) = drawing.figure.axes
        assert rows_of(axes) == ["lost", "like", "once"]
        lost, like, once = (container.lines[0] for container in axes.containers)
        assert (lost.get_marker(), like.get_marker(), once.get_marker()) == ("o", "s", "^")
        assert lost.get_markerfacecolor() == lost.get_color()
        assert like.get_markerfacecolor() == once.get_markerfacecolor() == "white"
        assert [text.get_text() for text in axes.texts] == ["p = 0.003", "p = 0.400", ""]
        assert "(like) are not significantly different, which does not show that they are equal" in drawing.caption
        assert "(once) share a single seed with Ours" in drawing.caption


@pytest.mark.parametrize(
    ("p", "expected"),
    [(0.05, "significantly different"), (0.0501, "not significantly different"), (None, "not tested")],
)
def test_significance_uses_the_corrected_p(p: float | None, expected: str) -> None:
    assert significance(row("x", p)).startswith(expected)


def test_ours_with_other_seeds_is_shown_as_a_control(whole: StudyScores) -> None:
    control = {**row("again", None), "difference_ci95": [-15.0, -5.0], "control": True, "p": 0.01}
    table = {"rows": [row("ours", None, None), control], "caption": {"statistics": "seeds and clips crossed"}}
    with laid_out(lambda: differences(whole, table)) as drawing:
        check_readable(drawing)
        assert CONTROL in legend_of(drawing)
        assert not [text for text in (*legend_of(drawing), drawing.alt, drawing.caption) if "not tested" in text]
        assert f"again: -10.0 (-15.0 to -5.0), {CONTROL}." in drawing.alt
        assert "Bars are 95% intervals. Hollow plus (again): a control, compared by Welch's" in drawing.caption
        assert "Holm" not in drawing.caption


def test_curves_have_a_panel_an_arm_and_the_range_of_the_seeds(whole: StudyScores) -> None:
    with laid_out(lambda: curves(whole)) as drawing:
        panels = [axes for axes in drawing.figure.axes if axes.get_visible()]
        assert [axes.get_title() for axes in panels] == [f"{arm.title} (3 seeds)" for arm in TABLE_4[1:]]
        assert legend_of(drawing) == ["chance", "Ours", "arm in the panel title"]
        chance, ours, arm = panels[0].lines
        assert chance.get_ydata()[0] == pytest.approx(100 / 3)
        for line, slug in ((ours, "ours"), (arm, "no_ya")):
            found = whole.by_slug[slug].curves.values()
            assert line.get_xdata()[-1] == max(next(iter(found)))
            assert line.get_ydata()[-1] == pytest.approx(100 * np.mean([curve[max(curve)] for curve in found]))
        ends = panels[0].collections[0].get_paths()[0].vertices[:, 1]
        found = [100 * value for curve in whole.by_slug["ours"].curves.values() for value in curve.values()]
        assert (ends.min(), ends.max()) == pytest.approx((min(found), max(found)))
        assert (ours.get_linestyle(), arm.get_linestyle()) == ("-", "--")  # apart without colour, too


def test_a_run_under_way_is_drawn_and_named_as_such(tmp_path: Path) -> None:
    scores = scores_of(tmp_path, done=0)
    assert curves(scores) is None
    begun = replace(scores.arms[1].runs[0] if scores.arms[1].runs else scores.arms[0].runs[0], curve={10: 0.4, 20: 0.5})
    scores = replace(scores, arms=(replace(scores.arms[0], runs=(begun,)), *scores.arms[1:]))
    with laid_out(lambda: curves(scores)) as drawing:
        assert drawing.figure.axes[0].get_title() == "Ours (not complete)"
        assert "No complete run yet" in drawing.caption


def test_shares_by_hand() -> None:
    sheets = [ScoreSheet((0, 0, 1), (0, 0, 0), (0, 1, 1)), ScoreSheet((0, 0, 1), (0, 0, 0), (0, 0, 0))]
    expected = [[75, 25, 0], [50, 50, 0], [np.nan, np.nan, np.nan]]  # 3 of 4, 1 of 2, and a class without clips
    np.testing.assert_allclose(row_percentages(sheets, 3), expected)


def test_confusion_shows_ours_and_the_lowest_arms(whole: StudyScores) -> None:
    means = {arm.slug: np.mean([*arm.accuracies.values()]) for arm in whole.arms if arm.slug != "ours"}
    lowest = set(sorted(means, key=lambda slug: means[slug])[:3])
    assert selected_arms(whole)[0].slug == "ours"
    assert {arm.slug for arm in selected_arms(whole)[1:]} == lowest
    with laid_out(lambda: confusion(whole)) as drawing:
        shown = [axes for axes in drawing.figure.axes if axes.images]
        matrix = shown[0].images[0].get_array()
        np.testing.assert_allclose(np.asarray(matrix).sum(axis=1), 100)


def test_recall_has_a_row_an_arm_and_one_of_real_clips(whole: StudyScores) -> None:
    with laid_out(lambda: recall(whole)) as drawing:
        axes = drawing.figure.axes[0]
        assert rows_of(axes) == [*(arm.title for arm in TABLE_4), "real clips"]
        assert [text.get_text() for text in axes.get_xticklabels()] == list(whole.class_names)
        values = np.asarray(axes.images[0].get_array())
        # Test clips are spread evenly over the classes, so that the mean recall is the accuracy.
        means = [100 * np.mean(list(arm.accuracies.values())) for arm in whole.arms]
        np.testing.assert_allclose(values[:-1].mean(axis=1), means)


def test_judges_and_budget_give_an_arm_the_same_mark(whole: StudyScores) -> None:
    looks = []
    for name in ("judges", "budget"):
        with laid_out(drawings(whole)[name]) as drawing:
            lines = {line.get_label(): line for line in drawing.figure.axes[0].lines}
            looks.append([(lines[arm.title].get_marker(), lines[arm.title].get_color()) for arm in whole.arms])
    assert looks[0] == looks[1]
    assert len({marker for marker, _ in looks[0]}) == len(TABLE_4)  # told apart without colour


def test_budget_marks_seeds_that_never_reach_the_target(whole: StudyScores) -> None:
    with laid_out(drawings(whole)["budget"]) as drawing:
        left, right = drawing.figure.axes
        assert sum(line.get_label() in {arm.title for arm in TABLE_4} for line in left.lines) == len(TABLE_4)
        row = [arm.slug for arm in TABLE_4].index("no_ym")  # at chance
        mine = [line for line in right.lines if abs(line.get_ydata()[0] - row) < 0.3]
        assert [line.get_marker() for line in mine] == ["x", "x", "x"]
        assert "No ym not reached, not reached, not reached" in drawing.alt


def test_records_without_sheets_give_the_figures_that_need_none(tmp_path: Path) -> None:
    scores = scores_of(tmp_path, sheets=False)
    drawn = {name: draw() for name, draw in drawings(scores).items()}
    assert [name for name, one in drawn.items() if one is not None] == ["accuracies", "differences", "curves", "budget"]


def test_many_classes_with_long_names(tmp_path: Path) -> None:
    names = [f"I Have Command number {number}" for number in range(24)]
    scores = replace(scores_of(tmp_path, arms=TABLE_4[:5]), class_names=tuple(names))
    for name in ("confusion", "recall"):
        with laid_out(drawings(scores)[name]) as drawing:
            check_readable(drawing)


def test_hostile_titles_are_plain_text(tmp_path: Path) -> None:
    arms = (TABLE_4[0], Arm("no_ya", "No $\\frac{1}{$ _a & <b>", {"switches.ya": False, "switches.da": False}, None))
    scores = scores_of(tmp_path, arms=arms, seeds=2)
    for draw in drawings(scores).values():
        with laid_out(draw) as drawing:
            check_readable(drawing)


def test_one_arm_alone(tmp_path: Path) -> None:
    scores = scores_of(tmp_path, arms=TABLE_4[:1], seeds=1)
    drawn = {name: draw() for name, draw in drawings(scores).items()}
    assert [name for name, one in drawn.items() if one is None] == ["differences"]
    with laid_out(drawings(scores)["curves"]) as drawing:
        assert [axes.get_title() for axes in drawing.figure.axes] == ["Ours (1 seed)"]


def digests(folder: Path) -> Mapping[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_files_are_the_same_bytes_twice_whatever_the_users_own_settings(tmp_path: Path) -> None:
    write_study(tmp_path / "record.db", arms=TABLE_4[:2], seeds=2)
    code = (
        "import sys; from pathlib import Path\n"
        "import matplotlib; matplotlib.rcParams['font.size'] = float(sys.argv[2])\n"
        "from analysis.figures.draw_all import draw_all; from analysis.record.reading import RecordReader\n"
        "from analysis.scores.load_study import load_study\n"
        f"with RecordReader({str(tmp_path / 'record.db')!r}) as records:\n"
        f"    drawn = draw_all(load_study(records, {STUDY!r}), records, None, Path(sys.argv[1]))\n"
        f"assert [one.name for one in drawn] == {list(EVERY)}, drawn\n"
        "found = {'torch', 'ray', 'mlflow', 'optuna', 'matplotlib.pyplot'} & set(sys.modules)\n"
        "assert not found, found\n"
    )
    for number, size in (("1", "10"), ("2", "30")):
        subprocess.run([sys.executable, "-c", code, tmp_path / number, size], check=True, timeout=300)
    assert digests(tmp_path / "1") == digests(tmp_path / "2")
    assert len(digests(tmp_path / "1")) == 2 * len(EVERY)
    for path in (tmp_path / "1").glob("*.svg"):
        root = ElementTree.parse(path).getroot()
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert not list(root.iter("{http://www.w3.org/2000/svg}text"))  # outlines: no font is needed
        assert "<dc:date>" not in path.read_text(encoding="utf-8")
    with Image.open(tmp_path / "1" / "curves.png") as image:
        assert image.width == 1440


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    write_study(tmp_path / "record.db", arms=TABLE_4[:1], seeds=1)
    (tmp_path / "file").write_text("in the way")
    with RecordReader(tmp_path / "record.db") as records, pytest.raises(UserError, match="cannot write figures to"):
        draw_all(load_study(records, STUDY), records, None, tmp_path / "file")
    assert sorted(path.name for path in tmp_path.glob("file*")) == ["file"]


def test_before_the_first_run_nothing_is_drawn_and_nothing_made(tmp_path: Path) -> None:
    write_study(tmp_path / "record.db", done=0)
    with RecordReader(tmp_path / "record.db") as records:
        assert draw_all(load_study(records, STUDY), records, tmp_path / "nowhere", tmp_path / "out") == []
    assert not (tmp_path / "out").exists()


def test_measures_that_are_0_throughout_are_drawn(whole: StudyScores) -> None:
    def still(sheet: ScoreSheet) -> ScoreSheet:
        return replace(sheet, clips={**sheet.clips, "motion_energy": (0.0,) * len(sheet.label)})

    arms = tuple(
        replace(arm, runs=tuple(replace(run, sheet=still(run.sheet)) if run.sheet else run for run in arm.runs))
        for arm in whole.arms
    )
    scores = replace(whole, arms=arms, real=None)
    drawing = behaviour(scores, metrics_content(scores))
    assert drawing is not None
    (panel,) = [axes for axes in drawing.figure.axes if "energy" in axes.get_xlabel()]
    assert panel.get_xlim() == (0, 1)


def test_a_measure_with_one_number_per_run_shows_its_seeds(whole: StudyScores) -> None:
    ours = whole.arms[0]
    runs = tuple(
        replace(run, sheet=replace(run.sheet, clips={}, numbers={"identity": 0.5 + 0.1 * run.seed}))
        for run in ours.runs
        if run.sheet is not None
    )
    scores = replace(whole, arms=(replace(ours, runs=runs),), real=None)
    with laid_out(lambda: behaviour(scores, metrics_content(scores))) as drawing:
        (panel,) = [axes for axes in drawing.figure.axes if axes.get_visible()]
        points = next(line for line in panel.lines if line.get_label() == "single seed")
        assert points.get_xdata() == pytest.approx([100 * (0.5 + 0.1 * run.seed) for run in runs])


def test_runs_that_are_left_out_of_accuracies_are_said(whole: StudyScores) -> None:
    ours = whole.arms[0]
    run = replace(ours.runs[2], sheet=None, accuracy=None)
    scores = replace(whole, arms=(replace(ours, runs=(*ours.runs[:2], run)), *whole.arms[1:]), unscored=1)
    table = ablation_content(scores)
    for drawing in (accuracies(scores, table), differences(scores, table), budget(scores, table)):
        assert drawing is not None
        assert "2 to 3 seeds per arm" in drawing.caption
        assert "Excluded: 1 run without per-clip scores." in drawing.caption
