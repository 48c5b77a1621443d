from __future__ import annotations

import itertools
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ablations.arms import TABLE_4
from amc.errors import UserError
from analysis.record.reading import RecordReader
from analysis.record.writing import RecordWriter
from analysis.report.sections.definitions import definitions_section
from analysis.report.sections.provenance import provenance_section
from analysis.report.write import write_report
from tests.analysis.made_study import RIGHT, write_study
from tests.analysis.report.planted import Reader, write_gif, write_search

STUDY = "made-smoke-table4"
HOSTILE = '<script>alert("it\'s & out")</script>'


def made(folder: Path, study: str = STUDY, samples: Path | None = None) -> str:
    with RecordReader(folder / "record.db") as records:
        path = write_report(records, study, samples or folder / "none", folder / "out")
    assert path == folder / "out" / "report.html"
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study that is finished, with moving clips of two arms."""
    folder = tmp_path_factory.mktemp("whole")
    write_study(folder / "record.db")
    for key in ("real", "ours-seed-0", "no_da-seed-1"):
        write_gif(folder / "samples" / key / "row.gif")
    return folder


@pytest.fixture(scope="module")
def page(whole: Path) -> str:
    return made(whole, samples=whole)


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures take seconds, and have tests of their own."""
    monkeypatch.setattr("analysis.report.ablation_page.draw_all", lambda *_: [])


def test_nothing_is_fetched_and_no_script_runs(page: str) -> None:
    reader = Reader(page)
    assert not {"script", "link", "iframe", "object", "base"} & {tag for tag, _ in reader.tags}
    for _, attributes in reader.tags:
        assert not [name for name in attributes if name.startswith("on")]
        assert attributes.get("src", "data:").startswith("data:")
        assert attributes.get("href", "#").startswith("#")
        assert "srcset" not in attributes
    style = page.partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style
    (policy,) = (tag["content"] for tag in reader.all("meta") if "http-equiv" in tag)
    assert policy.startswith("default-src 'none'")


def test_everything_that_tags_open_they_close(page: str) -> None:
    assert Reader(page).open == []


def test_every_link_leads_to_a_part_of_the_page(page: str) -> None:
    reader = Reader(page)
    places = [attributes["id"] for _, attributes in reader.tags if "id" in attributes]
    assert len(places) == len(set(places))
    links = [attributes["href"] for attributes in reader.all("a")]
    assert {link.removeprefix("#") for link in links} <= set(places)
    assert {f"#{attributes['id']}" for attributes in reader.all("section")} <= set(links)


def test_accessible(page: str) -> None:
    reader = Reader(page)
    assert reader.all("html") == [{"lang": "en"}]
    assert all(image["alt"].strip() for image in reader.all("img"))
    assert all(head.get("scope") in ("col", "row") for head in reader.all("th"))
    levels = [int(tag[1]) for tag, _ in reader.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_the_whole_study(page: str) -> None:
    text = Reader(page).text
    assert "30 of 30" in text
    assert "NOT FINISHED" not in text
    assert "origin=procedural: the clips are a stand-in" in text
    for arm in TABLE_4:
        assert arm.title in text
    for said in ("Kendall", "Holm", "ab" * 32, "0123456", "PSNR", "turn left", "R13", "core hours"):
        assert said in text
    assert "python ablations/run_all.py --dataset natops --preset smoke" in text
    assert f"python -m analysis report --study {STUDY}" in text


def test_moving_clips_stand_beside_their_first_frames(page: str) -> None:
    reader = Reader(page)
    moving = [image for image in reader.all("img") if image.get("class") == "moving"]
    still = [image for image in reader.all("img") if image.get("class") == "still"]
    assert len(moving) == len(still) == 3
    assert all(image["src"].startswith("data:image/gif;base64,") for image in moving)
    assert all(image["src"].startswith("data:image/png;base64,") for image in still)
    assert "No Da no_da-seed-1, test clips" in reader.text
    assert "The study's folder has no animated clips of: No ya" in reader.text


def test_the_same_bytes_again(whole: Path, page: str) -> None:
    assert made(whole, samples=whole) == page


def test_half_done(tmp_path: Path) -> None:
    write_study(tmp_path / "record.db", done=13)
    text = Reader(made(tmp_path)).text
    assert "NOT FINISHED: 13 of 30 runs are complete." in text
    assert "13 COMPLETE, 1 RUNNING" in text


@pytest.mark.usefixtures("undrawn")
def test_nothing_done(tmp_path: Path) -> None:
    write_study(tmp_path / "record.db", done=0)
    text = Reader(made(tmp_path)).text
    assert "No results yet: no run of Ours is complete" in text
    assert "NOT FINISHED: 0 of 30" in text


@pytest.mark.usefixtures("undrawn")
def test_a_record_of_before_score_sheets_shows_what_there_is(tmp_path: Path) -> None:
    write_study(tmp_path / "record.db", sheets=False)
    text = Reader(made(tmp_path)).text
    assert "30 of 30" in text
    assert "the record has no per-clip scores" in text
    assert "intervals are Student's t over seeds alone" in text


@pytest.mark.usefixtures("undrawn")
def test_one_seed(tmp_path: Path) -> None:
    write_study(tmp_path / "record.db", seeds=1)
    assert "No conclusion about which parts matter is possible" in Reader(made(tmp_path)).text


@pytest.mark.usefixtures("undrawn")
def test_planted_effects_reach_the_answer(tmp_path: Path) -> None:
    right = dict.fromkeys(RIGHT, 0.9) | {"no_ym": 1 / 3, "no_dm": 0.34}
    arms = [arm for arm in TABLE_4 if arm.slug in ("ours", "no_ym", "no_dm", "no_lrank")]
    write_study(tmp_path / "record.db", arms=arms, right=right, seeds=6)
    answer = made(tmp_path).partition('class="answer">')[2].partition("</p>")[0]
    assert "No ym" in answer.partition(".")[0]
    assert "No Dm" in answer.partition(".")[0]
    assert "No Lrank" in answer.partition(".")[2]


@pytest.mark.usefixtures("undrawn")
def test_names_from_outside_are_text(tmp_path: Path) -> None:
    arms = (*TABLE_4[:2], replace(TABLE_4[5], title=HOSTILE))
    write_study(tmp_path / "record.db", arms=arms, versions={"git": HOSTILE, HOSTILE: '"><img src=x>'})
    page = made(tmp_path)
    assert "<script" not in page
    reader = Reader(page)
    assert not [image for image in reader.all("img") if image["src"] == "x"]
    assert HOSTILE in reader.text
    assert reader.open == []


def test_a_failure_s_reason_is_text(tmp_path: Path) -> None:
    write_search(tmp_path / "record.db", reason=HOSTILE)
    page = made(tmp_path, "made-smoke-search")
    assert "<script" not in page
    assert HOSTILE in Reader(page).text


def test_a_search(tmp_path: Path) -> None:
    write_search(tmp_path / "record.db", reason="out of memory")
    write_gif(tmp_path / "samples" / "trial-2" / "clips.gif")
    page = made(tmp_path, "made-smoke-search", tmp_path)
    reader = Reader(page)
    text = reader.text
    assert "The search of 4 trials returns trial-2: validation accuracy 80.0%." in text
    assert "Confirmed with 2 new seeds, it reaches 70.0% on the test clips" in text
    assert "(95% interval 6.5 to 100.0, Student's t over seeds)." in text
    assert "trial-0: 60.0%" in text
    assert "out of memory" in text
    assert "python tuning/run_search.py --dataset natops --preset smoke --split-rule subject --trials 4" in text
    assert len([image for image in reader.all("img") if image.get("class") == "moving"]) == 1
    assert "NOT FINISHED" not in text
    assert made(tmp_path, "made-smoke-search", tmp_path) == page


@pytest.mark.usefixtures("undrawn")
def test_large_clips_are_left_out_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_study(tmp_path / "record.db", arms=TABLE_4[:2])
    for arm in TABLE_4[:2]:
        write_gif(tmp_path / "samples" / f"{arm.slug}-seed-0" / "clips.gif", side=64)
    size = (tmp_path / "samples" / "ours-seed-0" / "clips.gif").stat().st_size
    monkeypatch.setattr("analysis.report.sections.animated_clips.BUDGET", size + 1)
    assert "Omitted to keep this page small: No ya" in Reader(made(tmp_path, samples=tmp_path)).text


@pytest.mark.usefixtures("undrawn")
def test_clips_that_are_left_out_take_no_room_from_those_that_follow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_study(tmp_path / "record.db", arms=TABLE_4[:3])
    for arm, side in zip(TABLE_4[:3], (16, 64, 16), strict=True):
        write_gif(tmp_path / "samples" / f"{arm.slug}-seed-0" / "clips.gif", side=side)
    size = (tmp_path / "samples" / "ours-seed-0" / "clips.gif").stat().st_size
    monkeypatch.setattr("analysis.report.sections.animated_clips.BUDGET", 2 * size)
    text = Reader(made(tmp_path, samples=tmp_path)).text
    assert "Omitted to keep this page small: No ya; see" in text
    assert "No ym no_ym-seed-0" in text


@pytest.mark.usefixtures("undrawn")
def test_pictures_that_cannot_be_read_count_as_absent_and_are_named(tmp_path: Path) -> None:
    write_study(tmp_path / "record.db", arms=TABLE_4[:2])
    for key in ("real", "ours-seed-0", "no_ya-seed-0"):
        write_gif(tmp_path / "samples" / key / "row.gif", side=64)
    write_gif(tmp_path / "samples" / "ours-seed-0" / "clips.gif")
    for key in ("real", "ours-seed-0", "no_ya-seed-0"):
        path = tmp_path / "samples" / key / "row.gif"
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2] if key == "real" else b"")
    (tmp_path / "samples" / "ours-seed-1").mkdir()
    (tmp_path / "samples" / "ours-seed-1" / "figure3.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    reader = Reader(made(tmp_path, samples=tmp_path))
    assert len([image for image in reader.all("img") if image.get("class") == "moving"]) == 1
    assert "Ours ours-seed-0, validation clips" in reader.text  # the larger grid stands in
    assert "The study's folder has no animated clips of: Real clips and No ya." in reader.text
    names = "real/row.gif, ours-seed-0/row.gif and no_ya-seed-0/row.gif"
    assert f"Skipped because they cannot be read: {names} in samples/" in reader.text
    assert "Skipped because they cannot be read: ours-seed-1/figure3.png in" in reader.text


@pytest.mark.usefixtures("undrawn")
def test_what_was_begun_and_scored_by_different_versions_says_so(tmp_path: Path) -> None:
    write_study(tmp_path / "record.db", done=4)
    with RecordReader(tmp_path / "record.db") as records:
        row = records.study(STUDY)
    section = provenance_section(row)
    assert dict(section.terms)["Source revision"] == "0123456"
    assert section.grids[0].head == ("package", "version")
    later = {**row.versions, "git": "89abcde+", "torch": "2.14.0"}
    section = provenance_section(replace(row, settings={**row.settings, "versions_last": later}))
    terms = dict(section.terms)
    assert terms["Source revision at the start"] == "0123456"
    last = "Source revision that last scored and reported it"
    assert terms[last] == "89abcde, with uncommitted changes"
    assert ("torch", "2.13.0", "2.14.0") in section.grids[0].rows


def test_no_folder_of_the_machine_is_on_the_page(tmp_path: Path) -> None:
    write_search(tmp_path / "record.db", reason="cannot read /srv/me/data/clips.h5: '/srv/me/my data/x.bin' is gone")
    with RecordWriter(tmp_path / "record.db") as record, record.lock_study("made-smoke-search"):
        settings = record.study("made-smoke-search").settings
        more = {"lpips": "/srv/me/lpips.safetensors", "warm_start": ["/srv/me/runs/first"]}
        record.update_study("made-smoke-search", settings={**settings, **more})
    page = made(tmp_path, "made-smoke-search")
    assert "/srv/me" not in page
    assert str(tmp_path) not in page
    text = Reader(page).text
    assert "cannot read clips.h5: 'x.bin' is gone" in text
    assert "lpips.safetensors" in text
    assert "--warm-start first" in text


def test_arms_with_seeds_of_their_own_are_no_pairs(tmp_path: Path) -> None:
    write_study(tmp_path / "record.db", done=0)
    with RecordReader(tmp_path / "record.db") as records:
        row = records.study(STUDY)
    assert "Exception" not in str(definitions_section(row, (), clipwise=True))
    again = {"arm": "ours_again", "title": "Ours, other seeds", "seed_shift": 10_000}
    row = replace(row, settings={**row.settings, "arms": [*row.settings["arms"], again]})
    terms = dict(definitions_section(row, (), clipwise=True).terms)
    assert "Exception: \u201cOurs, other seeds\u201d uses its own seeds" in terms["Seeds"]


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    write_study(tmp_path / "record.db", done=0)
    (tmp_path / "out").write_text("in the way")
    with pytest.raises(UserError, match="cannot write"):
        made(tmp_path)


def test_an_unknown_study_leaves_nothing(tmp_path: Path) -> None:
    write_study(tmp_path / "record.db", done=0)
    with pytest.raises(UserError, match="no study"):
        made(tmp_path, "another")
    assert not (tmp_path / "out").exists()


def test_neither_ray_nor_torch_is_loaded() -> None:
    code = "import sys, analysis.report; print([name for name in ('ray', 'torch', 'mlflow') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
