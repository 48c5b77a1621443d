"""`python -m amc train`, `evaluate` and `generate`, run as a person runs them, at smoke size."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from amc import __main__ as amc_main
from amc.config import natops, with_overrides
from amc.evaluation.pictures.strip import GAP, LINE
from amc.methods import load_config
from amc.training import checkpoint
from tests.toy import write_toy_file

ROOT = Path(__file__).resolve().parents[2]


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
        "log_likelihood",
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
    assert result["log_likelihood"] < 0
    # The stand-in can be told apart in full, and not by its first frames.
    assert result["real_accuracy"] >= 0.9
    assert result["copy_frame_accuracy"] <= 0.6
    assert "origin=procedural" in error
    assert {path.name for path in (out / "samples").iterdir()} == {"strip.png", "clips.gif", "figure3.png"}


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
    # And so is one whose clips are divided otherwise.
    assert amc_main.main([*arguments, "--split-rule", "random"]) == 2
    assert "(split.rule 'subject' -> 'random')" in capsys.readouterr().err


def test_train_divides_clips_by_the_rule_that_was_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = ["--data", str(write_toy_file(tmp_path / "squares.h5")), "--preset", "smoke", "--steps", "2"]
    assert amc_main.main(["train", *data, "--split-rule", "random", "--out", str(tmp_path / "run")]) == 0
    assert "validation clips (by random)" in capsys.readouterr().out
    assert json.loads((tmp_path / "run" / "result.json").read_text())["split_rule"] == "random"
    # A published split is of NATOPS' own subjects.
    assert amc_main.main(["train", *data, "--split-rule", "natops-lfdm", "--out", str(tmp_path / "no")]) == 2
    assert (
        "split rule natops-lfdm requires the data set natops, but these clips are 'squares'" in capsys.readouterr().err
    )
    assert not (tmp_path / "no").exists()


def test_evaluate_scores_either_split(
    trained: tuple[Path, dict[str, object], str], capsys: pytest.CaptureFixture[str]
) -> None:
    out, _, _ = trained
    assert amc_main.main(["evaluate", str(out), "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    kept = json.loads((out / "result.json").read_text())
    assert again["accuracy"] == kept["validation_accuracy"]
    for name in ("second_classifier_accuracy", "copy_frame_accuracy", "real_accuracy", "chance"):
        assert again[name] == kept[name]
    scores = again["scores"]
    assert scores["generated"]["accuracy"] == again["accuracy"]
    assert scores["first_frame_repeated"]["motion_energy"] == 0 < scores["real"]["motion_energy"]
    assert scores["real"]["frechet_distance"] < scores["generated"]["frechet_distance"]
    assert amc_main.main(["evaluate", str(out), "--split", "test"]) == 0
    shown = capsys.readouterr().out
    assert "48 test clips" in shown
    assert all(text in shown for text in ("PSNR", "Frechet distance", "identity kept"))


@pytest.mark.slow
def test_evaluate_scores_keypoints_alone(
    trained: tuple[Path, dict[str, object], str], capsys: pytest.CaptureFixture[str]
) -> None:
    out, _, _ = trained
    assert amc_main.main(["evaluate", str(out), "--extractor", "regressor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    about, scores = found["keypoints"], found["scores"]
    assert about["held_out_error"]["pixels"] < 1
    assert about["held_out_error"]["found"] > 0.9
    assert scores["real"]["keypoint_accuracy"] > 0.8
    assert scores["first_frame_repeated"]["keypoint_accuracy"] < 0.7
    assert scores["real"]["keypoint_missing"] == 0
    assert amc_main.main(["evaluate", str(out), "--extractor", "regressor"]) == 0
    shown = capsys.readouterr().out
    assert "keypoint accuracy, %" in shown
    assert f"{about['held_out_error']['pixels']:.2f} pixels" in shown


def test_a_method_that_sees_frames_alone_needs_no_keypoints_and_says_that_it_is_given_no_class(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blind = write_toy_file(tmp_path / "squares.h5", valid=(False, False))
    training = ["train", "--data", str(blind), "--preset", "smoke", "--steps", "2"]
    for method in ("amc_gan", "cdna"):
        assert amc_main.main([*training, "--method", method, "--out", str(tmp_path / "no")]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"error: {blind} has no valid keypoints, and method '{method}' needs them")
        assert not (tmp_path / "no").exists()
    assert amc_main.main([*training, "--method", "mcnet", "--out", str(tmp_path / "run")]) == 0
    capsys.readouterr()
    generating = ["generate", str(tmp_path / "run"), "--data", str(blind), "--out", str(tmp_path / "made")]
    assert amc_main.main(generating) == 0
    assert capsys.readouterr().err == (
        "MCnet is given neither class nor motion: its clips are the same for every class\n"
    )
    assert amc_main.main([*generating, "--mismatched"]) == 2
    assert capsys.readouterr().err == (
        "error: MCnet sees 4 frames of a clip, which show appearance and motion together: leave out --mismatched\n"
    )


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


@pytest.mark.parametrize("name", ["strip.png", "clips.gif", "link.png"])
def test_generate_does_not_overwrite_the_image(
    name: str, trained: tuple[Path, dict[str, object], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / name
    if name == "link.png":
        picture.symlink_to("strip.png")
    Image.new("RGB", (60, 40), (200, 100, 50)).save(picture)
    before = picture.read_bytes()
    assert amc_main.main(["generate", str(trained[0]), "--image", str(picture), "--out", str(tmp_path)]) == 2
    assert f"error: --image {picture} would be overwritten: choose another --out\n" in capsys.readouterr().err
    assert picture.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == (2 if name == "link.png" else 1)


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ("gif", ["strip.png", "clips.gif"]),
        ("mp4", ["strip.png", "clips.mp4"]),
        ("both", ["strip.png", "clips.gif", "clips.mp4"]),
    ],
)
def test_generate_writes_the_formats_asked_for(
    wanted: str,
    names: list[str],
    trained: tuple[Path, dict[str, object], str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out, made = trained[0], tmp_path / "made"
    arguments = ["generate", str(out), "--class", "Spread Wings", "--format", wanted, "--out", str(made)]
    assert amc_main.main(arguments) == 0
    assert capsys.readouterr().out.split() == [str(made / name) for name in names]
    assert sorted(path.name for path in made.iterdir()) == sorted(names)
    if wanted != "mp4":
        with Image.open(made / "clips.gif") as image:
            assert image.size == (128 + 2 * GAP, LINE + 128 + 2 * GAP)
            # Ten steps make clips in which little moves: equal pages are one that is shown longer.
            durations = []
            for page in range(image.n_frames):
                image.seek(page)
                durations.append(image.info["duration"])
        assert len(durations) > 1
        assert sum(durations) == 8 * 100
    if wanted != "gif":
        with av.open(str(made / "clips.mp4")) as container:
            frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        assert len(frames) == 8
        assert frames[0].shape == (LINE + 128 + 2 * GAP, 128 + 2 * GAP, 3)


def test_generate_writes_the_same_test_conditions_for_every_run(
    trained: tuple[Path, dict[str, object], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, _, _ = trained
    files = []
    for place, seed in (("first", "5"), ("again", "5"), ("other", "6")):
        arguments = ["generate", str(out), "--test-clips", "6", "--seed", seed, "--out", str(tmp_path / place)]
        assert amc_main.main(arguments) == 0
        files.append(dict(np.load(tmp_path / place / "test_clips.npz", allow_pickle=False)))
    first, again, other = files
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["clip"], other["clip"])
    assert first["generated"].shape == first["truth"].shape
    assert np.array_equal(first["generated"][:, 0], first["truth"][:, 0])
    assert not np.array_equal(first["generated"][:, 1:], first["truth"][:, 1:])
    capsys.readouterr()
    too_many = ["generate", str(out), "--test-clips", "100000", "--out", str(tmp_path / "many")]
    assert amc_main.main(too_many) == 2
    assert "the test split has" in capsys.readouterr().err
    assert amc_main.main(["generate", str(out), "--test-clips", "6", "--clip", "3", "--out", str(tmp_path / "x")]) == 2


def test_generate_compares_matched_and_mismatched_conditions(
    trained: tuple[Path, dict[str, object], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [
        "generate",
        str(trained[0]),
        "--clip",
        "3",
        "--mismatched",
        "--class",
        "Spread Wings",
        "--format",
        "both",
    ]
    assert amc_main.main([*arguments, "--out", str(tmp_path / "made"), "--json"]) == 0
    files = json.loads(capsys.readouterr().out)["files"]
    assert files == [str(tmp_path / "made" / f"figure3.{ending}") for ending in ("png", "gif", "mp4")]
    assert sorted(str(path) for path in (tmp_path / "made").iterdir()) == sorted(files)
    with Image.open(files[0]) as image:
        # The real clip and three generated ones, each a row of its input and four frames.
        assert image.height == GAP + LINE + 4 * (128 + GAP)
        assert image.width > 5 * 128
    with Image.open(files[1]) as image:
        assert image.n_frames == 8
        size = image.size
    with av.open(files[2]) as container:
        frames = list(container.decode(video=0))
    assert len(frames) == 8
    assert (frames[0].width, frames[0].height) == tuple(side + side % 2 for side in size)


def test_generate_says_when_the_folder_cannot_be_written(
    trained: tuple[Path, dict[str, object], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    assert amc_main.main(["generate", str(trained[0]), "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        f"error: cannot write {tmp_path}: No space left on device; free some space or choose another disk\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["cut short", "gigantic"])
def test_generate_refuses_pictures_that_cannot_be_loaded(
    damage: str,
    trained: tuple[Path, dict[str, object], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    picture = tmp_path / "start.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(picture)
    if damage == "cut short":
        picture.write_bytes(picture.read_bytes()[:5000])
    else:
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert amc_main.main(["generate", str(trained[0]), "--image", str(picture), "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: --image {picture} cannot be read as a picture: ")
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == [picture]


def _study(runs: Path, name: str = "found", **changes: object) -> Path:
    """A search's summary in `runs`, as far as `train --from-study` reads it."""
    trials = [
        {"key": "trial-0000", "number": 0, "state": "COMPLETE", "params": {"weights.rank": 50.0}, "value": 0.5},
        {
            "key": "trial-0001",
            "number": 1,
            "state": "COMPLETE",
            "params": {"weights.rank": 7.0, "switches.dm": False, "readings.velocity_quantile": 0.5},
            "value": 0.75,
        },
    ]
    content = {
        "study": name,
        "kind": "search",
        "dataset": {"name": "natops", "origin": "procedural"},
        "preset": "compact",
        "trials": trials,
        "best": trials[1],
    }
    (runs / name).mkdir(parents=True)
    (runs / name / "summary.json").write_text(json.dumps(content | changes))
    return runs


def test_train_takes_a_studys_configuration_to_another_size_by_the_real_command(tmp_path: Path) -> None:
    runs = _study(tmp_path / "runs")
    where = ["train", "--from-study", "found", "--runs", runs, "--preset", "smoke", "--steps", 3]
    done = _amc(*where, "--out", tmp_path / "best", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["from_study"], result["from_trial"]) == ("found", "trial-0001")
    assert (result["dataset"], result["preset"], result["steps"]) == ("natops", "smoke", 3)
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("configuration: "))
    assert "trial-0001 of study found (natops, preset compact, validation accuracy 75.0%)" in line
    assert "weights.rank 100 -> 7, switches.dm True -> False, readings.velocity_quantile 0.9 -> 0.5" in line
    header = checkpoint.load(tmp_path / "best" / checkpoint.FILE).header
    taken = load_config(header["config"])
    wanted = {"weights.rank": 7.0, "switches.dm": False, "readings.velocity_quantile": 0.5, "training.steps": 3}
    assert taken == with_overrides(natops("smoke"), wanted)
    # Velocities are scaled as the configuration says, not as the preset would: half of them are 1 now.
    assert amc_main.main([*map(str, where), "--trial", "0", "--out", str(tmp_path / "other")]) == 0
    other = checkpoint.load(tmp_path / "other" / checkpoint.FILE).header
    assert other["config"]["weights"]["rank"] == 50.0
    assert header["velocity_scale"] < other["velocity_scale"]
    assert json.loads((tmp_path / "other" / "result.json").read_text())["from_trial"] == "trial-0000"
    # A run with a configuration of its own is opened again like any other.
    assert amc_main.main(["generate", str(tmp_path / "best"), "--out", str(tmp_path / "made")]) == 0


def test_a_run_without_a_study_says_so(trained: tuple[Path, dict[str, object], str]) -> None:
    assert (trained[1]["from_study"], trained[1]["from_trial"]) == (None, None)


# Unpickling a class or function makes Python say so to its audit hooks; the second one shows that the hook works.
_AUDITED = """
import json, pickle, sys
seen = []
sys.addaudithook(lambda event, args: seen.append(args) if event == "pickle.find_class" else None)
from amc.__main__ import main
for arguments in json.loads(sys.argv[1]):
    assert main(arguments) == 0, arguments
    assert not seen, (arguments, seen)
pickle.loads(pickle.dumps(print))
assert seen
"""


def test_no_command_unpickles_anything(trained: tuple[Path, dict[str, object], str], tmp_path: Path) -> None:
    # `train` goes on from a copy, so that it reads a checkpoint and leaves the others' run as it is.
    run = str(tmp_path / "run")
    shutil.copytree(trained[0], run)
    commands = [
        ["train", "--dataset", "natops", "--preset", "smoke", "--out", run, "--steps", "13"],
        ["evaluate", run],
        ["generate", run, "--mismatched", "--format", "both", "--out", str(tmp_path / "out")],
    ]
    command = [sys.executable, "-c", _AUDITED, json.dumps(commands)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_code_names_no_way_to_unpickle() -> None:
    risky = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
    # The two ends of a pipe between a process and the workers that it started: no file from elsewhere goes through it.
    own_workers = ROOT / "amc" / "processes.py"
    for path in set((ROOT / "amc").rglob("*.py")) - {own_workers}:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.split(".")[0] for name in names} & risky, path
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                assert (node.value.id, node.attr) not in {("torch", "load"), ("np", "load")}, path


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


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of studies: one that is right, one of an imported clip file, and one with a broken summary."""
    runs = _study(Path(tmp_path_factory.mktemp("runs")))
    _study(runs, "folder", dataset={"name": "squares", "origin": "folder"})
    four = [{"key": "trial-0000", "number": 0, "state": "COMPLETE", "params": {"model.frames": 4}, "value": 0.5}]
    _study(runs, "four", trials=four, best=four[0])
    _study(runs, "broken")
    (runs / "broken" / "summary.json").write_text('{"study": "broken", "trials": [')
    return runs


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["train", "--preset", "smoke", "--out", "OUT"], "no data"),
        (["train", "--dataset", "kth", "--preset", "smoke", "--out", "OUT"], "unknown data set"),
        (["train", "--dataset", "natops", "--preset", "huge", "--out", "OUT"], "unknown preset"),
        (
            ["train", "--dataset", "natops", "--preset", "smoke", "--steps", "0", "--out", "OUT"],
            "--steps: give an integer of 1 or more",
        ),
        (
            ["train", "--dataset", "natops", "--preset", "smoke", "--seed", "-1", "--out", "OUT"],
            "--seed: give an integer of 0 or more",
        ),
        (["train", "--data", "missing.h5", "--preset", "smoke", "--out", "OUT"], "missing.h5"),
        (["train", "--dataset", "natops"], "--out"),
        (["evaluate", "nowhere"], "no checkpoint"),
        (["evaluate", "RUN", "--extractor", "openpose"], "unknown extractor"),
        (["evaluate", "RUN", "--extractor", "openface:missing"], "missing or not executable"),
        (["evaluate", "RUN", "--extractor", "dlib"], "pip install 'amc-gan[dlib]'"),
        (["generate", "nowhere", "--out", "OUT"], "no checkpoint"),
        (["generate", "RUN", "--class", "Dance", "--out", "OUT"], "unknown class"),
        (["generate", "RUN", "--clip", "240", "--out", "OUT"], "0 to 239"),
        (["generate", "RUN", "--image", "missing.png", "--out", "OUT"], "file not found"),
        (["generate", "RUN", "--image", "README.md", "--out", "OUT"], "cannot be read"),
        (["generate", "RUN", "--image", "RUN", "--out", "OUT"], "cannot be read"),
        (["generate", "RUN", "--image", "missing.png", "--mismatched", "--out", "OUT"], "give --clip N"),
        (["generate", "RUN", "--clip", "-1", "--mismatched", "--out", "OUT"], "0 to 239"),
        (
            ["generate", "RUN", "--clip", "0", "--mismatched", "--class", "OWN", "--out", "OUT"],
            "choose another --class",
        ),
        (["generate", "RUN", "--format", "avi", "--out", "OUT"], "invalid choice: 'avi'"),
        (["generate", "RUN", "--seed", "-1", "--out", "OUT"], "--seed: give an integer of 0 or more"),
        (["generate", "RUN", "--out", "README.md"], "is not a folder"),
        (["generate", "RUN", "--out", "README.md/below"], "is not a folder"),
        (["train", "--dataset", "natops", "--preset", "smoke", "--out", "README.md/below"], "is not a folder"),
        (
            ["train", "--dataset", "natops", "--preset", "smoke", "--trial", "1", "--out", "OUT"],
            "requires --from-study",
        ),
        (
            ["train", "--dataset", "natops", "--preset", "smoke", "--runs", "RUNS", "--out", "OUT"],
            "requires --from-study",
        ),
        (["train", "--from-study", "lost", "--runs", "RUNS", "--out", "OUT"], "(found: broken, folder, found, four)"),
        (["train", "--from-study", "found", "--runs", "RUN", "--out", "OUT"], "(found: none)"),
        (["train", "--from-study", "broken", "--runs", "RUNS", "--out", "OUT"], "is not the summary of a study"),
        (
            ["train", "--from-study", "four", "--preset", "smoke", "--runs", "RUNS", "--out", "OUT"],
            "no frame is scored: clips have 4 frames",
        ),
        (["train", "--from-study", "folder", "--runs", "RUNS", "--out", "OUT"], "--data FILE.h5"),
        (
            ["train", "--from-study", "found", "--trial", "2", "--runs", "RUNS", "--out", "OUT"],
            "trial-0000, trial-0001",
        ),
    ],
)
def test_wrong_use_is_one_line_and_leaves_nothing(
    arguments: list[str],
    says: str,
    trained: tuple[Path, dict[str, object], str],
    studies: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, "dlib", None)  # as if it were not installed
    readme = str(ROOT / "README.md")
    named = {
        "OUT": str(tmp_path / "out"),
        "RUN": str(trained[0]),
        "RUNS": str(studies),
        "OWN": "I Have Command",
        "README.md": readme,
        "README.md/below": f"{readme}/below",
    }
    code = amc_main.main([named.get(argument, argument) for argument in arguments])
    captured = capsys.readouterr()
    assert code == 2
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert says in captured.err
    assert list(tmp_path.iterdir()) == []
