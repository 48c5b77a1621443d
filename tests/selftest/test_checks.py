"""Each check passes on the step as it is, and fails on one that is broken where the check looks."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor

from amc.data.conditions import Batch
from amc.machine.capabilities import Machine
from amc.machine.cuda_graph import GraphedStep
from amc.methods.amc_gan import step as training_step
from amc.methods.amc_gan.step import AMCStep
from amc.selftest import compilation, cost, determinism, equality, graphs, memory, precision
from amc.selftest.check_result import CheckResult
from amc.selftest.setting import Setting, setting

CPU = torch.device("cpu")
Losses = dict[str, Tensor]


@pytest.fixture
def smoke() -> Setting:
    return setting("smoke", CPU)


def verdicts(rows: list[CheckResult]) -> dict[str, str]:
    return {row.check: row.verdict for row in rows}


def test_paper_size_comes_in_small_batches_on_a_cpu() -> None:
    assert (setting("paper", CPU).config.training.batch, setting("paper", CPU).few) == (2, 2)
    cuda = setting("paper", torch.device("cuda"))
    assert (cuda.config.training.batch, cuda.few) == (16, 2)
    compact = setting("compact", CPU)
    assert (compact.config.training.batch, compact.few) == (8, 8)


def test_equality(smoke: Setting) -> None:
    found = equality.check(smoke)
    assert verdicts(found) == {
        "literal step, float64": "ok",
        "literal step, float32: losses": "ok",
        "literal step, float32: gradients": "ok",
    }
    assert 0 < found[0].values["found"] < 1e-10


def test_equality_fails_on_a_wrong_loss(smoke: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    right = training_step.adversarial
    monkeypatch.setattr(training_step, "adversarial", lambda logits, kind: 1.01 * right(logits, kind))
    found = equality.check(smoke)
    assert verdicts(found)["literal step, float64"] == "FAILED"
    assert verdicts(found)["literal step, float32: losses"] == "FAILED"
    assert "loss/g_" in found[1].result


def test_equality_fails_on_wrong_gradients_alone(smoke: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    right = training_step.reconstruction
    monkeypatch.setattr(training_step, "reconstruction", lambda *a: (x := right(*a)).detach() + 0 * x)
    found = equality.check(smoke)
    assert [row.verdict for row in found] == ["FAILED", "ok", "FAILED"]
    assert found[0].result.endswith("gradients of generator")


def test_determinism(smoke: Setting) -> None:
    (row,) = determinism.check(smoke)
    assert row.verdict == "ok"
    assert row.figure.startswith("0 of ")


def test_determinism_fails_on_chance(smoke: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    right = AMCStep.generate

    def by_chance(self: AMCStep, batch: Batch) -> Losses:
        return {name: video + 1e-6 * torch.randn_like(video) for name, video in right(self, batch).items()}

    monkeypatch.setattr(AMCStep, "generate", by_chance)
    (row,) = determinism.check(smoke)
    assert row.verdict == "FAILED"


@pytest.mark.parametrize(("size", "verdict"), [(1e-6, "ok"), (1.0, "FAILED")])
def test_operations_without_a_deterministic_form_are_named(
    size: float, verdict: str, smoke: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on CUDA: named, they may round differently, but no more than that."""
    right = AMCStep.generate

    def by_chance(self: AMCStep, batch: Batch) -> Losses:
        warnings.warn("upsample_x does not have a deterministic implementation, but you set ...", stacklevel=1)
        return {name: video + size * torch.randn_like(video) for name, video in right(self, batch).items()}

    @contextmanager
    def collected(_: torch.device) -> Iterator[list[warnings.WarningMessage]]:
        with deterministic(torch.device("cuda")) as found:
            yield found

    deterministic = determinism._deterministic
    monkeypatch.setattr(AMCStep, "generate", by_chance)
    monkeypatch.setattr(determinism, "_deterministic", collected)
    (row,) = determinism.check(smoke)
    assert row.verdict == verdict
    assert "upsample_x" in row.result or verdict == "FAILED"
    assert not torch.are_deterministic_algorithms_enabled()


def test_precision(smoke: Setting) -> None:
    found = precision.check(smoke)
    assert [row.verdict for row in found] == ["ok"] * 3
    assert 0 < found[0].values["found"] < 1e-2
    assert 0 < found[1].values["found"] < 0.02
    assert found[2].values["fp32_seconds"] > 0


def test_precision_fails_on_a_wrong_path(smoke: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    right = AMCStep.generate

    def wrong(self: AMCStep, batch: Batch) -> Losses:
        return {name: video * (0.9 if self.machine.half else 1) for name, video in right(self, batch).items()}

    monkeypatch.setattr(AMCStep, "generate", wrong)
    assert "FAILED" in verdicts(precision.check(smoke)).values()


def test_precision_names_a_device_that_emulates(smoke: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "resolve", lambda config, device: Machine(device))
    assert precision.check(smoke)[2].result.endswith("only emulates bf16")


@pytest.mark.filterwarnings("ignore")
def test_compilation_fails_on_a_wrong_path(smoke: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(networks: dict[str, torch.nn.Module], backend: str, parts: object) -> None:
        with torch.no_grad():
            networks["generator"].get_parameter("decoder.conv5.bias").add_(0.1)

    monkeypatch.setattr(compilation, "compile_networks", wrong)
    monkeypatch.setattr(compilation, "missing_tools", lambda device: "no C++ compiler (g++)")
    found = compilation.check(smoke)
    assert verdicts(found) == {"compiled: traced": "FAILED", "compiled: kernels": "skipped"}
    assert found[1].result == "no C++ compiler (g++)"


def test_what_compiling_needs(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setenv("CXX", "my-compiler")
    assert compilation.missing_tools(CPU) == "no C++ compiler (my-compiler)"
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(compilation.sysconfig, "get_path", lambda name: str(tmp_path))
    assert compilation.missing_tools(CPU) == "no header files of Python"
    monkeypatch.undo()
    monkeypatch.setattr(compilation, "has_triton", lambda: False)
    if not compilation.missing_tools(CPU):
        assert compilation.missing_tools(torch.device("cuda")) == "no Triton"


def test_graphs(smoke: Setting) -> None:
    found = graphs.check(smoke)
    assert verdicts(found) == {"CUDA graph: logic": "ok", "CUDA graph: capture and replay": "skipped"}
    assert found[1].result == "needs a CUDA device"


def test_graphs_fail_where_a_replay_reads_the_first_batch(smoke: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    right = GraphedStep._hold

    def first(self: GraphedStep, batch: Batch, step: int) -> tuple[Batch, Tensor]:
        held = right(self, batch, step) if self.batch is None else (self.batch, self.step)
        assert held[1] is not None
        return held[0], held[1]

    monkeypatch.setattr(GraphedStep, "_hold", first)
    assert verdicts(graphs.check(smoke))["CUDA graph: logic"] == "FAILED"


def test_cost(smoke: Setting) -> None:
    time, arithmetic, peak = cost.check(smoke)
    assert time.values["seconds"] > 0
    assert arithmetic.values["macs_per_second"] * time.values["seconds"] == pytest.approx(arithmetic.values["macs"])
    assert peak.verdict == ("ok" if memory.available() else "skipped")
    if memory.available():
        assert 1e6 < peak.values["bytes"] < 1e9


@pytest.mark.parametrize("there", [True, False])
def test_memory_that_cannot_be_told(there: bool, smoke: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available", lambda: there)
    monkeypatch.setattr(memory, "__name__", "amc.selftest.no_such_module")
    row = cost._memory(smoke)
    assert row.verdict == ("FAILED" if there else "skipped")
    assert "no_such_module" in row.result or not there
