from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from amc.cli.data import main
from amc.data.clipfile import check


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "amc.data", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_the_commands_themselves(tmp_path: Path) -> None:
    file = tmp_path / "made.h5"
    made = run("synthesize", "natops", "--out", file, "--preset", "smoke", "--clips", 60, "--seed", 3)
    assert made.returncode == 0, made.stderr
    assert made.stdout == f"{file}: 60 clips, 16x16 pixels, 8 frames, origin=procedural\n"
    assert len(made.stderr.splitlines()) <= 1  # progress, where it took long enough to tell
    assert check(file, content=True).info.generator["arguments"]["seed"] == 3

    shown = run("inspect", file, "--json")
    assert shown.returncode == 0, shown.stderr
    report = json.loads(shown.stdout)
    assert (report["clips"], report["frames"], report["width"], report["origin"]) == (60, 8, 16, "procedural")


def test_the_report(small_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(small_file), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    contents = check(small_file)
    assert report["fingerprint"] == contents.info.fingerprint
    assert report["classes"] == {"I Have Command": 20, "All Clear": 20, "Spread Wings": 20}
    assert report["subjects"] == {str(s): 3 for s in range(20)}
    assert report["sources"] == 60
    assert report["duplicate_clips"] == 0
    assert report["keypoints"]["valid"] == dict.fromkeys(contents.info.keypoint_names, 1.0)
    assert report["keypoints"]["outside"] == 0
    assert 0 <= report["pixels"]["low"] < report["pixels"]["mean"] < report["pixels"]["high"] <= 255
    assert 0 < report["velocity"]["median"] < report["velocity"]["quantile_99"] <= report["velocity"]["largest"] < 16
    split = report["split"]
    assert (split["rule"], split["seed"], split["leaks"]) == ("subject", 0, [])
    assert {name: part["clips"] for name, part in split["parts"].items()} == {"train": 42, "validation": 6, "test": 12}
    assert split["parts"]["test"]["classes"] == {"I Have Command": 4, "All Clear": 4, "Spread Wings": 4}


def test_the_report_for_a_person(small_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(small_file), "--split-rule", "random", "--split-seed", "4"]) == 0
    text = capsys.readouterr().out
    for part in (
        "natops, origin=procedural",
        "60 of 8 frames, 16x16 pixels",
        "All Clear",
        "by random, seed 4",
        "passed",
    ):
        assert part in text


def test_a_file_that_cannot_be_split_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "few.h5"
    assert main(["synthesize", "natops", "--out", str(file), "--preset", "smoke", "--clips", "2"]) == 0
    assert main(["inspect", str(file)]) == 0
    assert "split        none: too few source videos to split: 2 in 2 classes" in capsys.readouterr().out


def test_the_pictures(small_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preview", str(small_file), "--out", str(tmp_path)]) == 0
    names = ["contact-sheet.png", "01-i-have-command.gif", "02-all-clear.gif", "03-spread-wings.gif"]
    assert capsys.readouterr().out.splitlines() == [str(tmp_path / name) for name in names]
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(names)
    with Image.open(tmp_path / "contact-sheet.png") as sheet:
        # Eight frames of 16 pixels enlarged eightfold, three classes; captions of 16 pixels: two at the top, one each.
        assert sheet.size == (8 * 128, 2 * 16 + 3 * (128 + 16))
        colours = {colour for _, colour in sheet.convert("RGB").getcolors(2**24) or []}
    assert {(255, 60, 60), (80, 255, 80), (255, 255, 60)} <= colours
    with Image.open(tmp_path / "03-spread-wings.gif") as animation:
        assert animation.n_frames == 8
        assert animation.size == (3 * 128, 128 + 2 * 16)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["synthesize", "natops"], "--out"),
        (["synthesize", "natops", "--out", "OUT.h5", "--preset", "huge"], "unknown preset 'huge'"),
        (
            ["synthesize", "natops", "--out", "OUT.h5", "--preset", "smoke", "--clips", "0"],
            "--clips: give an integer of 1 or more",
        ),
        (
            ["synthesize", "natops", "--out", "OUT.h5", "--preset", "smoke", "--seed", "-1"],
            "--seed: give an integer of 0 or more",
        ),
        (
            ["synthesize", "natops", "--out", "OUT.h5", "--preset", "smoke", "--workers", "0"],
            "--workers: give an integer of 1 or more",
        ),
        (["synthesize", "faces", "--out", "OUT.h5"], "invalid choice: 'faces'"),
        (["synthesize", "natops", "--out", "taken/OUT.h5", "--preset", "smoke"], "cannot write"),
        (["inspect", "none.h5", "--split-rule", "luck"], "invalid choice: 'luck'"),
        (["inspect", "none.h5"], "none.h5: no such file"),
        (["inspect", "taken"], "taken: not a readable HDF5 clip file"),
        (["preview", "none.h5", "--out", "pictures"], "none.h5: no such file"),
        (["preview", "taken", "--out", "pictures"], "taken: not a readable HDF5 clip file"),
        (["polish"], "polish"),
        ([], "COMMAND"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    problem: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").write_text("no clip file")
    code = main(arguments)
    shown = capsys.readouterr()
    assert code == 2
    assert shown.out == ""
    assert len(shown.err.splitlines()) == 1
    assert shown.err.startswith("error: ")
    assert problem in shown.err
    assert [p.name for p in tmp_path.iterdir()] == ["taken"]


def long_run(out: Path) -> subprocess.Popen[str]:
    """A synthesis that is under way and would take minutes."""
    command = [
        sys.executable,
        "-m",
        "amc.data",
        "synthesize",
        "natops",
        "--out",
        str(out),
        "--preset",
        "paper",
        "--workers",
        "2",
    ]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    partial = out.with_name(f".{out.name}.partial")
    deadline = time.monotonic() + 60
    while not partial.exists() or partial.stat().st_size < 100_000:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return process


def test_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    process = long_run(tmp_path / "long.h5")
    os.killpg(process.pid, signal.SIGINT)
    _, shown = process.communicate(timeout=60)
    assert process.returncode == 130
    assert shown.splitlines()[-1] == "interrupted"
    assert "Traceback" not in shown
    assert list(tmp_path.iterdir()) == []


def test_after_a_kill_the_same_command_works(tmp_path: Path) -> None:
    file = tmp_path / "long.h5"
    process = long_run(file)
    process.kill()
    # Its workers end with it: they hold the other ends of these pipes.
    process.communicate(timeout=30)
    assert not file.exists()
    assert main(["synthesize", "natops", "--out", str(file), "--preset", "smoke", "--clips", "6"]) == 0
    assert [p.name for p in tmp_path.iterdir()] == ["long.h5"]
    assert check(file, content=True).shape[0] == 6


@pytest.mark.parametrize("dataset", ["natops", "mug"])
def test_as_many_performers_as_asked_for(tmp_path: Path, dataset: str) -> None:
    file = tmp_path / "few.h5"
    command = ["synthesize", dataset, "--out", str(file), "--preset", "smoke", "--clips", "30", "--workers", "1"]
    assert main([*command, "--subjects", "7"]) == 0
    contents = check(file)
    assert sorted(set(contents.subject.tolist())) == list(range(7))
    assert contents.info.generator["arguments"]["subjects"] == 7
