from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from amc import __main__ as amc_main
from amc import methods
from amc.cli import command, preset
from amc.cli import describe as describe_command
from amc.cli.describe import describe
from amc.config import Config, configure, with_overrides
from amc.data.conditions import Batches
from amc.errors import UserError
from amc.methods.amc_gan import METHOD as AMC_GAN
from amc.methods.amc_gan.step import AMCStep
from amc.training.macs import training_step_macs
from tests.toy import toy_config, toy_data

ROOT = Path(__file__).resolve().parents[2]

# The notes' table, computed by hand from appendices A and B.
PAPER = {
    "natops": {
        "generator": 6_645_116,
        "appearance_discriminator": 13_576_001,
        "motion_discriminator": 6_080_091,
        "motion_classifier": 11_289_688,
        "keypoint_classifier": 82_912,
    },
    "mug": {
        "generator": 6_441_356,
        "appearance_discriminator": 13_576_001,
        "motion_discriminator": 6_064_553,
        "motion_classifier": 11_287_366,
        "keypoint_classifier": 81_724,
    },
}


@pytest.mark.parametrize("dataset", ["natops", "mug"])
def test_parameters_at_paper_size(dataset: str) -> None:
    assert describe(configure(dataset, "paper"))["parameters"].items() >= PAPER[dataset].items()


def test_other_methods_are_counted_by_name_and_described_on_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    config = configure("natops", "smoke")
    two = replace(AMC_GAN, name="two", networks={"generator": _linear, "discriminator": _linear})
    one = replace(AMC_GAN, name="one", networks={"generator": _linear})
    monkeypatch.setattr(methods, "BUILT_IN", {"amc_gan": AMC_GAN, "one": one, "two": two})
    monkeypatch.setattr(describe_command, "BUILT_IN", methods.BUILT_IN)
    monkeypatch.setattr(methods, "get", methods.BUILT_IN.get)
    counts = describe(config)["parameters"]
    assert counts.keys() == {*PAPER["natops"], "one", "two"}
    assert counts["one"] == 6
    assert counts["two"] == {"generator": 6, "discriminator": 6}
    alone = describe(methods.with_method(config, "two"))
    assert alone["method"] == "two"
    assert alone["parameters"].keys() == {"generator", "discriminator", "motion_classifier", "keypoint_classifier"}


def _linear(config: Config) -> nn.Module:
    return nn.Linear(2, 2)


def test_macs_without_values_are_those_of_a_real_step() -> None:
    config = toy_config()
    step = AMCStep(config)
    with FlopCounterMode(display=False) as counter:
        step(Batches(config, toy_data(config))(0), 0)
    assert training_step_macs(config) == counter.get_total_flops() // 2


def test_macs_grow_with_the_batch() -> None:
    config = configure("natops", "smoke")
    one, two = (training_step_macs(with_overrides(config, {"training.batch": b})) for b in (4, 8))
    assert 0 < one < two <= 2 * one


def test_macs_fall_when_a_network_is_left_out() -> None:
    config = configure("natops", "smoke")
    without = with_overrides(config, {"switches.dm": False})
    assert training_step_macs(without) < training_step_macs(config)


def test_command_prints_one_json_document() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "amc", "describe", "--dataset", "natops", "--preset", "paper", "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    facts = json.loads(done.stdout)
    assert facts["parameters"].items() >= PAPER["natops"].items()
    assert facts["macs"] > 10**12
    assert done.stderr == ""


def test_table_names_every_network(capsys: pytest.CaptureFixture[str]) -> None:
    assert amc_main.main(["describe", "--dataset", "natops", "--preset", "smoke"]) == 0
    out = capsys.readouterr().out
    for name in PAPER["natops"]:
        assert name.replace("_", " ") in out
    assert "multiply-accumulates" in out


def test_auto_says_which_preset_it_takes(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert preset.chosen_preset("auto") == "compact"
    assert "preset auto: compact" in capsys.readouterr().err
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert preset.chosen_preset("auto") == "paper"


@pytest.mark.parametrize(
    "arguments", [["describe", "--preset", "huge"], ["describe", "--dataset", "kth"], ["describe", "--nonsense"], []]
)
def test_wrong_use_is_one_line_and_exit_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert amc_main.main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1


def test_exit_codes() -> None:
    def fail(error: BaseException) -> int:
        raise error

    assert command.run(lambda: 3) == 3
    assert command.run(lambda: fail(UserError("x"))) == 2
    assert command.run(lambda: fail(KeyboardInterrupt())) == 130
    with pytest.raises(ZeroDivisionError):
        command.run(lambda: fail(ZeroDivisionError()))
