"""`python -m amc train`, `evaluate` and `generate`, run as a person runs them, at smoke size."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from amc import __main__ as amc_main
from amc.evaluation.pictures import GAP, LINE

ROOT = Path(__file__).resolve().parents[1]


def _amc(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "amc", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object], str]:
    """A run of 10 steps: its folder, what it printed as JSON, and its standard error."""
    out = Path(tmp_path_factory.mktemp("train")) / "run"
    done = _amc("train", "--dataset", "natops", "--preset", "smoke", "--steps", 10, "--out", out, "--json")
    assert done.returncode == 0, done.stderr
    return out, json.loads(done.stdout), done.stderr


def test_train_writes_the_result_and_announces_the_origin(trained: tuple[Path, dict[str, object], str]) -> None:
    out, printed, error = trained
    result = json.loads((out / "result.json").read_text())
    assert result == printed
    assert {
        "validation_accuracy",
        "second_classifier_accuracy",
        "real_accuracy",
        "copy_frame_accuracy",
        "chance",
        "clips",
        "steps",
        "seconds",
    } <= set(result)
    assert result["steps"] == 10
    assert result["origin"] == "procedural"
    assert result["chance"] == pytest.approx(1 / 3)
    assert result["clips"] == 24
    # 24 clips: a fraction of them, not percent.
    assert (result["validation_accuracy"] * 24) % 1 == pytest.approx(0)
    # The stand-in can be told apart in full, and not by its first frames.
    assert result["real_accuracy"] >= 0.9
    assert result["copy_frame_accuracy"] <= 0.6
    assert "origin=procedural" in error
    assert {path.name for path in (out / "samples").iterdir()} == {"strip.png", "clips.gif"}


def test_train_goes_on_with_a_longer_budget(
    trained: tuple[Path, dict[str, object], str], capsys: pytest.CaptureFixture[str]
) -> None:
    out, first, _ = trained
    arguments = ["train", "--dataset", "natops", "--preset", "smoke", "--out", str(out)]
    assert amc_main.main([*arguments, "--steps", "12"]) == 0
    captured = capsys.readouterr()
    assert "12 steps" in captured.out
    assert "in percent" in captured.out
    result = json.loads((out / "result.json").read_text())
    assert result["steps"] == 12
    assert result["seconds"] > 0
    assert result["fingerprint"] == first["fingerprint"]
    # Another seed is another run.
    assert amc_main.main([*arguments, "--seed", "1"]) == 2
    assert "seed 0 -> 1" in capsys.readouterr().err


def test_evaluate_scores_either_split(
    trained: tuple[Path, dict[str, object], str], capsys: pytest.CaptureFixture[str]
) -> None:
    out, _, _ = trained
    assert amc_main.main(["evaluate", str(out), "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    kept = json.loads((out / "result.json").read_text())
    assert again["accuracy"] == kept["validation_accuracy"]
    assert again["second_classifier_accuracy"] == kept["second_classifier_accuracy"]
    assert amc_main.main(["evaluate", str(out), "--split", "test"]) == 0
    assert "48 test clips" in capsys.readouterr().out


def test_generate_starts_with_the_image_and_shows_each_class(
    trained: tuple[Path, dict[str, object], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, _, _ = trained
    picture = tmp_path / "start.png"
    Image.new("RGB", (60, 40), (200, 100, 50)).save(picture)
    assert (
        amc_main.main(["generate", str(out), "--image", str(picture), "--out", str(tmp_path / "made"), "--json"]) == 0
    )
    files = json.loads(capsys.readouterr().out)["files"]
    assert files == [str(tmp_path / "made" / name) for name in ("strip.png", "clips.gif")]
    with Image.open(files[0]) as image:
        pixels = np.asarray(image.convert("RGB"))
    row = LINE + 128 + GAP
    assert pixels.shape[0] == 3 * row + GAP
    for i in range(3):
        assert pixels[GAP + LINE + 60 + i * row, GAP + 60].tolist() == [200, 100, 50]
    with Image.open(files[1]) as image:
        assert image.n_frames > 1


def test_generate_repeats_itself_and_takes_one_class(
    trained: tuple[Path, dict[str, object], str], tmp_path: Path
) -> None:
    out, _, _ = trained
    made = []
    for name in ("a", "b"):
        arguments = ["generate", str(out), "--clip", "3", "--class", "All Clear", "--out", str(tmp_path / name)]
        assert amc_main.main(arguments) == 0
        made.append((tmp_path / name / "strip.png").read_bytes())
    assert made[0] == made[1]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["train", "--preset", "smoke", "--out", "OUT"], "no data"),
        (["train", "--dataset", "kth", "--preset", "smoke", "--out", "OUT"], "unknown data set"),
        (["train", "--dataset", "natops", "--preset", "huge", "--out", "OUT"], "unknown preset"),
        (["train", "--dataset", "natops", "--preset", "smoke", "--steps", "0", "--out", "OUT"], "--steps 0"),
        (["train", "--dataset", "natops", "--preset", "smoke", "--seed", "-1", "--out", "OUT"], "--seed -1"),
        (["train", "--data", "missing.h5", "--preset", "smoke", "--out", "OUT"], "missing.h5"),
        (["train", "--dataset", "natops"], "--out"),
        (["evaluate", "nowhere"], "no checkpoint"),
        (["generate", "nowhere", "--out", "OUT"], "no checkpoint"),
        (["generate", "RUN", "--class", "Dance", "--out", "OUT"], "unknown class"),
        (["generate", "RUN", "--clip", "240", "--out", "OUT"], "0 to 239"),
        (["generate", "RUN", "--image", "missing.png", "--out", "OUT"], "no such file"),
        (["generate", "RUN", "--image", "README.md", "--out", "OUT"], "cannot be read"),
    ],
)
def test_wrong_use_is_one_line_and_leaves_nothing(
    arguments: list[str],
    says: str,
    trained: tuple[Path, dict[str, object], str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    named = {"OUT": str(tmp_path / "out"), "RUN": str(trained[0]), "README.md": str(ROOT / "README.md")}
    try:
        code = amc_main.main([named.get(argument, argument) for argument in arguments])
    except SystemExit as end:
        code = int(end.code or 0)
    captured = capsys.readouterr()
    assert code == 2
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert says in captured.err
    assert list(tmp_path.iterdir()) == []
