"""Table 4 from records made by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import ttest_ind

from amc.config import natops
from amc.errors import UserError
from amc.evaluation.score_sheet import REAL, STILL
from analysis.record.reading import RecordReader
from analysis.record.rows import SheetRow
from analysis.record.schema import study_table, trial_table
from analysis.record.writing import RecordWriter
from analysis.scores.growth import settings_with_look
from analysis.scores.load_study import load_study
from analysis.scores.study_scores import StudyScores
from analysis.statistics.crossed import crossed, over_folds
from analysis.statistics.holm import holm
from analysis.statistics.mean_squares import mean_squares
from analysis.statistics.power import detectable
from analysis.tables.layout.formats import csv_text, markdown
from analysis.tables.layout.latex import latex
from analysis.tables.table4 import ablation_content, ablation_table
from tests.analysis.hand_made import DATASET, sheet, write_scores
from tests.analysis.made_study import write_study

SCORES = {"ours": (0.9, 0.8, 0.85), "no_ym": (0.2, 0.1, 0.15), "no_lrank": (0.9, 0.8)}


def loaded(address: Path, name: str = "s") -> StudyScores:
    with RecordReader(address) as records:
        return load_study(records, name)


@pytest.fixture
def scalar(tmp_path: Path) -> StudyScores:
    write_scores(tmp_path / "record.db", SCORES)
    return loaded(tmp_path / "record.db")


def test_without_sheets_student_over_seeds_and_the_exact_test_by_hand(scalar: StudyScores) -> None:
    content = ablation_content(scalar)
    rows = {row["arm"]: row for row in content["rows"]}
    assert list(rows) == ["ours", "no_ym", "no_lrank"]
    assert rows["ours"]["mean"] == pytest.approx(85.0)
    # s = 5, t(0.975; 2) = 4.302653: 85 -+ 4.302653 * 5 / sqrt(3) = 72.579 to 97.421
    assert rows["ours"]["ci95"] == pytest.approx([72.579, 97.421], abs=1e-3)
    assert (rows["ours"]["difference"], rows["ours"]["p_holm"]) == (None, None)
    assert rows["no_ym"]["difference"] == pytest.approx(-70.0)
    assert rows["no_ym"]["difference_ci95"] == pytest.approx([-70.0, -70.0])
    # The same difference with every seed: Student's t has no spread to doubt it by, the exact test has.
    assert (rows["no_ym"]["p_exact"], rows["no_ym"]["p_floor"]) == (0.25, 0.25)
    assert rows["no_ym"]["p"] == pytest.approx(0.0, abs=1e-9)
    assert rows["no_ym"]["p_holm"] == pytest.approx(0.0, abs=1e-9)
    assert rows["no_ym"]["detectable"] is None
    # Two seeds shared with Ours, no difference in either.
    assert (rows["no_lrank"]["n_seeds"], rows["no_lrank"]["difference"], rows["no_lrank"]["p_holm"]) == (2, 0.0, 1.0)
    assert rows["ours"]["values"] == {"0": pytest.approx(90.0), "1": pytest.approx(80.0), "2": pytest.approx(85.0)}
    assert content["caption"]["statistics"] == "Student's t over seeds"
    # The paper has No ym below Ours, as here; No Lrank is level with it here, which is neither its sign nor another.
    assert [row["paper_agrees"] for row in content["rows"]] == [None, True, None]


def test_the_caption_says_where_it_comes_from_and_that_it_is_not_finished(scalar: StudyScores) -> None:
    text = markdown(ablation_table(scalar).text)
    for said in (
        "origin=procedural, split by random",
        "preset compact, 3 seeds, 288 test clips; data ffffffffffff",
        "chance 16.7",
        "real clips 99.0",
        "it cannot be below 0.25, so it could not reject anything after correction over 2 arms",
        "NOT FINISHED: 8 of 9 runs",
        "no per-clip scores",
    ):
        assert said in text


CLIPS = {  # arm: the seeds' clips, 1 is right
    "ours": ("11111110", "11111100"),
    "no_ya": ("11110000", "11010000"),
    "no_da": ("11111110", "11111100"),
}


def test_with_sheets_seeds_and_clips_are_crossed(tmp_path: Path) -> None:
    sheets = {f"{arm}-seed-{seed}": sheet(r, second=r) for arm, rs in CLIPS.items() for seed, r in enumerate(rs)}
    write_scores(
        tmp_path / "r.db", {arm: tuple(r.count("1") / 8 for r in rs) for arm, rs in CLIPS.items()}, sheets=sheets
    )
    scores = loaded(tmp_path / "r.db")
    content = ablation_content(scores)
    ours, no_ya, no_da = content["rows"]
    assert content["caption"]["statistics"] == "seeds and clips crossed"
    assert (ours["mean"], no_ya["mean"], no_ya["difference"]) == (81.25, 43.75, -37.5)
    apart = np.array(
        [
            [int(a) - int(b) for a, b in zip(*pair, strict=True)]
            for pair in zip(CLIPS["no_ya"], CLIPS["ours"], strict=True)
        ]
    )
    wanted = crossed(apart, scale=100)
    assert wanted.interval is not None
    assert wanted.p is not None
    assert no_ya["difference_ci95"] == pytest.approx(list(wanted.interval))
    assert [no_ya["p_holm"], no_da["p_holm"]] == pytest.approx(holm([wanted.p, no_da["p"]]))
    # Cohen's h of 7/16 and 13/16; seeds' means differ by 3 and 3 clips of 8, which has no deviation.
    assert no_ya["cohens_h"] == pytest.approx(2 * np.arcsin(np.sqrt(7 / 16)) - 2 * np.arcsin(np.sqrt(13 / 16)))
    assert no_ya["hedges_g"] is None
    assert (no_da["difference"], no_da["p_exact"]) == (0.0, 1.0)
    assert no_ya["second_mean"] == 43.75
    assert no_ya["detectable"] > 0


def test_ours_again_is_compared_by_welch_and_outside_of_holm(tmp_path: Path) -> None:
    scores = {"ours": (0.9, 0.5), "ours_again": (0.8, 0.4, 0.6), "no_da": (0.7, 0.2)}
    write_scores(tmp_path / "r.db", scores, arms={"ours_again": {"seed_shift": 1000}})
    content = ablation_content(loaded(tmp_path / "r.db"))
    _, again, no_da = content["rows"]
    expected = ttest_ind([80, 40, 60], [90, 50], equal_var=False)
    assert (again["difference"], again["p"]) == (pytest.approx(-10.0), pytest.approx(expected.pvalue))
    assert (again["p_holm"], again["control"], content["caption"]["compared"]) == (None, True, 1)
    assert no_da["p_holm"] == no_da["p"]
    assert list(again["values"]) == ["0", "1", "2"]
    assert any("is a control and not part of the correction" in note for note in content["caption"]["notes"])


def test_what_is_detectable_is_at_the_level_that_holm_leaves(tmp_path: Path) -> None:
    rights = {"ours": (38, 39, 37), "no_ym": (2, 3, 2), "no_da": (37, 38, 39), "no_dm": (39, 34, 36)}
    marks = {arm: [("1" * right).ljust(40, "0") for right in counts] for arm, counts in rights.items()}
    sheets = {f"{arm}-seed-{seed}": sheet(one) for arm, ones in marks.items() for seed, one in enumerate(ones)}
    shares = {arm: tuple(right / 40 for right in counts) for arm, counts in rights.items()}
    write_scores(tmp_path / "r.db", shares, sheets=sheets)
    content = ablation_content(loaded(tmp_path / "r.db"))
    assert (content["caption"]["compared"], content["caption"]["rejected"]) == (3, 1)
    ours = np.array([[int(mark) for mark in one] for one in marks["ours"]])
    for row, tests in zip(content["rows"][1:], (3, 2, 2), strict=True):
        mine = np.array([[int(mark) for mark in one] for one in marks[row["arm"]]])
        wanted = detectable(mean_squares(mine - ours), tests=tests)
        assert wanted is not None
        assert row["detectable"] == pytest.approx(100 * wanted.size)
        assert row["detectable_ci95"] == pytest.approx([100 * end for end in wanted.interval])
    assert any("at the level that Holm's correction leaves for 2 arms" in note for note in content["caption"]["notes"])


def test_spread_of_seeds_and_validation_beside_test_in_every_form(tmp_path: Path) -> None:
    write_scores(tmp_path / "r.db", {"ours": (0.9, 0.8), "no_da": (0.5, 0.3)})
    written = ablation_table(loaded(tmp_path / "r.db"))
    assert written.paper is not None
    assert written.text.head[2] == "mean ± SD of seeds, %"
    assert written.paper.notes[0] == "SD: standard deviation over seeds."
    # Standard deviations of 90, 80 and of 50, 30; the last validation accuracy of these runs equals the test accuracy.
    assert [row["sd_seeds"] for row in written.content["rows"]] == pytest.approx([50**0.5, 200**0.5])
    assert [row["validation_mean"] for row in written.content["rows"]] == pytest.approx([85.0, 40.0])
    assert written.content["caption"]["validation"] | {"correlation_ci95": None} == pytest.approx(
        {"runs": 4, "mean": 0.0, "sd": 0.0, "correlation": None, "correlation_ci95": None}
    )
    assert "85.0 ± 7.1" in markdown(written.text)
    assert "85.0 \\ensuremath{\\pm} 7.1" in latex(written.text, "t")
    assert "sd_seeds" in csv_text(written.records)


def test_a_study_that_grew_after_its_results_were_written_says_so(tmp_path: Path) -> None:
    write_scores(tmp_path / "r.db", {"ours": (0.9, 0.8, 0.85), "no_da": (0.5, 0.3, 0.35)})
    with RecordReader(tmp_path / "r.db") as records:
        scores, settings = load_study(records, "s"), dict(records.study("s").settings)
    assert ablation_content(scores)["caption"]["grown"] is None
    looked = settings_with_look(settings, scores)
    assert looked["results_written"] == [{"seeds": 3, "planned": 3}]
    assert settings_with_look(looked, scores) == looked
    with RecordWriter(tmp_path / "r.db") as record:
        record.update_study("s", settings={**looked, "seeds": 6})
    found = ablation_content(loaded(tmp_path / "r.db"))["caption"]
    assert found["grown"]["seeds"] == [3, 6]
    assert 0.07 < found["grown"]["error"] < 0.1
    assert any(note.startswith("Seeds were added after results had been written (with 3") for note in found["notes"])


def test_results_of_a_study_that_was_not_finished_do_not_make_it_grow(tmp_path: Path) -> None:
    write_scores(tmp_path / "r.db", {"ours": (0.9, 0.8, 0.85), "no_da": (0.5, 0.3, None)})
    scores = loaded(tmp_path / "r.db")
    with RecordWriter(tmp_path / "r.db") as record:
        record.update_study("s", settings=settings_with_look({**record.study("s").settings, "seeds": 3}, scores))
    assert ablation_content(loaded(tmp_path / "r.db"))["caption"]["grown"] is None


def folded(address: Path, arms: dict[str, tuple[str, ...]], folds: int = 2) -> None:
    """Run r of an arm tests fold r of the subjects: two subjects with half of the clips each."""
    sheets = {
        f"{arm}-seed-{seed}": replace(
            sheet(right, second=right),
            subject=tuple(2 * (seed % folds) + (2 * place) // len(right) for place in range(len(right))),
        )
        for arm, runs in arms.items()
        for seed, right in enumerate(runs)
    }
    scores = {arm: tuple(right.count("1") / len(right) for right in runs) for arm, runs in arms.items()}
    write_scores(address, scores, sheets=sheets)
    config = natops("smoke").to_dict()
    with RecordWriter(address) as record, record.engine.begin() as connection:
        for key in sheets:
            fold = int(key.rpartition("-")[2]) % folds
            changed = {**config, "split": {**config["split"], "folds": folds, "fold": fold}}
            row = trial_table.c.key == key
            connection.execute(trial_table.update().where(row).values(config=json.dumps(changed)))


def test_folds_over_subjects(tmp_path: Path) -> None:
    runs = {"ours": ("11111110", "11111100"), "no_da": ("11110000", "11000000")}
    folded(tmp_path / "r.db", runs)
    scores = loaded(tmp_path / "r.db")
    assert (scores.clips, scores.subjects) == (16, (0, 1, 2, 3))
    content = ablation_content(scores)
    assert (content["caption"]["folds"], content["caption"]["subjects"]) == (2, 4)
    values = [[np.array([[int(mark) for mark in run]]) for run in runs[arm]] for arm in ("no_da", "ours")]
    apart = [one - other for one, other in zip(*values, strict=True)]
    ids = [np.repeat([0, 1], 4), np.repeat([2, 3], 4)]
    wanted = over_folds(apart, ids, scale=100)
    assert content["rows"][1]["difference_ci95"] == pytest.approx([-100.0, (wanted.interval or (0, 0))[1]])
    assert "16 test clips of 4 subjects in 2 folds" in ablation_table(scores).text.caption
    assert "cover other seeds, other clips and other subjects" in content["caption"]["notes"][0]
    written = ablation_table(scores)
    assert written.paper is not None
    assert written.text.head[2] == "mean ± SD of runs, %"
    assert written.paper.notes[0] == "SD: standard deviation over runs."


def test_folds_with_runs_missing(tmp_path: Path) -> None:
    folded(tmp_path / "r.db", {"ours": ("11111110", "11111100", "11110110"), "no_da": ("11110000",)})
    written = ablation_table(loaded(tmp_path / "r.db"))
    assert [row["n_seeds"] for row in written.content["rows"]] == [3, 1]
    assert "NOT FINISHED: 4 of 6 runs" in written.text.caption
    assert written.content["rows"][0]["ci95"][0] < 100 * 19 / 24 < written.content["rows"][0]["ci95"][1]


def test_subjects_of_a_fixed_split_are_alone(tmp_path: Path) -> None:
    write_study(tmp_path / "r.db", name="fixed")
    content = ablation_content(loaded(tmp_path / "r.db", "fixed"))
    assert content["caption"]["notes"][0].startswith("Intervals hold for the subjects tested alone (4 subjects)")


def test_a_pair_of_arms_has_its_interaction(tmp_path: Path) -> None:
    scores = {"ours": (0.9, 0.9), "no_da": (0.8, 0.7), "no_dm": (0.6, 0.6), "both": (0.2, 0.3)}
    write_scores(tmp_path / "r.db", scores, arms={"both": {"of": ["no_da", "no_dm"]}})
    content = ablation_content(loaded(tmp_path / "r.db"))
    found = content["rows"][-1]["interaction"]
    # Seed 0: 20 - 80 - 60 + 90 = -30, seed 1: 30 - 70 - 60 + 90 = -10.
    assert (found["mean"], found["n_seeds"], found["of"]) == (pytest.approx(-20.0), 2, ["no_da", "no_dm"])
    assert any(
        "differs from the sum of the effects of No Da and No Dm by -20.0 points" in note
        for note in content["caption"]["notes"]
    )
    assert content["rows"][0]["interaction"] is None


def test_failed_runs_are_named_and_not_counted(tmp_path: Path) -> None:
    write_scores(tmp_path / "r.db", {"ours": (0.9, 0.8), "no_da": (0.7, None)})
    written = ablation_table(loaded(tmp_path / "r.db"))
    assert written.content["rows"][1]["n_seeds"] == 1
    assert written.content["caption"]["failed"][0]["key"] == "no_da-seed-1"
    assert "FAILED and excluded: no_da-seed-1: <the loss>" in written.text.caption
    assert "NOT FINISHED: 3 of 4 runs" in written.text.caption


def test_one_seed_has_no_interval_and_no_p(tmp_path: Path) -> None:
    write_study(tmp_path / "r.db", name="one", seeds=1)
    content = ablation_content(loaded(tmp_path / "r.db", "one"))
    for row in content["rows"]:
        assert (row["ci95"], row["difference_ci95"], row["p"], row["p_holm"], row["p_exact"]) == (None,) * 5
    assert content["caption"]["notes"][0].startswith("With one seed there is no interval")


def test_half_done(tmp_path: Path) -> None:
    write_study(tmp_path / "r.db", name="half", done=7)
    written = ablation_table(loaded(tmp_path / "r.db", "half"))
    assert "NOT FINISHED: 7 of 30 runs" in written.text.caption
    assert [row["n_seeds"] for row in written.content["rows"]] == [1] * 7 + [0] * 3
    assert written.text.rows[-1][2:5] == ("-", "-", "0")


def test_nothing_done_yet(tmp_path: Path) -> None:
    write_study(tmp_path / "r.db", name="new", done=0)
    written = ablation_table(loaded(tmp_path / "r.db", "new"))
    assert "NOT FINISHED: 0 of 30 runs" in written.text.caption
    assert {row[2] for row in written.text.rows} == {"-"}


def test_runs_scored_on_other_clips_are_refused(tmp_path: Path) -> None:
    sheets = {"ours-seed-0": sheet("1100"), "no_da-seed-0": sheet("1100", label=(0, 0, 1, 1))}
    write_scores(tmp_path / "r.db", {"ours": (0.5,), "no_da": (0.5,)}, sheets=sheets)
    with pytest.raises(UserError, match="ours-seed-0 and no_da-seed-0 were scored on different clips"):
        loaded(tmp_path / "r.db")


def test_p_of_a_record_without_sheets_is_that_of_its_interval(tmp_path: Path) -> None:
    write_scores(tmp_path / "r.db", {"ours": (0.9, 0.9, 0.9), "no_da": (0.8, 0.7, 0.6)})
    row = ablation_content(loaded(tmp_path / "r.db"))["rows"][1]
    # -10, -20, -30: t = 20 / (10 / sqrt(3)) = 3.4641 with 2 degrees of freedom, p = 1 - t / sqrt(t^2 + 2) = 0.0742.
    assert row["p"] == pytest.approx(0.07418, abs=1e-4)
    assert row["difference_ci95"] == pytest.approx([-44.841, 4.841], abs=1e-3)
    assert (row["p_exact"], row["n_pairs"]) == (0.25, 3)


def scored_by(address: Path, scorer: str, created: float, **sheets: str) -> None:
    with RecordWriter(address) as record, record.lock_study("s"):
        for key, right in sheets.items():
            record.put_score_sheet(SheetRow("s", key.replace("__", "-"), scorer, created, sheet(right).to_dict()))


def test_one_scorer_for_the_whole_study_that_of_the_most_runs(tmp_path: Path) -> None:
    arms = {"ours": (0.9, 0.9, 0.9), "no_da": (0.9, 0.9, 0.9), "no_ym": (0.9, None)}
    sheets = {f"{arm}-seed-{seed}": sheet("1110") for arm in ("ours", "no_da") for seed in range(3)}
    write_scores(tmp_path / "r.db", arms, sheets=sheets)
    # Scored later in another way: one run, and both references. No figure may come from these.
    scored_by(tmp_path / "r.db", "other", 2.0, no_da__seed__2="0000", **{REAL: "1100", STILL: "1000"})
    scores = loaded(tmp_path / "r.db")
    assert (scores.scorer, scores.clipwise, scores.unscored) == ("made", True, 2)
    assert (scores.real, scores.still, scores.real_accuracy) == (None, None, 0.99)
    written = ablation_table(scores)
    ours, no_da, no_ym = written.content["rows"]
    assert (ours["mean"], no_da["mean"], no_ym["mean"]) == (75.0, 75.0, None)
    assert (no_da["n_seeds"], no_da["n_pairs"]) == (2, 2)
    assert written.content["caption"]["statistics"] == "seeds and clips crossed"
    assert "2 of 7 runs are excluded: not scored in the same way as the others" in written.text.caption
    assert any(note.startswith("p values are Holm-corrected over 1 arm.") for note in written.text.notes)
    assert any("with 2 paired seeds it cannot be below 0.5" in note for note in written.text.notes)


def test_of_as_many_sheets_the_newest_scorer_counts(tmp_path: Path) -> None:
    sheets = {"ours-seed-0": sheet("1100"), "no_da-seed-0": sheet("1100")}
    write_scores(tmp_path / "r.db", {"ours": (0.5,), "no_da": (0.5,)}, sheets=sheets)
    scored_by(tmp_path / "r.db", "newer", 2.0, no_da__seed__0="1110", **{REAL: "1110"})
    scores = loaded(tmp_path / "r.db")
    assert (scores.scorer, scores.unscored, scores.real_accuracy) == ("newer", 1, 0.75)


def test_arms_and_seeds_that_a_later_command_did_not_ask_for_stay(tmp_path: Path) -> None:
    arms = {"ours": (0.9, 0.8), "no_da": (0.7, 0.6), "my_own": (0.5, 0.4), "never": (None,)}
    write_scores(tmp_path / "r.db", arms, arms={"my_own": {"seed_shift": 1000}})
    with RecordReader(tmp_path / "r.db") as records:
        whole = records.study("s")
    fewer = {"seeds": 1, "arms": [arm for arm in whole.settings["arms"] if arm["arm"] == "ours"]}
    with RecordWriter(tmp_path / "r.db") as record, record.engine.begin() as connection:
        connection.execute(study_table.update().values(settings=json.dumps(fewer)))
    scores = loaded(tmp_path / "r.db")
    assert [(arm.slug, arm.title, arm.seeds) for arm in scores.arms] == [
        ("ours", "Ours", (0, 1)),
        ("no_da", "No da", (0, 1)),
        ("my_own", "My own", (0, 1)),
    ]
    assert (scores.finished, scores.planned) == (6, 6)
    content = ablation_content(scores)
    assert (content["caption"]["seeds"], content["rows"][2]["difference"]) == (2, pytest.approx(-40.0))


def test_the_papers_figures_stand_beside_its_data_set_alone(tmp_path: Path) -> None:
    write_scores(tmp_path / "r.db", {"ours": (0.9,), "no_da": (0.7,)}, dataset={**DATASET, "name": "mug"})
    rows = ablation_content(loaded(tmp_path / "r.db"))["rows"]
    assert [(row["paper"], row["paper_agrees"]) for row in rows] == [(None, None)] * 2


def test_an_arm_with_seeds_that_ours_has_not_is_said(tmp_path: Path) -> None:
    write_scores(tmp_path / "r.db", {"ours": (0.9, 0.8), "no_da": (0.7, 0.5, 0.6)})
    content = ablation_content(loaded(tmp_path / "r.db"))
    assert (content["rows"][1]["n_seeds"], content["rows"][1]["n_pairs"]) == (3, 2)
    assert any("that Ours has completed as well: No Da 2 of 3" in note for note in content["caption"]["notes"])
    assert any("with 2 paired seeds it cannot be below 0.5" in note for note in content["caption"]["notes"])
    assert ablation_table(loaded(tmp_path / "r.db")).records[1]["n_pairs"] == 2


def test_tau_and_its_interval_use_the_seeds_that_all_arms_have(tmp_path: Path) -> None:
    # The paper's order is ours, no_da, no_ym. It is that of seeds 0 and 1, and the third seed of no_ym reverses it.
    scores = {"ours": (0.9, 0.8, 0.0), "no_da": (0.7, 0.6, None), "no_ym": (0.5, 0.4, 1.0)}
    write_scores(tmp_path / "r.db", scores)
    content = ablation_content(loaded(tmp_path / "r.db"))
    order = content["caption"]["order"]
    assert (order["tau"], order["ci95"], order["n_seeds"]) == (pytest.approx(1.0), pytest.approx([1.0, 1.0]), 2)
    assert any("3 arms and the 2 seeds that all of them have completed" in note for note in content["caption"]["notes"])


def test_tau_needs_a_seed_that_all_arms_have(tmp_path: Path) -> None:
    write_scores(tmp_path / "r.db", {"ours": (0.9, 0.8), "no_da": (0.7, None), "no_ym": (None, 0.4)})
    assert ablation_content(loaded(tmp_path / "r.db"))["caption"]["order"] is None


def test_runs_that_are_not_scored_again_yet_are_left_out(tmp_path: Path) -> None:
    write_scores(tmp_path / "r.db", {"ours": (0.9,), "no_da": (0.5,)}, sheets={"ours-seed-0": sheet("1100")})
    scores = loaded(tmp_path / "r.db")
    assert (scores.clipwise, scores.unscored, scores.finished) == (True, 1, 2)
    written = ablation_table(scores)
    assert [row["mean"] for row in written.content["rows"]] == [50.0, None]
    assert "1 of 2 runs is excluded: not scored in the same way as the others" in written.text.caption


def test_more_seeds_than_can_be_counted_out(tmp_path: Path) -> None:
    write_scores(tmp_path / "r.db", {"ours": (0.9, 0.8) * 11, "no_da": (0.7, 0.6) * 11})
    row = ablation_content(loaded(tmp_path / "r.db"))["rows"][1]
    assert (row["n_seeds"], row["difference"], row["p_exact"]) == (22, pytest.approx(-20.0), None)
    assert row["p_holm"] < 0.001
