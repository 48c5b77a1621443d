"""Table 3 from records written by hand: two data sets, three methods, two seeds."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from amc.errors import UserError
from amc.evaluation.score_sheet import LAST_SEEN, REAL, STILL
from analysis.cli.tables import add_arguments
from analysis.record.members import read_members, write_members
from analysis.record.reading import RecordReader
from analysis.record.rows import SheetRow
from analysis.record.writing import RecordWriter
from analysis.report.ablation_page import ablation_page
from analysis.report.joint_page import joint_page
from analysis.report.methods_summary import reaches_reference
from analysis.report.sections.definitions import definitions_section
from analysis.report.sections.provenance import provenance_section
from analysis.report.write import render
from analysis.scores.load_study import load_study
from analysis.scores.study_scores import StudyScores
from analysis.statistics.holm import holm
from analysis.tables.layout.formats import csv_text, markdown
from analysis.tables.layout.latex import latex
from analysis.tables.metrics import metrics_content
from analysis.tables.table3 import methods_content, methods_table, methods_text
from analysis.tables.table4 import compared_rows
from tests.analysis.hand_made import DATASET, sheet, write_scores

FACTS: Mapping[str, Mapping[str, Any]] = {
    "ours": {"title": "AMC-GAN (ours)", "frames_seen": 1, "sees_motion": True, "method": "amc_gan"},
    "cdna": {"title": "CDNA", "frames_seen": 1, "sees_motion": True, "method": "cdna"},
    "mcnet": {"title": "MCnet", "frames_seen": 4, "sees_motion": False, "method": "mcnet"},
}
# Marks of 8 clips by method and seed: a 1 is a clip whose requested class is recognised.
MARKS = {"ours": ("11111111", "11111101"), "cdna": ("10000000", "00000001"), "mcnet": ("11110000", "00001111")}
SPLIT = {"rule": "subject", "seed": 0, "train": 64, "validation": 8, "test": 8}
PAPER = {"natops": {"ours": 91.12, "cdna": 6.80, "mcnet": 12.76}, "mug": {"ours": 99.79, "cdna": 35.38, "mcnet": 43.22}}


TUNED = {"margins.motion": 0.25, "optimizer.lr_generator": 1e-3}


def record(runs: Path, data: str, *, settings: Mapping[str, Any] | None = None, folds: int = 0, **dataset: Any) -> str:
    """Writes the study of a data set, t3-DATA, and returns its name."""
    name = f"t3-{data}"
    path = runs / name / "record.db"
    path.parent.mkdir(parents=True)
    sheets = {f"{arm}-seed-{seed}": sheet(marks) for arm, some in MARKS.items() for seed, marks in enumerate(some)}
    arms = [{"arm": arm, "changes": {}, "paper": PAPER[data][arm], **facts} for arm, facts in FACTS.items()]
    facts = {**DATASET, "name": data, "fingerprint": data[0] * 64, "clips": 80, "split": SPLIT, **dataset}
    scores = {arm: tuple(marks.count("1") / 8 for marks in some) for arm, some in MARKS.items()}
    merged = {"seeds": 2, "arms": arms, **(settings or {})}
    write_scores(path, scores, name=name, sheets=sheets, dataset=facts, kind="table3", settings=merged, folds=folds)
    with RecordWriter(path) as writer:
        for key, marks in ((REAL, "11111111"), (STILL, "10000000"), (LAST_SEEN, "11100000")):
            writer.put_score_sheet(SheetRow(name, key, "made", 1.0, sheet(marks).to_dict()))
    return name


def load(runs: Path, *names: str) -> list[StudyScores]:
    found = []
    for name in names:
        with RecordReader(runs / name / "record.db") as records:
            found.append(load_study(records, name))
    return found


def test_a_row_for_each_data_set_and_method_with_the_papers_value_and_the_frames_seen(tmp_path: Path) -> None:
    content = methods_content(load(tmp_path, record(tmp_path, "natops"), record(tmp_path, "mug")), "t3")
    rows = {(row["dataset"], row["arm"]): row for row in content["rows"]}
    assert list(rows) == [(data, arm) for data in ("natops", "mug") for arm in FACTS]
    for (data, arm), row in rows.items():
        assert row["paper"] == PAPER[data][arm]
        assert row["frames_seen"] == FACTS[arm]["frames_seen"]
        assert row["mean"] == pytest.approx(100 * sum(marks.count("1") for marks in MARKS[arm]) / 16)
    assert rows["mug", "mcnet"]["difference"] == pytest.approx(50 - 93.75)
    assert rows["mug", "mcnet"]["n_pairs"] == 2
    caption = content["caption"]
    assert (caption["study"], caption["dataset"], caption["origin"]) == ("t3", "natops,mug", "procedural")
    assert (caption["compared"], caption["runs"], caption["runs_planned"]) == (4, 12, 12)
    for one in caption["datasets"]:
        assert one["first_frame_accuracy"] == 12.5
        assert one["last_seen_accuracy"] == 37.5
        assert one["real_accuracy"] == 100


def test_holm_corrects_over_all_rows_of_the_table(tmp_path: Path) -> None:
    studies = load(tmp_path, record(tmp_path, "natops"), record(tmp_path, "mug"))
    plain = [row["p"] for scores in studies for row in compared_rows(scores)[0] if row["p"] is not None]
    rows = [row for row in methods_content(studies)["rows"] if row["arm"] != "ours"]
    assert [row["p_holm"] for row in rows] == pytest.approx(holm(plain))
    alone = [row["p_holm"] for row in methods_content(studies[:1])["rows"] if row["arm"] != "ours"]
    assert alone == pytest.approx(holm(plain[:2]))


@pytest.mark.parametrize(
    ("tune", "said"),
    [(None, "no method tuned"), (5, "each method tuned by a search of 5 trials: AMC-GAN (ours), C")],
)
def test_the_caption_says_which_methods_were_tuned_and_with_how_many_trials(
    tune: int | None, said: str, tmp_path: Path
) -> None:
    content = methods_content(load(tmp_path, record(tmp_path, "natops", settings={"tune": tune} if tune else {})))
    assert said in methods_text(content).caption


def test_notes_say_what_each_method_is_given_and_what_its_search_found(tmp_path: Path) -> None:
    found = {
        "ours": {"trial": "trial-0000", "is_base": True, "validation_accuracy": 0.925, "failed": 0},
        "cdna": {"trial": "trial-0003", "is_base": False, "validation_accuracy": 0.25, "failed": 2},
    }
    arms = [
        {"arm": arm, "changes": {}, "paper": 1.0, **facts, **({"tuned": found[arm]} if arm in found else {})}
        for arm, facts in FACTS.items()
    ]
    notes = methods_content(load(tmp_path, record(tmp_path, "mug", settings={"tune": 5, "arms": arms})))["caption"][
        "notes"
    ]
    assert notes[0] == (
        "Given the class and keypoint velocities: AMC-GAN (ours), CDNA. Given real frames alone: MCnet."
    )
    assert (
        "Validation accuracy of the best trial of each search on mug: AMC-GAN (ours) 92.5% (the settings of the "
        "preset); CDNA 25.0% (2 trials failed)."
    ) in notes


def tuned_record(runs: Path) -> str:
    """A study after searches, whose AMC-GAN has the settings `TUNED`."""
    arms = [
        {"arm": arm, "paper": PAPER["natops"][arm], **facts, "changes": TUNED if arm == "ours" else {}}
        for arm, facts in FACTS.items()
    ]
    return record(runs, "natops", settings={"tune": 5, "arms": arms})


def test_rows_have_the_settings_that_a_method_changes(tmp_path: Path) -> None:
    rows = {row["arm"]: row for row in methods_content(load(tmp_path, tuned_record(tmp_path)))["rows"]}
    assert rows["ours"]["changes"] == TUNED
    assert rows["cdna"]["changes"] == {}


def test_the_report_shows_tuned_settings_beside_the_base_configuration(tmp_path: Path) -> None:
    (scores,) = load(tmp_path, tuned_record(tmp_path))
    folded = dict(provenance_section(scores.row).folded)
    base = folded["Base configuration: AMC-GAN with the settings of its preset, not tuned"]
    assert "margins.motion = 0.25" not in base
    assert "margins.motion = 0.25" in folded["Settings of AMC-GAN (ours) that differ from the base configuration"]
    assert "Settings of CDNA that differ from the base configuration" not in folded
    readings = {row[0]: row[2] for row in definitions_section(scores.row, (), clipwise=True).grids[0].rows}
    assert "motion = 0.25" in readings["R3"]


def test_definitions_do_not_claim_conditions_for_methods_that_see_frames_alone(tmp_path: Path) -> None:
    (scores,) = load(tmp_path, record(tmp_path, "natops"))
    terms = dict(definitions_section(scores.row, (), clipwise=True).terms)
    assert "as many as the method sees" in terms["Test clips and conditions"]
    assert "those that use mismatched conditions or noise" in terms["Seeds"]
    ablation = dict(definitions_section(replace(scores.row, kind="table4"), (), clipwise=True).terms)
    assert "from the first frame and the class of each test clip" in ablation["Test clips and conditions"]
    mcnet = {**scores.row.config, "method": {"name": "mcnet"}}
    search = replace(scores.row, kind="search", config=mcnet)
    assert "as many as" in dict(definitions_section(search, (), clipwise=None).terms)["Test clips and conditions"]


@pytest.mark.parametrize(("tune", "folds", "warned"), [(5, 2, True), (5, 0, False), (None, 2, False)])
def test_a_note_warns_of_searches_on_subjects_that_folds_test(
    tune: int | None, folds: int, warned: bool, tmp_path: Path
) -> None:
    settings = {"tune": tune} if tune else {}
    content = methods_content(load(tmp_path, record(tmp_path, "natops", settings=settings, folds=folds)))
    assert any("subjects that some folds test" in note for note in content["caption"]["notes"]) == warned


@pytest.mark.parametrize("origin", ["procedural", "natops"])
def test_a_note_says_that_the_preset_of_amc_gan_was_searched_on_the_built_in_data(origin: str, tmp_path: Path) -> None:
    content = methods_content(load(tmp_path, record(tmp_path, "natops", origin=origin)))
    said = any("a search of 12 trials" in note for note in content["caption"]["notes"])
    assert said == (origin == "procedural")


def test_notes_name_detectable_differences_rank_agreement_and_methods_that_see_fewer_frames(tmp_path: Path) -> None:
    table = methods_table(load(tmp_path, record(tmp_path, "natops"), record(tmp_path, "mug")), "t3")
    notes = " ".join(table.text.notes)
    assert "Not significantly different from AMC-GAN with 2 paired seeds" in notes
    assert "Holm's correction leaves for 4 comparisons" in notes
    assert "MCnet on mug (" in notes
    for data in ("natops", "mug"):
        assert f"{data}: Rank agreement with the paper over 3 methods and the 2 seeds" in notes
    assert "Kendall's tau 1.00" in notes
    assert "frame 4, the last that any method may see. Methods that see fewer frames: AMC-GAN (ours), CDNA." in notes
    assert "arm" not in notes
    assert all(one["order"]["tau"] == 1 for one in table.content["caption"]["datasets"])


def test_chance_has_the_papers_value_beside(tmp_path: Path) -> None:
    table = methods_table(load(tmp_path, record(tmp_path, "natops"), record(tmp_path, "mug")), "t3")
    assert [row[3] for row in table.text.references if row[0] == "chance"] == ["4.17", "16.67"]
    assert {row[3] for row in table.text.references if row[0] != "chance"} == {"-"}
    chance = {row["dataset"]: row["paper"] for row in table.records if row["arm"] == "chance"}
    assert chance == {"natops": 4.17, "mug": 16.67}


def test_image_quality_is_that_of_frames_that_no_method_has_seen(tmp_path: Path) -> None:
    (scores,) = load(tmp_path, record(tmp_path, "natops"))  # T = 8, of which the last 4 are scored
    frames = {"psnr": (100.0, 100.0, 100.0, 20.0, 22.0, 24.0, 26.0)}
    made = sheet("11111111", clips={"psnr": (61.0,) * 8, "motion_energy": (0.5,) * 8}, frames=frames)
    arms = tuple(replace(arm, runs=tuple(replace(run, sheet=made) for run in arm.runs)) for arm in scores.arms)
    content = metrics_content(replace(scores, arms=arms))
    rows = {row["arm"]: row["values"] for row in content["rows"]}
    assert rows["mcnet"]["psnr"]["mean"] == 23.0
    assert "motion_energy" not in rows["mcnet"]
    assert any("the last 4 frames, which no method has seen" in note for note in content["caption"]["notes"])
    alone = metrics_content(replace(scores, arms=tuple(arm for arm in arms if arm.frames_seen == 1)))
    assert alone["rows"][0]["values"]["psnr"]["mean"] == pytest.approx(61)
    assert alone["rows"][0]["values"]["motion_energy"]["mean"] == pytest.approx(500)


def test_the_four_forms(tmp_path: Path) -> None:
    table = methods_table(load(tmp_path, record(tmp_path, "natops"), record(tmp_path, "mug")), "t3")
    assert table.name == "table3"
    assert json.loads(json.dumps(table.content, allow_nan=False)) == table.content
    lines = markdown(table.text).splitlines()
    assert sum(line.startswith("| AMC-GAN (ours) |") for line in lines) == 2
    assert any(line.startswith("| last seen frame repeated | mug | - | - | 37.5 |") for line in lines)
    assert "MCnet & natops & 4 & 12.76" in latex(table.text, label="table3")
    rows = list(csv.DictReader(io.StringIO(csv_text(table.records))))
    assert len(rows) == 2 * (3 + 4)
    assert {row["dataset"] for row in rows} == {"natops", "mug"}
    assert {row["fingerprint"] for row in rows if row["dataset"] == "mug"} == {"m" * 64}
    assert table.paper is not None
    assert len(table.paper.head) == len(table.paper.rows[0]) == len(table.paper.references[0])
    assert any("exact p" in note for note in table.text.notes)
    assert not any("exact p" in note for note in table.paper.notes)  # it has no such column


@pytest.mark.parametrize(("folds", "of"), [(0, "seeds"), (2, "runs")])
def test_the_standard_deviation_is_that_of_runs_if_a_data_set_has_folds(tmp_path: Path, folds: int, of: str) -> None:
    table = methods_table(load(tmp_path, record(tmp_path, "natops"), record(tmp_path, "mug", folds=folds)))
    assert table.paper is not None
    assert table.text.head[4] == f"mean ± SD of {of}, %"
    assert table.paper.notes[0] == f"SD: standard deviation over {of}."


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "natops"}, "have the same data set"),
        ({"origin": "mug"}, "their origins differ"),
        ({"settings": {"tune": 3}}, "their numbers of tuning trials differ"),
    ],
)
def test_studies_that_cannot_be_compared_are_refused(changes: dict[str, Any], said: str, tmp_path: Path) -> None:
    studies = load(tmp_path, record(tmp_path, "natops"), record(tmp_path, "mug", **changes))
    with pytest.raises(UserError, match=said):
        methods_content(studies)


def test_recorded_clips_of_two_data_sets_can_be_in_one_table(tmp_path: Path) -> None:
    names = record(tmp_path, "natops", origin="natops"), record(tmp_path, "mug", origin="mug")
    assert methods_content(load(tmp_path, *names))["caption"]["origin"] == "natops,mug"


def test_table_and_report_are_written_again_by_the_name_of_the_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from amc.cli.command import Parser

    names = [record(tmp_path, data) for data in ("natops", "mug")]
    write_members(tmp_path / "t3", names)
    assert read_members(tmp_path / "t3") == names
    assert read_members(tmp_path / names[0]) == []
    parser = Parser()
    add_arguments(parser)
    args = parser.parse_args(["--study", "t3", "--runs", str(tmp_path), "--json"])
    args.run(args)
    content = json.loads(capsys.readouterr().out)
    assert content == json.loads((tmp_path / "t3" / "tables" / "table3.json").read_text())
    assert content == methods_content(load(tmp_path, *names), "t3")


def test_the_page_of_both_data_sets_says_what_was_found(tmp_path: Path) -> None:
    names = [record(tmp_path, data) for data in ("natops", "mug")]
    with RecordReader(tmp_path / names[0] / "record.db") as one, RecordReader(tmp_path / names[1] / "record.db") as two:
        page = joint_page([(one, names[0]), (two, names[1])], tmp_path, "t3")
    assert "natops: AMC-GAN reaches 93.8%" in page.summary.answer
    assert "mug: AMC-GAN reaches 93.8%" in page.summary.answer
    findings = {finding.title: finding for finding in page.summary.findings}
    assert len(findings["Differences to AMC-GAN"].items) == 4
    assert "No method was tuned" in findings["Tuning"].text
    assert "last seen frame repeated 37.5%" in findings["Reference accuracies"].items[0]
    assert "CDNA on natops (3.0 to 52.9)" in findings["Not shown to be better than a reference"].text
    anchors = [section.anchor for section in page.sections]
    assert len(set(anchors)) == len(anchors)
    html = render(page)
    assert "--table 3 --arms cdna,mcnet" in html
    assert "t3-mug/report.html" in html


@pytest.mark.parametrize(
    ("frames_seen", "interval", "listed"),
    [
        (1, (20.0, 30.0), False),
        (4, (20.0, 30.0), True),  # it sees frame 4, whose repetition has 25%
        (1, (0.0, 3.0), True),  # below chance
        (1, (4.0, 30.0), True),
        (1, None, False),
    ],
)
def test_a_method_is_held_to_the_references_that_it_could_reach(
    frames_seen: int, interval: tuple[float, float] | None, listed: bool
) -> None:
    caption = {"datasets": [{"dataset": "mug", "chance": 4.2, "first_frame_accuracy": 5.0, "last_seen_accuracy": 25.0}]}
    row = {"dataset": "mug", "frames_seen": frames_seen, "ci95": interval}
    assert reaches_reference(row, caption) is listed


def test_the_report_and_its_figures_speak_of_methods(tmp_path: Path) -> None:
    """No "arm" and no "Ours" in what a reader sees, beside the title that says which method is ours."""
    name = record(tmp_path, "natops")
    with RecordReader(tmp_path / name / "record.db") as records:
        page = ablation_page(records, name, tmp_path / name, tmp_path / name)
    sections = [replace(section, commands=(), folded=()) for section in page.sections]
    text = re.sub(r"<[^>]*>|data:[^\"]*", " ", render(replace(page, sections=tuple(sections))))
    text += " ".join(picture.alt for section in sections for picture in section.pictures)
    said = [text[at.start() - 60 : at.end() + 60] for at in re.finditer(r"\b[Aa]rms?\b|\bOurs\b", text)]
    assert not said
    drawn = " ".join(path.read_text() for path in (tmp_path / name / "figures").glob("*.svg"))
    assert not re.findall(r">[^<]*\b(?:[Aa]rms?|Ours)\b[^<]*<", drawn)
