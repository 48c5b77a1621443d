"""The best trial as a registered model: loaded in another process, once a best trial, gone with its study."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from amc.config import Config
from amc.evaluation import clip_maker
from amc.evaluation.clip_maker import load_clip_maker
from amc.training import checkpoint
from analysis.record.writing import RecordWriter
from tests.tuning.toy_rows import study_row
from tests.tuning.tracking.finished_study import copy_to_mlflow, end_trial
from tuning.cli.studies import main
from tuning.tracking import model_registry
from tuning.tracking.store import default_store, open_store

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.filterwarnings("default")  # MLflow's own


def state(client: Any) -> tuple[list[tuple[str, str]], str]:
    """(version, trial) of every version, and the version that is the best."""
    versions = client.search_model_versions("name = 'toy'")
    best = client.get_model_version_by_alias("toy", "best")
    return sorted((str(v.version), v.tags["amc.trial_key"]) for v in versions), str(best.version)


LOAD = """
    import json, sys, warnings
    import numpy as np
    import mlflow
    mlflow.set_tracking_uri(sys.argv[1])
    model = mlflow.pyfunc.load_model("models:/toy@best")
    given = {"image": np.load(sys.argv[2]), "label": np.array([1, 0, 1])}
    np.save(sys.argv[3], model.predict(given, params={"seed": 3}))
    print(model.metadata.metadata["class_names"])
"""


def test_the_life_of_a_model(
    record: RecordWriter,
    base: Config,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    end_trial(record, base, tmp_path, 0, 0.5)
    mlflow_runs = copy_to_mlflow(record, tmp_path)
    assert mlflow_runs.problems == []
    client = open_store(default_store(tmp_path), tmp_path)
    assert state(client) == ([("1", "trial-0000")], "1")
    version = client.get_model_version_by_alias("toy", "best")
    assert {name: version.tags[f"amc.{name}"] for name in ("value", "origin", "preset", "fingerprint")} == {
        "value": "0.5",
        "origin": "procedural",
        "preset": "smoke",
        "fingerprint": "f" * 64,
    }
    files = sorted(path.path for path in client.list_artifacts(version.run_id, "model"))
    assert "model/clip_model.py" in files
    assert not [name for name in files if "pkl" in name]

    # Another process, which knows no more than the store's address.
    image = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3)).astype(np.uint8)
    np.save(tmp_path / "image.npy", image)
    script = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(LOAD), default_store(tmp_path)]
    loaded = subprocess.run(
        [*script, str(tmp_path / "image.npy"), str(tmp_path / "clips.npy")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert loaded.returncode == 0, loaded.stderr
    assert loaded.stdout.strip() == "['right', 'down']"
    kept = tmp_path / "toy" / "checkpoints" / "trial-0000" / "attempt-1"
    maker = load_clip_maker(kept / checkpoint.FILE, kept / clip_maker.FILE)
    np.testing.assert_array_equal(np.load(tmp_path / "clips.npy"), maker(image, np.array([1, 0, 1]), seed=3))

    # The study's own run has what was found.
    (parent,) = client.search_runs([version_experiment(client)], filter_string="tags.`amc.role` = 'study'")
    assert {file.path for file in client.list_artifacts(parent.info.run_id)} == {"best", "summary.json", "table.txt"}
    assert client.list_artifacts(parent.info.run_id, "best")[0].path == "best/strip.png"

    # The same command again writes nothing at all.
    with monkeypatch.context() as patch:
        for name in ("log_artifacts", "log_text", "log_batch", "create_model_version", "set_registered_model_alias"):
            patch.setattr(f"mlflow.MlflowClient.{name}", forbidden(name))
        copy_to_mlflow(record, tmp_path)

    # A better trial, with a driver that dies between any two calls and comes again.
    end_trial(record, base, tmp_path, 1, 0.75)
    for name in ("log_text", "log_artifacts", "create_model_version", "set_registered_model_alias"):
        with monkeypatch.context() as patch:
            patch.setattr(f"mlflow.MlflowClient.{name}", killed(name))
            with pytest.raises(KeyboardInterrupt):
                copy_to_mlflow(record, tmp_path)
    copy_to_mlflow(record, tmp_path)
    assert state(client) == ([("1", "trial-0000"), ("2", "trial-0001")], "2")

    # An unfit checkpoint is told, and keeps nothing else from being copied.
    end_trial(record, base, tmp_path, 2, 0.875)
    broken = tmp_path / "toy" / "checkpoints" / "trial-0002" / "attempt-1" / checkpoint.FILE
    broken.write_bytes(b"half a file")
    assert "cannot register trial-0002 as a model" in copy_to_mlflow(record, tmp_path).problems[0]
    assert state(client)[1] == "2"

    # Deleting the study removes the model, but not another folder's study of the same name.
    client.create_model_version("toy", f"runs:/{version.run_id}/model", run_id=version.run_id)
    assert main(["delete", "toy", "--out", str(tmp_path)]) == 0, capsys.readouterr().err
    (left,) = client.search_model_versions("name = 'toy'")
    assert left.version in (3, "3")
    client.delete_model_version("toy", "3")
    model_registry.delete_versions(client, study_row(base))
    assert client.search_registered_models() == []


def version_experiment(client: Any) -> str:
    return str(client.get_experiment_by_name("toy").experiment_id)


def forbidden(name: str) -> Callable[..., None]:
    def call(*_: object, **__: object) -> None:
        raise AssertionError(f"{name} was called")

    return call


def killed(name: str) -> Callable[..., None]:
    def call(*_: object, **__: object) -> None:
        raise KeyboardInterrupt(name)

    return call
