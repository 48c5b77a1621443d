from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from analysis.report.ablation_summary import summarize_ablation
from analysis.report.page import Summary
from tests.analysis.report.planted import row, table

OURS = row("ours", 91.12, 80.0)


def said(summary: Summary) -> str:
    return " ".join(
        [summary.answer, *(" ".join([finding.title, finding.text, *finding.items]) for finding in summary.findings)]
    )


def titles(summary: Summary) -> list[str]:
    return [finding.title for finding in summary.findings]


def test_arms_that_equal_ours_are_not_significant() -> None:
    summary = summarize_ablation(table(OURS, row("no_da", 85.97, 79.0, -1.0, 1.0), row("no_dm", 79.23, 80.5, 0.5, 1.0)))
    assert summary.answer.startswith("No arm is significantly different from Ours with 3 seeds")
    assert "does not show that the parts have no effect" in summary.answer
    assert "Significant differences, largest first" not in titles(summary)
    expected = "\N{MINUS SIGN}1.0 points (95% interval \N{MINUS SIGN}6.0 to +4.0, Holm p = 1.000; detectable: 8.0)."
    assert f"No Da: {expected}" in said(summary)


def test_what_no_difference_could_have_shown_is_said() -> None:
    text = said(summarize_ablation(table(OURS, row("no_da", 85.97, 60.0, -20.0, 0.2, detectable=118.4))))
    assert "no difference is detectable with 80% power" in text


def test_where_ours_is_at_chance_that_is_said_before_all_else() -> None:
    at = summarize_ablation(table(row("ours", 91.12, 18.0), row("no_da", 85.97, 17.0, -1.0, 1.0)))
    assert at.answer.startswith(
        "Ours is not distinguishable from chance at this size (18.0%, 95% interval 13.0 to 23.0; chance is 16.7%), "
        "so nothing can be concluded about its parts. No arm is significantly different from Ours"
    )
    better = summarize_ablation(table(row("ours", 91.12, 18.0), row("no_lrank", 90.83, 70.0, 52.0, 0.001)))
    assert "so differences to it say little about its parts. 1 of 1 arm compared" in better.answer
    assert "higher than Ours: No Lrank." in better.answer
    below = summarize_ablation(table(row("ours", 91.12, 5.0), row("no_da", 85.97, 17.0, 12.0, 0.01)))
    assert below.answer.startswith("Ours is below chance")
    above = summarize_ablation(table(row("ours", 91.12, 21.8), row("no_da", 85.97, 17.0, -4.8, 1.0)))
    single = summarize_ablation(table(row("ours", 91.12, 16.0, ci95=None)))
    assert "at this size" not in above.answer + single.answer


def test_large_effects_are_named_the_largest_first() -> None:
    rows = (
        row("no_da", 85.97, 60.0, -20.0, 0.01),
        row("no_dm", 79.23, 30.0, -50.0, 0.0001),
        row("no_lrank", 90.83, 79.0, -1.0, 0.9),
        row("no_yprime", 86.80, 92.0, 12.0, 0.02),
    )
    summary = summarize_ablation(table(OURS, *rows))
    assert summary.answer == (
        "2 of 4 arms compared score significantly lower than Ours, largest loss first: No Dm and No Da. "
        "1 of 4 arms compared scores significantly higher than Ours: No Yprime. No Lrank is not significantly "
        "different from Ours with 3 seeds."
    )
    (what,) = (finding for finding in summary.findings if finding.title.startswith("Significant differences"))
    assert [item.partition(":")[0] for item in what.items] == ["No Dm", "No Da", "No Yprime"]
    assert what.items[0] == (
        "No Dm: 50.0 points lower than Ours (95% interval \N{MINUS SIGN}55.0 to \N{MINUS SIGN}45.0, Holm p < 0.001)."
    )
    assert "12.0 points higher than Ours" in what.items[2]


def test_an_interval_without_zero_is_not_enough_before_the_correction() -> None:
    summary = summarize_ablation(table(OURS, row("no_da", 85.97, 70.0, -10.0, 0.051)))
    assert summary.answer.startswith("No arm is significantly different from Ours")
    text = "Holm p = 0.051; the interval excludes 0, but the difference is not significant after correction; detectable"
    assert text in said(summary)


def test_arms_without_motion_condition_whose_interval_contains_chance() -> None:
    rows = (row("no_ym", 7.62, 18.0, -62.0, 0.001), row("no_y", 5.52, 15.0, -65.0, 0.001))
    text = said(summarize_ablation(table(OURS, *rows), {"no_ym", "no_y"}))
    assert "No Ym (18.0; 13.0 to 23.0) and No Y (15.0; 10.0 to 20.0): the interval contains chance (16.7%)" in text
    assert "above chance" not in text


def test_an_arm_without_motion_condition_above_chance_is_a_warning() -> None:
    text = said(summarize_ablation(table(OURS, row("no_ym", 7.62, 40.0, -40.0, 0.001)), {"no_ym"}))
    assert "No Ym (40.0; 35.0 to 45.0): above chance (16.7%)" in text
    assert "class information leaks" in text


def test_classes_that_are_not_equally_frequent_widen_what_guessing_explains() -> None:
    blind = row("no_ym", 7.62, 50.0, -40.0, 0.001)  # 45 to 55
    explained = said(summarize_ablation(table(OURS, blind, chance=70.0, guessing=[30.0, 70.0]), {"no_ym"}))
    assert "No Ym (50.0; 45.0 to 55.0): the interval contains chance" in explained
    assert "chance (30.0 to 70.0%, depending on the class guessed)" in explained
    assert "Check this" not in explained
    below = said(summarize_ablation(table(OURS, blind, chance=70.0, guessing=[60.0, 70.0]), {"no_ym"}))
    assert "below chance (60.0 to 70.0%, depending on the class guessed), which guessing does not explain" in below
    above = said(summarize_ablation(table(OURS, blind, chance=70.0, guessing=[10.0, 40.0]), {"no_ym"}))
    assert "class information leaks" in above


def test_an_arm_with_motion_condition_whose_interval_contains_chance() -> None:
    text = said(summarize_ablation(table(OURS, row("no_dm", 79.23, 16.0, -64.0, 0.001)), {"no_ym"}))
    assert "The interval also contains chance for No Dm (16.0; 11.0 to 21.0)." in text


def test_one_seed_claims_nothing() -> None:
    single = {"ci95": None, "difference_ci95": None, "n_seeds": 1}
    rows = (row("ours", 91.12, 80.0, **single), row("no_ym", 7.62, 16.0, -64.0, None, **single))
    summary = summarize_ablation(table(*rows), {"no_ym"})
    assert summary.answer.startswith("No conclusion about which parts matter is possible")
    assert "Comparison with the paper" not in titles(summary)
    assert "No Ym (16.0): one seed gives no interval" in said(summary)


def test_without_ours_nothing_is_said() -> None:
    summary = summarize_ablation(table(row("ours", 91.12, None), row("no_da", 85.97, 60.0)))
    assert summary.answer.startswith("No results yet: no run of Ours is complete")


def test_arms_without_runs_are_named() -> None:
    summary = summarize_ablation(table(OURS, row("no_da", 85.97, 60.0, -20.0, 0.01), row("no_dm", 79.23, None)))
    assert "No Dm: no complete run." in said(summary)


def test_directions_are_held_against_the_paper() -> None:
    rows = (
        row("no_da", 85.97, 60.0, -20.0, 0.01),
        row("no_dm", 79.23, 95.0, 15.0, 0.01),
        row("no_lrank", 90.83, 80.0, 0.0, 1.0),
        row("mine", None, 20.0, -60.0, 0.001),
    )
    text = said(summarize_ablation(table(OURS, *rows)))
    assert "Of 2 arms significantly different from Ours, 1 differs in the direction that the paper reports" in text
    assert "; No Dm in the opposite direction." in text
    assert "Largest change of rank: No Dm, rank 1 of 4 by its mean here, rank 4 in the paper" in text
    assert "not absolute accuracies" in text
    recorded = said(summarize_ablation(table(OURS, *rows, origin="natops", preset="paper")))
    assert "not absolute accuracies" not in recorded


def test_the_order_by_the_second_classifier() -> None:
    rows = (
        {**OURS, "second_mean": 79.0},
        row("no_da", 85.97, 60.0, -20.0, 0.01, second_mean=61.0),
        row("no_dm", 79.23, 30.0, -50.0, 0.01, second_mean=45.0),
    )
    text = said(summarize_ablation(table(*rows)))
    assert "trained from another seed over 3 arms: Kendall's tau 1.00" in text
    assert "The largest difference is that of No Dm: 30.0% by the first and 45.0% by the second." in text


def test_a_title_with_a_comma_stays_whole() -> None:
    rows = [row("no_y", 5.52, 60.0, -20.0, 0.01, title="No y, y'"), row("no_da", 85.97, 61.0, -19.0, 0.01)]
    assert "\N{LEFT DOUBLE QUOTATION MARK}No y, y'\N{RIGHT DOUBLE QUOTATION MARK} and No Da" in said(
        summarize_ablation(table(OURS, *rows))
    )


points = st.floats(-60, 20, allow_nan=False)
levels = st.floats(0, 1, allow_nan=False)


@given(st.lists(st.tuples(points, levels), min_size=1, max_size=6))
def test_every_arm_is_listed_once_as_significant_or_not(arms: list[tuple[float, float]]) -> None:
    rows = [row(f"arm {number}", None, 80 + d, d, p) for number, (d, p) in enumerate(arms)]
    summary = summarize_ablation(table(OURS, *rows))
    lists = {
        finding.title: [item.partition(":")[0] for item in finding.items]
        for finding in summary.findings
        if finding.items
    }
    significant = lists.get("Significant differences, largest first", [])
    not_significant = lists.get("Not significantly different from Ours", [])
    assert sorted(significant + not_significant) == sorted(one["title"] for one in rows)
    by_title = {one["title"]: one for one in rows}
    assert all(by_title[title]["p_holm"] <= 0.05 and abs(by_title[title]["difference"]) > 5 for title in significant)
    assert [abs(by_title[title]["difference"]) for title in significant] == sorted(
        (abs(by_title[title]["difference"]) for title in significant), reverse=True
    )
