"""`python -m analysis`, as it is called."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from analysis.__main__ import main
from tests.analysis import made_study
from tests.analysis.made_study import write_study
from tests.file_states import file_states

FORMS = {".json", ".md", ".csv", ".tex"}


def made(runs: Path, name: str = "made", **options: object) -> Path:
    (runs / name).mkdir(parents=True)
    write_study(runs / name / "record.db", name=name, **options)  # type: ignore[arg-type]
    return runs


def test_tables_of_sixty_trials_take_neither_ray_nor_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # 288 clips and 6 seeds of 10 arms, as in the largest study that is planned.
    monkeypatch.setattr(made_study, "CLIPS", 288)
    monkeypatch.setattr(made_study.sheet, "__kwdefaults__", {"clips": 288})
    runs = made(tmp_path / "runs", seeds=6)
    code = (
        "import sys; from analysis.__main__ import main; code = main(sys.argv[1:]); "
        "heavy = {'ray', 'torch', 'mlflow', 'optuna', 'matplotlib'} & set(sys.modules); "
        "print(sorted(heavy), file=sys.stderr); sys.exit(code)"
    )
    before = os.times()
    done = subprocess.run(
        [sys.executable, "-c", code, "tables", "--study", "made", "--runs", str(runs)], capture_output=True, text=True
    )
    after = os.times()
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip() == "[]"
    assert {path.suffix for path in (runs / "made" / "tables").iterdir()} == FORMS
    # Of the processor, which other work on the machine does not lengthen so much as the clock's time.
    assert after.children_user + after.children_system - before.children_user - before.children_system < 10


def test_a_half_done_study_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = made(tmp_path / "runs", done=4)
    assert main(["tables", "--study", "made", "--runs", str(runs), "--out", str(tmp_path / "out")]) == 0
    out = capsys.readouterr().out
    assert "NOT FINISHED: 4 of 30 runs" in out
    assert not (runs / "made" / "tables").exists()
    content = json.loads((tmp_path / "out" / "table4.json").read_text())
    assert [row["n_seeds"] for row in content["rows"]] == [1] * 4 + [0] * 6


def test_json_is_one_document(tmp_path: Path, made_runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tables", "--study", "made", "--runs", str(made_runs), "--out", str(tmp_path), "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    wanted = {"arm", "paper", "mean", "ci95", "n_seeds", "difference", "difference_ci95", "p_holm", "values"}
    assert all(wanted <= row.keys() for row in content["rows"])
    assert content == json.loads((tmp_path / "table4.json").read_text())


def test_the_same_record_gives_the_same_bytes(tmp_path: Path, made_runs: Path) -> None:
    for out in ("one", "two"):
        assert main(["tables", "--study", "made", "--runs", str(made_runs), "--out", str(tmp_path / out)]) == 0
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


@pytest.mark.parametrize("command", ["tables", "report"])
def test_reading_changes_nothing_in_the_studys_folder(command: str, tmp_path: Path) -> None:
    runs = made(tmp_path / "runs", done=4)
    before = file_states(runs)
    assert main([command, "--study", "made", "--runs", str(runs), "--out", str(tmp_path / "out")]) == 0
    assert file_states(runs) == before


def test_other_presets_are_never_in_one_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = made(tmp_path / "runs", seeds=1)
    made(runs, "other", seeds=1, preset="compact")
    out = tmp_path / "out"
    assert main(["tables", "--study", "made", "--study", "other", "--runs", str(runs), "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert "presets differ (smoke, compact)" in error
    assert error.count("\n") == 1
    assert not out.exists()


def test_a_table_of_several_studies_is_no_study_s_own(
    tmp_path: Path, made_runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(made_runs.rglob("*"))
    assert main(["tables", "--study", "made", "--study", "other", "--runs", str(made_runs)]) == 2
    assert capsys.readouterr().err == ("error: tables of several studies need a folder of their own: give --out\n")
    assert sorted(made_runs.rglob("*")) == before


@pytest.mark.parametrize("command", ["tables", "report"])
@pytest.mark.parametrize(
    ("study", "out", "said"),
    [("none", "out", "no study record at"), ("made", "file", "is not a folder"), ("made", "file/x", "file")],
)
def test_wrong_use_is_one_line_and_nothing_is_created(
    tmp_path: Path, made_runs: Path, capsys: pytest.CaptureFixture[str], command: str, study: str, out: str, said: str
) -> None:
    (tmp_path / "file").write_text("")
    before = sorted(path for path in tmp_path.rglob("*"))
    assert main([command, "--study", study, "--runs", str(made_runs), "--out", str(tmp_path / out)]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert sorted(path for path in tmp_path.rglob("*")) == before


def test_a_study_that_the_named_record_does_not_have(
    tmp_path: Path, made_runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = str(made_runs / "made" / "record.db")
    assert main(["tables", "--study", "other", "--record", record, "--out", str(tmp_path / "out")]) == 2
    assert "no study 'other'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
