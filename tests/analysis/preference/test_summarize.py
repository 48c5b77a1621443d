"""From answers to Table 5: counted, excluded and exchanged."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from amc.errors import UserError
from analysis import __main__ as analysis_main
from analysis.preference.answers import read_answers
from analysis.preference.design import LEFT, Design, ExclusionRule
from analysis.preference.exchange import read_csv, write_csv
from analysis.preference.exclusion import rater_records
from analysis.preference.results import results_of
from analysis.preference.store import AnswerStore
from tests.analysis.preference.made_videos import made_study
from tests.analysis.preference.simulated_raters import answers_of, attentive


@pytest.fixture(scope="module")
def design(tmp_path_factory: pytest.TempPathFactory) -> Design:
    return made_study(tmp_path_factory.mktemp("study"), labels="both", naming=True, conditions=12)[1]


@pytest.fixture
def study(tmp_path: Path) -> tuple[Path, Design]:
    return made_study(tmp_path, labels="hidden", naming=True)


def test_a_known_preference_is_counted_whatever_side_it_was_on(design: Design) -> None:
    results = results_of(design, answers_of(design, 3))
    assert [one.share for one in results.preferences] == [1, 0, 1, 0]
    assert [one.comparison.other for one in results.preferences] == ["cdna", "truth", "cdna", "truth"]
    # A third of the conditions show `nod`, which these raters always answer.
    nod = np.mean([one.label == "nod" for one in design.conditions if not one.label_shown])
    assert [one.share for one in results.naming] == [pytest.approx(nod)] * 3
    assert results.alpha_pairs == 1
    assert results.median_seconds == 2.5
    strengths = results.strengths[True]
    assert strengths["truth"].value > strengths["amc"].value > strengths["cdna"].value


def test_holm_is_over_all_comparisons(design: Design) -> None:
    results = results_of(design, answers_of(design, 40))
    p = [one.p or 0 for one in results.preferences]
    assert min(one.p_holm or 0 for one in results.preferences) == pytest.approx(min(1, 4 * min(p)))


def test_raters_are_excluded_by_the_rule_alone(design: Design) -> None:
    always_left = answers_of(design, 1, lambda *_: LEFT, first=1)
    # The naming questions of a rater who presses one key need a valid answer.
    always_left = [replace(one, answer="nod") if one.question.startswith("naming") else one for one in always_left]
    unfinished = answers_of(design, 1, first=2)[:-1]
    answers = answers_of(design, 1) + always_left + unfinished
    reasons = [record.excluded for record in rater_records(design, answers)]
    assert reasons[0] is None
    assert reasons[1] == "6 of 12 catch trials right (10 needed)"
    assert reasons[2] is not None
    assert reasons[2].startswith("unfinished")
    results = results_of(design, answers)
    assert results.counted == 1
    assert results.preferences[0].interval is None


def test_a_rater_who_flips_coins_is_excluded_with_the_stated_probability() -> None:
    rule = ExclusionRule.for_trials(12)
    right = np.random.default_rng(0).binomial(12, 0.5, 100_000)
    assert np.mean(right < rule.least_right) == pytest.approx(rule.coin_excluded, abs=0.002)


def test_answers_that_the_design_does_not_ask_for_are_refused(design: Design) -> None:
    answers = answers_of(design, 1)
    for wrong in (
        replace(answers[3], question="pair:cdna:9999"),
        replace(answers[3], answer="both"),
        replace(answers[3], position=9999),
    ):
        with pytest.raises(UserError, match=r"answer of rater 0 at position (3|9999)"):
            results_of(design, [wrong])


def test_csv_keeps_every_answer(tmp_path: Path, design: Design) -> None:
    answers = [replace(one, seconds=None, window=None) for one in answers_of(design, 1)] + answers_of(
        design, 1, first=3
    )
    write_csv(design, answers, tmp_path / "answers.csv")
    assert read_csv(design, tmp_path / "answers.csv") == answers
    with (tmp_path / "answers.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(answers)
    pairs = [row for row in rows if row["question"].startswith("pair:cdna")]
    assert {row["chosen"] for row in pairs} == {"amc"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rater,position\n", "lacks the column 'question'"),
        ("rater,position,question,answer\nx,0,training,left\n", "line 2"),
        ("rater,position,question,answer\n0,0,training,up\n", "not one of left, right"),
        ("rater,position,question,answer\n0,0,training,left\n0,0,training,left\n", "two answers"),
        ("rater,position,question,answer\n0,5,training,left\n", "asks no question"),
    ],
)
def test_wrong_csv_files_are_refused(tmp_path: Path, design: Design, text: str, message: str) -> None:
    (tmp_path / "wrong.csv").write_text(text)
    with pytest.raises(UserError, match=message):
        read_csv(design, tmp_path / "wrong.csv")


def test_the_command_imports_summarizes_and_exports(
    tmp_path: Path, study: tuple[Path, Design], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, design = study
    answers = answers_of(design, 4, attentive)
    write_csv(design, answers, tmp_path / "in.csv")
    command = ["preference", "summarize", str(folder)]
    assert analysis_main.main([*command, "--import", str(tmp_path / "in.csv"), "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["caption"]["answers"] == len(answers)
    assert content["rows"][0]["mean"] == 100
    assert content["rows"][0]["paper_mug"] == 80.8
    names = {path.name for path in (folder / "results").iterdir()}
    assert {f"table5.{suffix}" for suffix in ("md", "tex", "csv", "json")} <= names
    assert {"naming.md", "strengths.md", "raters.md", "preference.html"} <= names
    assert "Krippendorff" in (folder / "results" / "preference.html").read_text()
    # Importing again would count the answers twice.
    assert analysis_main.main([*command, "--import", str(tmp_path / "in.csv")]) == 2
    assert "already has answers" in capsys.readouterr().err
    assert len(read_answers(folder)) == len(answers)
    assert analysis_main.main([*command, "--export", str(tmp_path / "out.csv")]) == 0
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "in.csv").read_bytes()


def test_a_study_without_answers_has_an_empty_table(
    study: tuple[Path, Design], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, _ = study
    assert analysis_main.main(["preference", "summarize", str(folder)]) == 0
    assert "NOT FINISHED: 0 of 4 planned raters count" in capsys.readouterr().out
    assert not (folder / "answers.db").exists()


def test_answers_to_another_design_are_refused(study: tuple[Path, Design], capsys: pytest.CaptureFixture[str]) -> None:
    folder, design = study
    with AnswerStore(folder) as store:
        store.add(answers_of(design, 1))
    path = folder / "design.json"
    path.write_text(path.read_text().replace('"alpha": 0.05', '"alpha": 0.1'))
    assert analysis_main.main(["preference", "summarize", str(folder)]) == 2
    assert "another design" in capsys.readouterr().err
