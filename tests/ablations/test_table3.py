"""`run_all.py --table 3`: the example of docs/method_example, installed, is tuned and compared from another folder."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ablations.cli import main
from ablations.table3 import Part, Stopped, _parts, _show
from amc.evaluation.score_sheet import LAST_SEEN, REAL, STILL
from amc.methods.amc_gan import METHOD
from analysis.record.reading import RecordReader
from analysis.record.rows import TrialRow
from tests.analysis.tables.test_table3 import record
from tests.commands import run_command
from tests.toy import write_toy_file
from tuning.engine.study import Ending

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "docs" / "method_example"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--arms", "no_ya"], "unknown method 'no_ya': choose one of amc_gan, "),
        (["--arms", "absent_package:METHOD"], "ModuleNotFoundError: No module named 'absent_package'"),
        (["--dataset", "natops,natops"], "names a data set twice"),
        (["--dataset", ",", "--study", "x"], "--dataset ',' names no data set: choose from natops, mug"),
        (["--dataset", "natops,kth"], "unknown data set 'kth'"),
        (["--data", "no.h5", "--dataset", "natops,mug"], "has one data set"),
        (["--data", "no.h5"], "no.h5"),
        (["--from-study", "found"], "give --tune N to tune every method"),
        (["--tune", "0"], "--tune: give an integer of 1 or more"),
        (["--table", "4", "--tune", "3"], "give --table 3, or leave it out"),
        (["--study", "../there"], "--study '../there'"),
        (["--extractor", "openface:nowhere"], "nowhere: missing or not executable; give the path of OpenFace"),
        (["--extractor", "dlib"], "dlib is not installed; run `pip install 'amc-gan[dlib]'`"),
        (["--table", "keypoints", "--extractor", "none"], "needs an extractor"),
    ],
)
def test_wrong_use_is_one_line_and_leaves_nothing(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AMC_DATA", raising=False)
    monkeypatch.setitem(sys.modules, "dlib", None)  # as if it were not installed
    monkeypatch.setattr("amc.cli.data_source._stand_in", lambda name, preset: pytest.fail("made a stand-in"))
    assert main(["--table", "3", "--preset", "smoke", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert said in line
    assert not list(tmp_path.iterdir())


QUANTILE = {"readings.velocity_quantile": {"kind": "float", "low": 0.5, "high": 0.9}}
SEARCHES = replace(METHOD, name="searches", search_space=QUANTILE)
NO_SPACE = replace(METHOD, name="no_space", search_space={})


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--split-rule", "natops-hcrf"], "split rule natops-hcrf"),
        (["--folds", "7"], "7 folds"),
        (["--table", "keypoints"], "no valid keypoint 'centre'"),
        (["--fvd", "i3d.safetensors"], "--fvd needs clips of at least 9 frames, these have 7"),
        (
            ["--arms", "mine:SEARCHES"],
            "method 'mine:SEARCHES' searches readings.velocity_quantile, which all methods of Table 3 share",
        ),
        (["--arms", "mine:NO_SPACE"], "method 'mine:NO_SPACE' has no search space"),
    ],
)
def test_data_or_methods_that_do_not_fit_are_refused_before_the_first_search(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "mine", sys.modules[__name__])
    monkeypatch.setattr("ablations.table3._search", lambda *_: pytest.fail("started a search"))
    monkeypatch.setattr("ablations.metric_checkpoints._DIGEST", {"lpips": str, "fvd": str})
    clips = write_toy_file(tmp_path / "squares.h5", valid=(True, False))
    command = ["--table", "3", "--preset", "smoke", "--data", str(clips), "--arms", "ours", "--tune", "1", *arguments]
    assert main(command) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert said in line
    assert list(tmp_path.iterdir()) == [clips]


@pytest.mark.parametrize(
    ("arguments", "studies"),
    [
        ([], {"natops": "", "mug": ""}),  # the default names of the studies are made later
        (["--dataset", "mug"], {"mug": ""}),
        (["--table", "keypoints"], {"mug": ""}),
        (["--study", "t3"], {"natops": "t3-natops", "mug": "t3-mug"}),
        (["--study", "t3", "--dataset", "mug"], {"mug": "t3"}),
        (["--study", "t3", "--data", "f.h5"], {None: "t3"}),
        (["--study", "t3", "--data", "f.h5", "--dataset", "natops"], {"natops": "t3"}),
    ],
)
def test_each_data_set_has_a_study(arguments: list[str], studies: dict[str | None, str]) -> None:
    from ablations.cli import _parser

    parts = _parts(_parser().parse_args(["--table", "3", *arguments]))
    assert {part.args.dataset: part.study for part in parts} == studies


def test_two_data_sets_end_in_one_table_and_one_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [record(tmp_path, data) for data in ("natops", "mug")]
    studies: list[Any] = [
        SimpleNamespace(
            record_address=tmp_path / name / "record.db",
            folder=tmp_path / name,
            row=SimpleNamespace(name=name),
            target="sqlite:///mlflow.db",
        )
        for name in names
    ]
    args = argparse.Namespace(table="3", out=tmp_path, json=True)
    assert _show(args, "t3", [(study, Ending(0, {})) for study in studies]) == 0
    printed = capsys.readouterr()
    content = json.loads(printed.out)
    assert {row["dataset"] for row in content["rows"]} == {"natops", "mug"}
    made = {path.relative_to(tmp_path / "t3").as_posix() for path in (tmp_path / "t3").rglob("*") if path.is_file()}
    assert made == {"studies.json", "report.html", *(f"tables/table3.{form}" for form in ("md", "csv", "tex", "json"))}
    assert content == json.loads((tmp_path / "t3" / "tables" / "table3.json").read_text())
    assert f"report: {tmp_path / 't3' / 'report.html'}" in printed.err
    # One data set without a complete run: the others' results are there, and the exit code says so.
    assert _show(args, "t3", [(studies[0], Ending(0, {})), (studies[1], Ending(3, {}))]) == 3


@pytest.mark.parametrize("started", [0, 1, 2])
def test_what_is_on_record_is_printed_when_the_time_is_used_up(
    started: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("natops", "mug")
    studies: dict[str, Any] = {
        record(tmp_path, name): SimpleNamespace(
            record_address=tmp_path / f"t3-{name}" / "record.db",
            folder=tmp_path / f"t3-{name}",
            row=SimpleNamespace(name=f"t3-{name}"),
            target="sqlite:///mlflow.db",
        )
        for name in names[:started]
    }

    def comparison(part: Part, *_: object) -> Any:
        if part.study not in studies:
            raise Stopped(0)
        return studies[part.study]

    ends = iter([Ending(0, {}), Ending(0, {}, unfinished=True)])
    monkeypatch.setattr("ablations.table3._check", lambda args, parts, methods: parts)
    monkeypatch.setattr("ablations.table3._comparison", comparison)
    monkeypatch.setattr("ablations.table3.run_study", lambda study: next(ends))
    assert main(["--table", "3", "--preset", "smoke", "--study", "t3", "--out", str(tmp_path), "--json"]) == 0
    printed = capsys.readouterr()
    assert {row["dataset"] for row in json.loads(printed.out)["rows"]} == set(names[:started])
    assert (f"the comparison has started on {started} of 2 data sets" in printed.err) == (started < 2)
    assert not (tmp_path / "t3").exists()


def command(folder: Path, site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(site)}
    ended = run_command([sys.executable, *arguments], folder, seconds=900, environment=environment)
    assert ended.returncode == 0, ended.stderr
    return ended


def trials(folder: Path, study: str) -> dict[str, TrialRow]:
    with RecordReader(folder / "runs" / study / "record.db") as records:
        return {trial.key: trial for trial in records.trials(study)}


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.filterwarnings("default")  # MLflow's own
def test_the_example_is_installed_searched_compared_and_reported_outside_of_the_repository(tmp_path: Path) -> None:
    site = tmp_path / "site"
    pip = ["-m", "pip", "install", "--quiet", "--no-index", "--no-build-isolation", "--no-deps", "--target", str(site)]
    copy = tmp_path / "method_example"  # a build leaves folders beside its sources
    copy.mkdir()
    for file in EXAMPLE.iterdir():
        if file.is_file():
            (copy / file.name).write_bytes(file.read_bytes())
    command(tmp_path, site, *pip, str(copy))
    clips = write_toy_file(tmp_path / "squares.h5")
    shared = ["--data", str(clips), "--preset", "smoke", "--split-rule", "random", "--workers", "2", "--json"]

    searching = [str(ROOT / "tuning" / "run_search.py"), *shared, "--method", "unet", "--trials", "2"]
    found = json.loads(command(tmp_path, site, *searching, "--confirm-seeds", "0").stdout)
    assert found["study"] == "squares-smoke-unet-search"
    assert found["method"] == "unet"
    assert {trial["state"] for trial in found["trials"]} <= {"COMPLETE", "PRUNED"}
    assert found["best"]["params"].keys() == {"method.learning_rate", "method.width"}

    comparing = [str(ROOT / "ablations" / "run_all.py"), "--table", "3", *shared, "--seeds", "2"]
    comparing += ["--arms", "unet", "--tune", "1"]
    content: dict[str, Any] = json.loads(command(tmp_path, site, *comparing).stdout)
    name = "squares-smoke-table3"
    folder = tmp_path / "runs" / name
    rows = {row["arm"]: row for row in content["rows"]}
    assert {arm: (row["title"], row["n_seeds"], row["frames_seen"]) for arm, row in rows.items()} == {
        "ours": ("AMC-GAN (ours)", 2, 1),
        "unet": ("U-Net", 2, 1),
    }
    assert content["caption"]["tuned"] == {"trials": 1, "methods": ["AMC-GAN (ours)", "U-Net"]}
    assert content == json.loads((folder / "tables" / "table3.json").read_text())
    made = {path.name for path in (folder / "tables").iterdir()}
    assert made >= {f"{table}.{form}" for table in ("table3", "metrics") for form in ("md", "csv", "tex", "json")}
    page = (folder / "report.html").read_text()
    assert "U-Net" in page
    assert page.count("data:image/gif;base64,") >= 3  # the truth and both methods
    with RecordReader(folder / "record.db") as records:
        assert records.score_sheets(name).keys() == {
            *(f"{arm}-seed-{seed}" for arm in ("ours", "unet") for seed in (0, 1)), REAL, STILL, LAST_SEEN,
        }  # fmt: skip
    before = trials(tmp_path, name)
    for method, arm in (("amc_gan", "ours"), ("unet", "unet")):
        (tuned,) = trials(tmp_path, f"{name}-{method}-search").values()
        assert before[f"{arm}-seed-0"].config | {"seed": 0} == {**tuned.config, "seed": 0}
        assert (tuned.seed, tuned.state) == (0, "COMPLETE")
        assert [before[f"{arm}-seed-{n}"].seed for n in (0, 1)] == [500_000, 500_001]  # none of the search's
    assert sum("the settings of the preset" in note for note in content["caption"]["notes"]) == 1

    # The same command again trains nothing, and finds the same.
    assert json.loads(command(tmp_path, site, *comparing).stdout) == content
    assert trials(tmp_path, name) == before

    # Neither does the table of keypoints: it scores the runs of Table 3 once more.
    by_keypoints = [argument if argument != "3" else "keypoints" for argument in comparing]
    table = json.loads(command(tmp_path, site, *by_keypoints).stdout)
    assert {row["arm"]: row["n_seeds"] for row in table["rows"]} == {"ours": 2, "unet": 2}
    assert table["caption"]["extractor"]["held_out_error"]["pixels"] < 1
    assert {row["arm"]: row["mean"] for row in table["references"]}["real"] > 90
    assert table == json.loads((folder / "tables" / "keypoints.json").read_text())
    assert json.loads((folder / "tables" / "table3.json").read_text())["rows"] == content["rows"]
    after = trials(tmp_path, name)
    assert {key: trial.attempts for key, trial in after.items()} == {key: t.attempts for key, t in before.items()}
    again = subprocess.run(
        [sys.executable, *comparing[:-2]], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert (again.returncode, again.stderr.count("\n")) == (2, 1)
    assert "were tuned with 1 trials: give --tune 1 to resume it" in again.stderr
