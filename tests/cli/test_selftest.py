from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from amc import __main__ as amc_main
from amc.cli import selftest as selftest_command
from amc.methods.amc_gan import step as training_step
from amc.selftest.check_result import CheckResult, skipped
from amc.selftest.setting import Setting

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_the_whole_selftest_by_the_real_command() -> None:
    """Every row but those of a CUDA device."""
    done = subprocess.run(
        [sys.executable, "-m", "amc", "selftest", "--device", "cpu", "--preset", "smoke", "--json"],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    facts = json.loads(done.stdout)
    assert (facts["kind"], facts["preset"], facts["threads"], facts["clips"]) == ("cpu", "smoke", 1, 8)
    checks = {row["check"]: row for row in facts["checks"]}
    only_cuda = {name for name, row in checks.items() if row["result"] == "needs a CUDA device"}
    assert {"CUDA graph: capture and replay"} <= only_cuda
    assert all(checks[name]["verdict"] == "skipped" for name in only_cuda)
    for name in (
        "literal step, float64",
        "literal step, float32: losses",
        "literal step, float32: gradients",
        "same seed, same parameters",
        "bf16 against fp32: losses",
        "bf16 against fp32: gradients",
        "bf16 against fp32: seconds",
        "compiled: traced",
        "CUDA graph: logic",
        "cost: time",
        "cost: arithmetic",
    ):
        assert checks[name]["verdict"] == "ok", checks[name]
    assert facts["verdicts"]["FAILED"] == 0


def run(*arguments: str) -> int:
    return amc_main.main(["selftest", "--device", "cpu", "--preset", "smoke", *arguments])


def test_a_broken_step_fails_and_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--only", "equality") == 0
    assert "3 ok, 0 failed, 0 skipped" in capsys.readouterr().out
    right = training_step.ranking
    monkeypatch.setattr(training_step, "ranking", lambda *a: right(*a) * 1.001)
    assert run("--only", "equality") == 3
    out = capsys.readouterr().out
    line = next(line for line in out.splitlines() if line.startswith("literal step, float64"))
    assert line.endswith("FAILED")
    assert "failed" in out.splitlines()[-1]


def test_a_check_that_breaks_off_has_failed_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def breaks(_: Setting) -> list[CheckResult]:
        raise RuntimeError("CUDA error: operation not permitted\nwhen stream is capturing")

    checks = {"graphs": breaks, "cost": lambda _: [skipped("cost: peak memory", "none")]}
    monkeypatch.setattr(selftest_command, "CHECKS", checks)
    assert run("--json") == 3
    captured = capsys.readouterr()
    facts = json.loads(captured.out)
    assert [(row["check"], row["verdict"]) for row in facts["checks"]] == [
        ("graphs", "FAILED"),
        ("cost: peak memory", "skipped"),
    ]
    assert facts["checks"][0]["result"] == "raised RuntimeError: CUDA error: operation not permitted"
    assert facts["verdicts"] == {"ok": 0, "FAILED": 1, "skipped": 1}
    assert "Traceback" in captured.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--device", "cuda"], "error: --device cuda: PyTorch found no CUDA device; give --device cpu\n"),
        (["--preset", "huge"], "error: unknown preset 'huge': choose auto, paper, compact, smoke\n"),
    ],
)
def test_wrong_use_is_one_line(
    arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert amc_main.main(["selftest", *arguments]) == 2
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", message)


@pytest.mark.parametrize(
    ("name", "there", "expected"),
    [("auto", True, "cuda"), ("auto", False, "cpu"), ("cpu", True, "cpu"), ("cuda", True, "cuda")],
)
def test_the_device(name: str, there: bool, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    assert selftest_command.chosen_device(name).type == expected
    # Without it CUDA's matrix products are not deterministic.
    assert ("CUBLAS_WORKSPACE_CONFIG" in os.environ) == (expected == "cuda")
    os.environ.pop("CUBLAS_WORKSPACE_CONFIG", None)


@pytest.mark.parametrize(("there", "preset"), [(True, "paper"), (False, "compact")])
def test_auto_goes_by_the_device_that_is_tested(there: bool, preset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def stop(name: str, *_: object) -> Setting:
        seen.append(name)
        raise KeyboardInterrupt

    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    monkeypatch.setattr(selftest_command, "setting", stop)
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    assert amc_main.main(["selftest"]) == 130
    assert amc_main.main(["selftest", "--device", "cpu"]) == 130
    assert seen == [preset, "compact"]
