from __future__ import annotations

import json
from pathlib import Path

import optuna
import pandas as pd
import pytest

from amc.config import Config
from analysis.record.states import COMPLETE
from analysis.record.writing import RecordWriter
from tests.file_states import file_states
from tests.tuning.toy_rows import trial_row
from tuning.cli.studies import main


@pytest.fixture
def out(record: RecordWriter, base: Config, tmp_path: Path) -> Path:
    record.add_trial(trial_row(base))
    record.add_trial(trial_row(base, 1, params={"weights.gan": "none"}))
    record.begin("toy", "trial-0000")
    record.report("toy", "trial-0000", 1, 10, {"val/accuracy": 0.5})
    record.finish("toy", "trial-0000", 1, COMPLETE)
    return tmp_path


def test_all_forms_at_once(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = file_states(out / "toy")
    files = ["--csv", str(out / "x.csv"), "--parquet", str(out / "x.parquet"), "--optuna", f"sqlite:///{out}/x.db"]
    assert main(["export", "toy", "--out", str(out), *files]) == 0, capsys.readouterr().err
    shown = capsys.readouterr().out
    assert f"2 trials: {out}/x.csv" in shown
    assert f"Optuna studies in sqlite:///{out}/x.db: toy (2 trials)" in shown
    csv, parquet = pd.read_csv(out / "x.csv"), pd.read_parquet(out / "x.parquet")
    assert csv.key.tolist() == parquet.key.tolist() == ["trial-0000", "trial-0001"]
    assert csv["params.weights.gan"].tolist() == parquet["params.weights.gan"].tolist() == ["1.0", "none"]
    assert parquet["values.val/accuracy"].dropna().tolist() == [0.5]
    assert len(optuna.load_study(study_name="toy", storage=f"sqlite:///{out}/x.db").trials) == 2
    assert file_states(out / "toy") == before
    assert main(["export", "toy", "--out", str(out), *files, "--content", "reports", "--json"]) == 0
    written = json.loads(capsys.readouterr().out)
    assert (written["rows"], written["optuna_studies"]) == (1, {"toy": 2})
    assert pd.read_csv(out / "x.csv")["val/accuracy"].tolist() == [0.5]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["toy"], "nothing to export: give --optuna URL, --csv FILE or --parquet FILE"),
        (["other", "--csv", "{out}/x.csv"], "no study 'other' in {out}; studies there: toy"),
        (["toy", "--csv", "{out}/toy/record.db"], "--csv {out}/toy/record.db: the name must end in .csv"),
        (["toy", "--parquet", "{out}/no/x.parquet"], "--parquet {out}/no/x.parquet: there is no folder {out}/no"),
        (["toy", "--csv", "{out}/folder.csv"], "--csv {out}/folder.csv: it is a folder"),
        (["toy", "--optuna", "sqlite:///{out}/toy/record.db"], "is the record of a study, not a database of Optuna"),
        (["toy", "--csv", "{out}/x.csv", "--optuna", "x.db"], "--optuna 'x.db' is not the URL of a database"),
    ],
)
def test_wrong_use_creates_nothing(
    arguments: list[str], message: str, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (out / "folder.csv").mkdir()
    before = file_states(out)
    assert main(["export", "--out", str(out), *(word.replace("{out}", str(out)) for word in arguments)]) == 2
    error = capsys.readouterr().err
    assert message.replace("{out}", str(out)) in error
    assert error.count("\n") == 1
    assert file_states(out) == before


def test_a_disk_that_is_full(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full")
    assert main(["export", "toy", "--out", str(out), "--optuna", "sqlite:////dev/full"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
