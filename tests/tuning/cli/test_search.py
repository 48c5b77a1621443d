"""`run_search.py` as a person uses it: what is wrong is one line and leaves nothing behind; a real, tiny search."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import h5py
import pytest

from amc.config import Config
from amc.errors import UserError
from amc.processes import cores
from analysis.record.reading import RecordReader
from analysis.record.rows import StudyRow
from analysis.record.states import DONE, REFUSED
from analysis.record.writing import RecordWriter
from tests.toy import write_toy_file
from tests.tuning.toy_rows import study_row
from tuning.cli import search
from tuning.cli.search import main
from tuning.engine import study as engine_study
from tuning.engine.sources import ListedTrials
from tuning.engine.steering import ADD_TRIALS
from tuning.engine.study import Study, run_study
from tuning.preparation.defaults import PRUNER, SAMPLER
from tuning.preparation.preparation import Preparation
from tuning.search.default_space import search_space
from tuning.search.pruners import create_pruner
from tuning.tracking.sync_thread import SyncThread
from tuning.workers.resources import machine_resources

ROOT = Path(__file__).resolve().parents[3]
SEARCH = ["--dataset", "natops", "--preset", "smoke"]

BAD = {
    "no trials": ([*SEARCH, "--trials", "0"], "--trials: give an integer of 1 or more, not '0'"),
    "negative trials": ([*SEARCH, "--trials", "-3"], "--trials: give an integer of 1 or more, not '-3'"),
    "trials in words": ([*SEARCH, "--trials", "many"], "not 'many'"),
    "unknown preset": (["--dataset", "natops", "--preset", "huge"], "unknown preset 'huge'"),
    "unknown option": ([*SEARCH, "--trails", "3"], "unrecognized arguments: --trails 3"),
    "unknown data set": (["--dataset", "kinetics", "--preset", "smoke"], "unknown data set 'kinetics'"),
    "no data at all": (["--preset", "smoke"], "--dataset"),
    "missing file": (["--data", "nowhere.h5", "--preset", "smoke"], "nowhere.h5"),
    "a file without keypoints": (
        ["--data", "blind.h5", "--preset", "smoke", "--method", "cdna"],
        "blind.h5 has no valid keypoints, and method 'cdna' needs them",
    ),
    "a space in which given frames are scored": (
        [*SEARCH, "--method", "mcnet", "--space", "given.toml"],
        "given.toml: method 'mcnet' sees 4 frames, but all except the first 1 are scored",
    ),
    "truncated file": (["--data", "cut.h5", "--preset", "smoke"], "cut.h5"),
    "file of another schema": (["--data", "other.h5", "--preset", "smoke"], "other.h5"),
    "GPUs": ([*SEARCH, "--gpus-per-trial", "9"], "--gpus-per-trial 9: this machine has"),
    "cores": ([*SEARCH, "--cpus-per-trial", str(cores() + 1)], f"this machine has {cores()} CPU cores"),
    "workers": ([*SEARCH, "--workers", str(cores() + 1)], f"this machine has room for {cores()}"),
    "no workers": ([*SEARCH, "--workers", "0"], "--workers: give an integer of 1 or more"),
    "sampler": ([*SEARCH, "--sampler", "magic"], "unknown sampler 'magic'"),
    "pruner": ([*SEARCH, "--pruner", "magic"], "unknown pruner 'magic'"),
    "a name of DIR's own": (
        [*SEARCH, "--study", "artifacts"],
        "--study 'artifacts': this name is reserved in DIR",
    ),
    "no number of GPUs": ([*SEARCH, "--gpus-per-trial", "nan"], "--gpus-per-trial"),
    "too large a seed": ([*SEARCH, "--seed", "10000000000000000000"], "not '10000000000000000000'"),
    "a budget without unit": ([*SEARCH, "--time-budget", "30"], "--time-budget '30': give a number"),
    "no cluster": ([*SEARCH, "--address", "127.0.0.1:1"], "--address 127.0.0.1:1: no answer"),
    "a space of splits": ([*SEARCH, "--space", "splits.toml"], "'split.seed' cannot be searched"),
    "an unknown split": ([*SEARCH, "--split-rule", "luck"], "invalid choice: 'luck'"),
    "a published split of the stand-in": (
        [*SEARCH, "--split-rule", "natops-hcrf"],
        "expects subjects 1 to 20 as numbered in NATOPS",
    ),
    "two splits": (
        [*SEARCH, "--split-rule", "subject", "--space", "random.toml"],
        "--split-rule subject: the space random.toml fixes random",
    ),
    "a space of data sets": ([*SEARCH, "--space", "dataset.toml"], "'dataset.name' cannot be set in a space file"),
    "study's name": ([*SEARCH, "--study", "../up"], "--study '../up'"),
    "confirming seeds": ([*SEARCH, "--confirm-seeds", "-1"], "--confirm-seeds: give an integer of 0 or more"),
    "seed": ([*SEARCH, "--seed", "-1"], "--seed: give an integer from 0 to"),
    "tracking": ([*SEARCH, "--tracking-uri", "ftp://x"], "--tracking-uri 'ftp://x'"),
    "record": ([*SEARCH, "--record", "nonsense://x"], "nonsense"),
    "objectives": ([*SEARCH, "--objectives", "accuracy,beauty"], "unknown objective 'beauty' in --objectives: choose"),
    "constraint": ([*SEARCH, "--constraint", "fast"], "--constraint 'fast': expected METRIC OPERATOR NUMBER"),
    "warm start": ([*SEARCH, "--warm-start", "gone"], "--warm-start 'gone': no such study in runs"),
    "warm start of itself": ([*SEARCH, "--study", "me", "--warm-start", "me"], "'me' is this study itself"),
    "missing space": ([*SEARCH, "--space", "nowhere.toml"], "nowhere.toml"),
    "missing points": ([*SEARCH, "--try", "nowhere.toml"], "cannot read --try nowhere.toml: No such file"),
    "a point outside its range": (
        [*SEARCH, "--try", "outside.toml"],
        "outside.toml: point 1 sets 'weights.rank' to 2000.0, which is not in its range (10 to 1000)",
    ),
    "more points than trials": (
        [*SEARCH, "--try", "points.json", "--trials", "1"],
        "--try points.json has 2 points to run, and a total of 1 trial leaves room for 1: give --trials 2 or more",
    ),
    "grid too large": ([*SEARCH, "--sampler", "grid"], "a grid over this space"),
    "out is a file": ([*SEARCH, "--out", "cut.h5"], "--out cut.h5 is not a folder"),
}


@pytest.mark.parametrize("name", BAD)
def test_wrong_use_is_one_line_and_leaves_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cut.h5").write_bytes(b"\x89HDF\r\n\x1a\n half a file")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["temperature"] = [1.0, 2.0]
    (tmp_path / "splits.toml").write_text('[parameters."split.seed"]\nkind = "int"\nlow = 0\nhigh = 9\n')
    (tmp_path / "dataset.toml").write_text('[fixed]\n"dataset.name" = "mug"\n')
    (tmp_path / "random.toml").write_text('[fixed]\n"split.rule" = "random"\n')
    write_toy_file(tmp_path / "blind.h5", valid=(False, False))
    (tmp_path / "given.toml").write_text('[fixed]\n"model.discarded_frames" = 1\n')
    (tmp_path / "outside.toml").write_text("[[points]]\nweights.rank = 2000.0\n")
    (tmp_path / "points.json").write_text('[{"weights.rank": 20.0}, {"weights.rank": 30.0}]')
    before = sorted(tmp_path.rglob("*"))
    arguments, message = BAD[name]
    code = main(arguments)
    complaint = capsys.readouterr()
    assert code == 2
    assert complaint.out == ""
    last = complaint.err.strip().splitlines()[-1]
    assert last.startswith("error: ")
    assert message in last
    assert "Traceback" not in complaint.err
    assert sorted(tmp_path.rglob("*")) == before


def toy_study(folder: Path, row: StudyRow) -> Study:
    return Study(
        row=row,
        sources=[ListedTrials(())],
        pruner=create_pruner("none", 20, 5),
        runs=folder,
        resources=machine_resources(1, 1, 0, devices=0),
    )


@pytest.mark.filterwarnings("default")  # MLflow's own
def test_a_study_on_record_with_other_settings_is_not_mixed_up(
    tmp_path: Path, base: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_study, "FLUSH_SECONDS", 30.0)
    row = study_row(base)
    assert run_study(toy_study(tmp_path, row)).code == 3  # nothing to run, so nothing succeeded
    assert run_study(toy_study(tmp_path, replace(row, settings={"trials": 9}))).code == 3
    # A study from before a setting existed goes on: it ran with the setting's default.
    model = {name: value for name, value in row.config["model"].items() if name != "discarded_frames"}
    older = replace(row, name="older", config={**row.config, "model": model})
    assert run_study(toy_study(tmp_path, older)).code == 3
    assert run_study(toy_study(tmp_path, replace(older, config=row.config))).code == 3
    changed = replace(row, seed=5, config={**row.config, "weights": {**row.config["weights"], "rank": 7.0}})
    with pytest.raises(UserError, match=r"seed: 0 → 5; base weights.rank: 100 → 7.: give another --study"):
        run_study(toy_study(tmp_path, changed))
    other = replace(row, dataset={**row.dataset, "origin": "natops", "fingerprint": "e" * 64})
    with pytest.raises(UserError, match="data origin: 'procedural' → 'natops'"):
        run_study(toy_study(tmp_path, other))
    assert (tmp_path / "toy" / "record.db").is_file()


@pytest.mark.filterwarnings("default")  # MLflow's own
def test_a_command_that_comes_while_the_study_waits_for_mlflow_is_refused(
    tmp_path: Path, base: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait = SyncThread.wait

    def commanded(thread: SyncThread, seconds: float) -> bool:
        with RecordWriter(tmp_path / "toy" / "record.db") as record:
            record.add_command("toy", "1" * 32, "ann@here", "add-trials", {"count": 1})
        return wait(thread, seconds)

    monkeypatch.setattr(SyncThread, "wait", commanded)
    monkeypatch.setattr(engine_study, "FLUSH_SECONDS", 30.0)
    run_study(toy_study(tmp_path, study_row(base)))
    with RecordReader(tmp_path / "toy" / "record.db") as records:
        (command,) = records.commands("toy")
    assert (command.outcome, command.message[:20]) == (REFUSED, "the study has ended;")


def test_a_record_that_cannot_be_used_leaves_no_folder(tmp_path: Path, base: Config) -> None:
    bad = tmp_path / "bad.db"
    bad.write_text("no database" * 1000)
    with pytest.raises(UserError, match="file is not a database"):
        run_study(replace(toy_study(tmp_path / "runs", study_row(base)), record=str(bad)))
    assert not (tmp_path / "runs" / "toy").exists()


def test_a_resumed_study_keeps_its_sampler_pruner_and_race_unless_others_are_given(
    tmp_path: Path, base: Config
) -> None:
    address = f"sqlite:///{tmp_path / 'record.db'}"
    with RecordWriter(address) as record:
        record.create_study(
            replace(study_row(base), settings={"sampler": "random", "pruner": "none", "confirm_seeds": 3})
        )
        record.create_study(replace(study_row(base), name="old", settings={}))
    prepared = cast(Preparation, SimpleNamespace(record_address=lambda study: address))

    def chosen(study: str, **given: object) -> tuple[str, str, int | None, int | None]:
        none = {"sampler": None, "pruner": None, "finalists": None, "confirm_seeds": None}
        args = argparse.Namespace(**(none | given))
        search._choose_defaults(args, prepared, study)
        return args.sampler, args.pruner, args.finalists, args.confirm_seeds

    assert chosen("toy") == ("random", "none", 1, 3)
    assert chosen("toy", sampler="tpe", finalists=2, confirm_seeds=5) == ("tpe", "none", 2, 5)
    assert chosen("old") == (SAMPLER, PRUNER, 1, None)
    assert chosen("another") == (SAMPLER, PRUNER, None, None)


def test_trials_that_a_person_added_leave_room_for_points(tmp_path: Path, base: Config) -> None:
    address = f"sqlite:///{tmp_path / 'record.db'}"
    with RecordWriter(address) as record:
        record.create_study(study_row(base))
        command = record.add_command("toy", "c" * 32, "ann@host", ADD_TRIALS, {"count": 1})
        record.take_command(command.id, DONE, "")
    file = tmp_path / "points.json"
    file.write_text('[{"weights.rank": 20.0}, {"weights.rank": 30.0}]')
    prepared = cast(Preparation, SimpleNamespace(record_address=lambda study: address, preset="smoke"))
    space = search_space(base)

    def points(trials: int) -> int:
        args = argparse.Namespace(tried=file, trials=trials, finalists=None, confirm_seeds=None)
        return len(search._tried_points(args, prepared, space, "toy"))

    assert points(1) == 2
    with pytest.raises(UserError, match=r"a total of 1 trial leaves room for 1: give --trials 1 or more"):
        points(0)
