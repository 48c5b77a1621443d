"""`--dry-run` as a person uses it: real probes of tiny trials, and a record that is there already."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ablations import table3
from ablations.cli import main as ablate
from amc.config import natops
from amc.data.training_data import prepare
from amc.methods import BUILT_IN, load_config, with_method
from amc.training.generator_file import save_generator
from amc.training.run import Run
from analysis.record.rows import StudyRow, TrialRow
from analysis.record.writing import RecordWriter
from tests.file_states import file_states
from tests.toy import write_toy_file
from tuning.cli.search import _parser, main, prepare_study
from tuning.planning import disk, dry_run, probe

pytestmark = pytest.mark.filterwarnings("default")
FIELDS = {"trials", "steps", "device_hours", "wall_seconds", "wall_seconds_range", "disk_bytes", "source", "places"}


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy_file(Path(tmp_path_factory.mktemp("data")) / "squares.h5")


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dry_run, "run_probe", functools.partial(probe.run_probe, seconds=0.2))


def arguments(clips: Path, out: Path, *more: str) -> list[str]:
    return ["--data", str(clips), "--preset", "smoke", "--workers", "1", "--out", str(out), *more]


def printed(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def test_a_search_is_forecast_from_a_probe_and_nothing_of_it_is_there(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "runs"
    assert (
        main(arguments(clips, out, "--trials", "3", "--finalists", "1", "--confirm-seeds", "1", "--dry-run", "--json"))
        == 0
    )
    found = printed(capsys)
    assert set(found) >= FIELDS
    assert (found["trials"], found["confirming"], found["on_record"]) == (3, 1, 0)
    # Trials of 40 steps, with a rung at 10 and one at 30, and a confirming run of 40.
    assert found["steps_range"] == [40 + 2 * 10 + 40, 160]
    assert 100 <= found["steps"] <= 160
    low, high = found["wall_seconds_range"]
    assert 0 < low <= found["wall_seconds"] <= high
    assert found["device"] == "cpu core"
    assert found["device_hours"] > 0
    assert found["source"]["kind"] == "probe"
    assert found["source"]["step"] > 0
    assert found["disk_bytes"] == sum(found["disk"].values()) > 1_000_000
    # Of the confirming run alone.
    study = prepare_study(_parser().parse_args(arguments(clips, out)))
    assert found["disk"]["generators"] == disk.generator_bytes(load_config(study.row.config))
    assert found["places"]["record"] == str(out / "squares-smoke-search" / "record.db")
    assert found["places"]["tracking"] == f"sqlite:///{out / 'mlflow.db'}"
    assert not out.exists()


def test_ablations_for_a_person(clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "runs"
    assert ablate(arguments(clips, out, "--arms", "no_da", "--seeds", "2", "--dry-run")) == 0
    text = capsys.readouterr().out
    rows = dict(line.strip().split("  ", 1) for line in text.splitlines()[1:])
    rows = {name: value.strip() for name, value in rows.items()}
    assert rows["trials"] == "4"
    assert rows["steps"] == "160"
    assert rows["based on"].startswith("a probe with 1 in parallel: ")
    assert rows["study"] == str(out / "squares-smoke-table4")
    assert not out.exists()


@pytest.mark.parametrize("method", BUILT_IN)
def test_a_generator_is_as_large_as_is_forecast(method: str, clips: Path, tmp_path: Path) -> None:
    base = load_config(prepare_study(_parser().parse_args(arguments(clips, tmp_path))).row.config)
    config = with_method(base, method)
    run = Run(config, prepare(config, clips))
    path = tmp_path / "generator.safetensors"
    save_generator(path, run)
    assert path.stat().st_size == pytest.approx(disk.generator_bytes(config), abs=5_000)


def test_scoring_is_forecast_by_what_it_generates() -> None:
    split = {"test": 60, "validation": 30}
    # Four versions of 60 test clips, and as many clips as an evaluation has, 30.
    assert dry_run.score_ratio(natops("smoke"), split) == 9
    # Two of a method for which velocities change nothing.
    assert dry_run.score_ratio(with_method(natops("smoke"), "mcnet"), split) == 5


def written(
    study: Any, states: Mapping[int, tuple[str, int, float]], seconds: Mapping[int, float] | None = None
) -> None:
    """Puts trials of a study on record: state, steps and value by number. A report every 10 steps.

    Args:
        seconds: of a step, by number; 0.25 by default.
    """
    row: StudyRow = study.row
    with RecordWriter(study.folder / "record.db") as record:
        record.create_study(row)
        for number, (state, steps, value) in states.items():
            proposal = study.sources[0].propose(record.trials(row.name), record.curves(row.name))
            assert proposal is not None
            fields = {"key": proposal.key, "role": "trial", "number": number, "parent": None, "state": "WAITING"}
            fields |= {"study": row.name, "params": proposal.params, "config": proposal.config.to_dict()}
            record.add_trial(TrialRow(**fields, seed=number, budget=40))  # type: ignore[arg-type]
            record.begin(row.name, proposal.key)
            record.mark_started(row.name, proposal.key, 1)
            for step in range(10, steps + 1, 10):
                metrics = {
                    "val/accuracy": value,
                    "time/step_seconds": (seconds or {}).get(number, 0.25),
                    "time/evaluation_seconds": 2.0,
                }
                record.report(row.name, proposal.key, 1, step, metrics, objectives=["val/accuracy"])
            if state != "RUNNING":
                record.finish(row.name, proposal.key, 1, state, value=value, scores={}, reason="")
    checkpoint = study.folder / "checkpoints" / "trial-0000" / "attempt-1" / "checkpoint.safetensors"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_bytes(bytes(1_000))


def test_a_study_half_done_is_forecast_from_its_own_record(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    points = tmp_path / "points.json"
    points.write_text('[{"weights.rank": 20.0}, {"weights.rank": 30.0}, {"weights.rank": 40.0}]')
    asked = arguments(clips, tmp_path / "runs", "--trials", "4", "--pruner", "none", "--confirm-seeds", "2")
    asked += ["--try", str(points)]
    study = prepare_study(_parser().parse_args(asked))
    written(study, {0: ("COMPLETE", 40, 0.5), 1: ("RUNNING", 20, 0.25)})
    before = file_states(tmp_path)
    assert main([*asked, "--dry-run", "--json"]) == 0
    found = printed(capsys)
    assert (found["trials"], found["confirming"], found["on_record"]) == (3, 4, 2)  # two finalists, two seeds each
    assert found["tried"] == 1  # the others are on record
    assert "not counted" not in dry_run.forecast_text(found)
    keypoints = dry_run.forecast_text({**found, "extractor": "regressor"})
    assert "not counted   training the keypoint judge, and finding keypoints in real and generated clips" in keypoints
    assert dry_run.forecast_text(found).splitlines()[1] == (
        "  trials        3, first 1 point of --try, then up to 4 runs with new seeds (2 already on record)"
    )
    assert found["steps"] == 20 + 40 + 40 + 4 * 40
    assert found["source"]["kind"] == "record"
    assert found["source"]["text"].startswith(
        "1 finished trial on this machine (squares-smoke-search): 0.25 s per step"
    )
    assert found["source"]["look"] == pytest.approx(2.0)
    assert file_states(tmp_path) == before


def test_methods_of_table_3_are_forecast_apart(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = arguments(clips, tmp_path / "runs", "--table", "3", "--arms", "cdna,adv_gdl", "--seeds", "2")
    studies: list[Any] = []
    with monkeypatch.context() as patch:
        patch.setattr(table3, "dry_run", lambda study: studies.append(study) or {})
        patch.setattr(table3, "forecast_text", lambda document: "")
        assert ablate([*asked, "--dry-run", "--json"]) == 0
    capsys.readouterr()
    written(studies[0], {0: ("COMPLETE", 40, 0.5), 1: ("COMPLETE", 40, 0.5)}, {1: 0.75})
    assert ablate([*asked, "--dry-run", "--json"]) == 0
    (found,) = printed(capsys)["studies"]
    assert (found["trials"], found["steps"]) == (4, 160)
    assert found["source"]["kind"] == "probe and record"
    adv_gdl, amc_gan, cdna = found["source"]["text"].split("; ")
    assert adv_gdl.startswith("adv_gdl: a probe with 1 in parallel")
    record = "1 finished trial on this machine (squares-smoke-table3)"
    assert amc_gan == f"amc_gan: {record}: 0.25 s per step"
    assert cdna == f"cdna: {record}: 0.75 s per step"
    base = load_config(studies[0].row.config)
    sizes = {name: disk.generator_bytes(with_method(base, name)) for name in BUILT_IN}
    assert found["disk"]["generators"] == 2 * sizes["adv_gdl"] + sizes["amc_gan"] + sizes["cdna"]


def test_nothing_left(clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = arguments(clips, tmp_path / "runs", "--trials", "1", "--confirm-seeds", "0")
    written(prepare_study(_parser().parse_args(asked)), {0: ("COMPLETE", 40, 0.5)})
    assert main([*asked, "--dry-run", "--json"]) == 0
    found = printed(capsys)
    assert (found["trials"], found["steps"], found["wall_seconds"], found["disk_bytes"]) == (0, 0, 0, 0)
    assert found["source"]["text"] == "nothing is left to run"


def test_a_study_of_other_settings_is_refused_as_it_would_be(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = arguments(clips, tmp_path / "runs", "--trials", "1", "--confirm-seeds", "0")
    written(prepare_study(_parser().parse_args(asked)), {0: ("COMPLETE", 40, 0.5)})
    assert main([*asked, "--seed", "5", "--dry-run"]) == 2
    assert "with different settings (seed: 0 → 5" in capsys.readouterr().err


def test_a_probe_that_fails_is_one_line(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dry_run, "run_probe", functools.partial(probe.run_probe, seconds="long"))
    assert main(arguments(clips, tmp_path / "runs", "--dry-run")) == 2
    assert capsys.readouterr().err.strip().splitlines()[-1].startswith("error: the probe failed: TypeError")


def test_gpus_are_assigned_to_trials_as_they_are_packed() -> None:
    assert [probe.gpus_of(number, 0.5) for number in range(4)] == [[0], [0], [1], [1]]
    assert [probe.gpus_of(number, 1 / 3) for number in range(4)] == [[0], [0], [0], [1]]
    assert [probe.gpus_of(number, 2.0) for number in range(2)] == [[0, 1], [2, 3]]
