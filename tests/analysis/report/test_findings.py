from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from analysis.report.ablation_summary import summarized
from analysis.report.page import Summary
from tests.analysis.report.planted import row, table

OURS = row("ours", 91.12, 80.0)


def said(summary: Summary) -> str:
    return " ".join(
        [summary.answer, *(" ".join([finding.title, finding.text, *finding.items]) for finding in summary.findings)]
    )


def titles(summary: Summary) -> list[str]:
    return [finding.title for finding in summary.findings]


def test_arms_that_equal_ours_are_not_told_from_it() -> None:
    summary = summarized(table(OURS, row("no_da", 85.97, 79.0, -1.0, 1.0), row("no_dm", 79.23, 80.5, 0.5, 1.0)))
    assert summary.answer.startswith("No arm can be told from Ours with 3 seeds")
    assert "does not show that the parts are without effect" in summary.answer
    assert "What matters, the largest effect first" not in titles(summary)
    expected = "\N{MINUS SIGN}1.0 points (95% interval \N{MINUS SIGN}6.0 to +4.0, Holm p = 1.000; detectable: 8.0)."
    assert f"No Da: {expected}" in said(summary)


def test_what_no_difference_could_have_shown_is_said() -> None:
    text = said(summarized(table(OURS, row("no_da", 85.97, 60.0, -20.0, 0.2, detectable=118.4))))
    assert "detectable: none, of any size" in text


def test_where_ours_is_at_chance_that_is_said_before_all_else() -> None:
    at = summarized(table(row("ours", 91.12, 18.0), row("no_da", 85.97, 17.0, -1.0, 1.0)))
    assert at.answer.startswith(
        "Ours itself is not told from chance at this size (18.0%, 95% interval 13.0 to 23.0; guessing reaches 16.7%), "
        "so nothing about its parts can be learnt here. No arm can be told from Ours"
    )
    better = summarized(table(row("ours", 91.12, 18.0), row("no_lrank", 90.83, 70.0, 52.0, 0.001)))
    assert "so no arm can be shown to lose anything by it. 1 of the 1 arm compared" in better.answer
    assert "higher: No Lrank." in better.answer
    below = summarized(table(row("ours", 91.12, 5.0), row("no_da", 85.97, 17.0, 12.0, 0.01)))
    assert below.answer.startswith("Ours itself is below chance")
    assert "itself" not in summarized(table(row("ours", 91.12, 21.8), row("no_da", 85.97, 17.0, -4.8, 1.0))).answer
    assert "itself" not in summarized(table(row("ours", 91.12, 16.0, ci95=None))).answer


def test_large_effects_are_named_the_largest_first() -> None:
    rows = (
        row("no_da", 85.97, 60.0, -20.0, 0.01),
        row("no_dm", 79.23, 30.0, -50.0, 0.0001),
        row("no_lrank", 90.83, 79.0, -1.0, 0.9),
        row("no_yprime", 86.80, 92.0, 12.0, 0.02),
    )
    summary = summarized(table(OURS, *rows))
    assert summary.answer == (
        "2 of the 4 arms compared can be told from Ours and score lower, the largest loss first: No Dm and No Da. "
        "1 of the 4 arms compared can be told from Ours and scores higher: No Yprime. No Lrank cannot be told from "
        "Ours with 3 seeds."
    )
    (what,) = (finding for finding in summary.findings if finding.title.startswith("What matters"))
    assert [item.partition(":")[0] for item in what.items] == ["No Dm", "No Da", "No Yprime"]
    assert what.items[0] == (
        "No Dm: 50.0 points lower than Ours (95% interval \N{MINUS SIGN}55.0 to \N{MINUS SIGN}45.0, Holm p < 0.001)."
    )
    assert "12.0 points higher than Ours" in what.items[2]


def test_an_interval_without_zero_is_not_enough_before_the_correction() -> None:
    summary = summarized(table(OURS, row("no_da", 85.97, 70.0, -10.0, 0.051)))
    assert summary.answer.startswith("No arm can be told from Ours")
    assert "Holm p = 0.051; its own interval excludes 0, but not after the correction; detectable" in said(summary)


def test_arms_that_are_told_no_motion_and_are_at_chance_are_named() -> None:
    rows = (row("no_ym", 7.62, 18.0, -62.0, 0.001), row("no_y", 5.52, 15.0, -65.0, 0.001))
    text = said(summarized(table(OURS, *rows), {"no_ym", "no_y"}))
    assert "No Ym (18.0; 13.0 to 23.0) and No Y (15.0; 10.0 to 20.0): at chance (16.7%)" in text
    assert "above chance" not in text


def test_an_arm_that_is_told_no_motion_but_is_above_chance_is_a_warning() -> None:
    text = said(summarized(table(OURS, row("no_ym", 7.62, 40.0, -40.0, 0.001)), {"no_ym"}))
    assert "No Ym (40.0; 35.0 to 45.0): above chance (16.7%)" in text
    assert "something leaks" in text


def test_classes_that_are_not_equally_frequent_widen_what_guessing_explains() -> None:
    blind = row("no_ym", 7.62, 50.0, -40.0, 0.001)  # 45 to 55
    explained = said(summarized(table(OURS, blind, chance=70.0, guessing=[30.0, 70.0]), {"no_ym"}))
    assert "No Ym (50.0; 45.0 to 55.0): at chance (30.0 to 70.0%, by which class is guessed)" in explained
    assert "look into it" not in explained
    below = said(summarized(table(OURS, blind, chance=70.0, guessing=[60.0, 70.0]), {"no_ym"}))
    assert "below chance (60.0 to 70.0%, by which class is guessed), which guessing does not explain" in below
    above = said(summarized(table(OURS, blind, chance=70.0, guessing=[10.0, 40.0]), {"no_ym"}))
    assert "something leaks" in above


def test_an_arm_at_chance_that_is_told_the_motion_is_named_apart() -> None:
    text = said(summarized(table(OURS, row("no_dm", 79.23, 16.0, -64.0, 0.001)), {"no_ym"}))
    assert "Also not to be told from chance: No Dm (16.0; 11.0 to 21.0)." in text


def test_one_seed_claims_nothing() -> None:
    single = {"ci95": None, "difference_ci95": None, "n_seeds": 1}
    rows = (row("ours", 91.12, 80.0, **single), row("no_ym", 7.62, 16.0, -64.0, None, **single))
    summary = summarized(table(*rows), {"no_ym"})
    assert summary.answer.startswith("Nothing can be claimed")
    assert "Against the paper" not in titles(summary)
    assert "No Ym (16.0): one seed gives no interval" in said(summary)


def test_without_ours_nothing_is_said() -> None:
    summary = summarized(table(row("ours", 91.12, None), row("no_da", 85.97, 60.0)))
    assert summary.answer.startswith("Nothing can be said yet: no run of Ours is complete")


def test_arms_without_runs_are_named() -> None:
    summary = summarized(table(OURS, row("no_da", 85.97, 60.0, -20.0, 0.01), row("no_dm", 79.23, None)))
    assert "No Dm: no complete run." in said(summary)


def test_directions_are_held_against_the_paper() -> None:
    rows = (
        row("no_da", 85.97, 60.0, -20.0, 0.01),
        row("no_dm", 79.23, 95.0, 15.0, 0.01),
        row("no_lrank", 90.83, 80.0, 0.0, 1.0),
        row("mine", None, 20.0, -60.0, 0.001),
    )
    text = said(summarized(table(OURS, *rows)))
    assert "Of 2 arms told from Ours, 1 differs in the direction that the paper reports; No Dm not." in text
    assert "Farthest from its place: No Dm, number 1 of 4 by its mean here, number 4 in the paper" in text
    assert "not heights" in text
    assert "not heights" not in said(summarized(table(OURS, *rows, origin="natops", preset="paper")))


def test_another_judge_s_order() -> None:
    rows = (
        {**OURS, "second_mean": 79.0},
        row("no_da", 85.97, 60.0, -20.0, 0.01, second_mean=61.0),
        row("no_dm", 79.23, 30.0, -50.0, 0.01, second_mean=45.0),
    )
    text = said(summarized(table(*rows)))
    assert "puts the 3 arms in an order that agrees with the first one's by Kendall's tau 1.00" in text
    assert "The two differ most on No Dm: 30.0 and 45.0." in text


def test_a_title_with_a_comma_stays_whole() -> None:
    rows = [row("no_y", 5.52, 60.0, -20.0, 0.01, title="No y, y'"), row("no_da", 85.97, 61.0, -19.0, 0.01)]
    assert "\N{LEFT DOUBLE QUOTATION MARK}No y, y'\N{RIGHT DOUBLE QUOTATION MARK} and No Da" in said(
        summarized(table(OURS, *rows))
    )


points = st.floats(-60, 20, allow_nan=False)
levels = st.floats(0, 1, allow_nan=False)


@given(st.lists(st.tuples(points, levels), min_size=1, max_size=6))
def test_every_arm_is_said_once_to_differ_or_not_to(arms: list[tuple[float, float]]) -> None:
    rows = [row(f"arm {number}", None, 80 + d, d, p) for number, (d, p) in enumerate(arms)]
    summary = summarized(table(OURS, *rows))
    lists = {
        finding.title: [item.partition(":")[0] for item in finding.items]
        for finding in summary.findings
        if finding.items
    }
    told = lists.get("What matters, the largest effect first", [])
    open_ = lists.get("What cannot be told from Ours with these runs", [])
    assert sorted(told + open_) == sorted(one["title"] for one in rows)
    by_title = {one["title"]: one for one in rows}
    assert all(by_title[title]["p_holm"] <= 0.05 and abs(by_title[title]["difference"]) > 5 for title in told)
    assert [abs(by_title[title]["difference"]) for title in told] == sorted(
        (abs(by_title[title]["difference"]) for title in told), reverse=True
    )
