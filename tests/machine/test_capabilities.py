from __future__ import annotations

import copy
import ctypes
import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from amc.config import Config, MachineConfig, configure, with_overrides
from amc.machine import capabilities as machine
from amc.machine.capabilities import Machine, compile_networks, keep_memory, quick_products, resolve
from amc.methods.amc_gan import step as training_step
from amc.methods.amc_gan.step import AMCStep
from amc.models.conv_lstm import ConvLSTM
from amc.models.fast import tiled, upsampled_conv
from amc.reference.examples import ARMS, random_batch, small
from amc.selftest.compare import losses_and_gradients, terms_apart, turned

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
BF16 = {"machine.precision": "bf16"}


def has_bfloat16(monkeypatch: pytest.MonkeyPatch, *, avx512: bool, amx: bool) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)


@pytest.mark.parametrize(
    ("settings", "avx512", "amx", "expected"),
    [
        ({}, True, True, Machine(CPU)),
        ({"precision": "bf16"}, False, False, Machine(CPU, half=True)),
        ({"precision": "auto"}, False, False, Machine(CPU)),
        ({"precision": "auto"}, True, False, Machine(CPU, half=True)),
        ({"precision": "auto"}, False, True, Machine(CPU, half=True)),
        ({"compile": "on"}, False, False, Machine(CPU, compiled=True)),
        ({"compile": "auto"}, True, True, Machine(CPU)),
        ({"graph": "on"}, True, True, Machine(CPU)),
        ({"graph": "auto"}, True, True, Machine(CPU)),
    ],
)
def test_what_settings_mean_on_a_cpu(
    settings: dict[str, Any], avx512: bool, amx: bool, expected: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_bfloat16(monkeypatch, avx512=avx512, amx=amx)
    assert resolve(MachineConfig(**settings), CPU) == expected


@pytest.mark.parametrize(
    ("settings", "capability", "expected"),
    [
        ({}, (9, 0), Machine(CUDA)),
        ({"precision": "auto"}, (8, 0), Machine(CUDA, half=True)),
        ({"precision": "auto"}, (7, 5), Machine(CUDA)),
        ({"precision": "bf16"}, (7, 5), Machine(CUDA, half=True)),
        ({"compile": "auto"}, (8, 0), Machine(CUDA, compiled=True)),
        ({"graph": "auto"}, (8, 0), Machine(CUDA, graphed=True)),
        ({"graph": "on"}, (8, 0), Machine(CUDA, graphed=True)),
        ({"precision": "auto", "compile": "auto", "graph": "auto"}, (8, 6), Machine(CUDA, True, True, True)),
    ],
)
def test_what_settings_mean_on_cuda(
    settings: dict[str, Any], capability: tuple[int, int], expected: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_bfloat16(monkeypatch, avx512=False, amx=False)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert resolve(MachineConfig(**settings), CUDA) == expected


def test_nothing_is_on_where_steps_are_only_counted() -> None:
    meta = torch.device("meta")
    assert resolve(MachineConfig(precision="bf16", compile="on", graph="on"), meta) == Machine(meta)


def test_facts() -> None:
    assert Machine(CPU, half=True).facts() == {
        "device": "cpu",
        "precision": "bf16",
        "compiled": False,
        "graphed": False,
    }
    assert Machine(CUDA, compiled=True, graphed=True).facts() == {
        "device": "cuda",
        "precision": "fp32",
        "compiled": True,
        "graphed": True,
    }


def fp32_precision() -> str:
    return str(torch.backends.mkldnn.matmul.fp32_precision)  # type: ignore[attr-defined]


def test_quick_products_are_float32_products() -> None:
    g = torch.Generator().manual_seed(1)
    for shape in ((8, 2048, 8), (257, 129, 65), (512, 1024, 512)):
        a, b = torch.randn(shape[:2], generator=g), torch.randn(shape[1:], generator=g)
        exact = a.double() @ b.double()
        with quick_products():
            for found in (a @ b, torch.addmm(torch.zeros(shape[2]), a, b), torch.bmm(a[None], b[None])[0]):
                assert found.dtype == torch.float32
                assert float((found - exact).norm() / exact.norm()) < 1e-5


@pytest.mark.parametrize("exact", [True, False])
def test_quick_products_leave_the_setting_as_it_was(exact: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_onednn_is_exact", lambda: exact)
    before = fp32_precision()
    with quick_products():
        assert fp32_precision() == ("bf16" if exact else before)
    assert fp32_precision() == before

    def fail() -> None:
        with quick_products():
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert fp32_precision() == before


def test_quick_products_are_a_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the setting on, PyTorch refuses to tell its precision, which compilers for CUDA ask for."""
    monkeypatch.setattr(machine, "_onednn_is_exact", lambda: True)
    before = fp32_precision()
    with quick_products(CUDA):
        assert fp32_precision() == before
        assert torch.get_float32_matmul_precision() == "highest"


def test_onednn_is_tried_before_it_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    is_exact = machine._onednn_is_exact.__wrapped__
    before = fp32_precision()
    monkeypatch.setattr(torch.cpu, "_is_avx512_supported", lambda: True)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    product = Tensor.__matmul__

    def rounded(a: Tensor, b: Tensor) -> Tensor:
        """As it would be with AMX."""
        return product(a, b) if a.dtype == torch.float64 else product(a.bfloat16(), b.bfloat16()).float()

    monkeypatch.setattr(Tensor, "__matmul__", rounded)
    assert not is_exact()
    monkeypatch.setattr(Tensor, "__matmul__", product)
    assert is_exact() or fp32_precision() == before  # what this machine does
    monkeypatch.setattr(torch.cpu, "_is_avx512_supported", lambda: False)
    assert not is_exact()
    assert fp32_precision() == before


def test_trying_onednn_is_no_part_of_a_step() -> None:
    machine._onednn_is_exact.cache_clear()
    config = small("natops")
    batch = random_batch(config, clips=2, dtype=torch.float32)
    counts = []
    for _ in range(2):
        step = AMCStep(config)
        with FlopCounterMode(display=False) as counter:
            step(batch, 0)
        counts.append(counter.get_total_flops())
    assert counts[0] == counts[1]


def test_keep_memory_may_be_called_again_and_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    keep_memory()
    keep_memory()
    called: list[tuple[int, int]] = []

    class Library:
        def __init__(self, name: None) -> None:
            self.mallopt = lambda option, value: called.append((option, value))

    class Other:
        def __init__(self, name: None) -> None:
            """A C library without the call."""

    monkeypatch.setattr(sys, "platform", "linux")
    for library in (Library, Other):
        monkeypatch.setattr(ctypes, "CDLL", library)
        keep_memory.__wrapped__()
    assert called == [(-4, 0), (-1, 2**31 - 1)]  # M_MMAP_MAX, M_TRIM_THRESHOLD
    monkeypatch.setattr(ctypes, "CDLL", Library)
    monkeypatch.setattr(sys, "platform", "darwin")
    keep_memory.__wrapped__()
    assert len(called) == 2


@pytest.mark.parametrize("half", [True, False])
def test_networks_run_in_bfloat16_where_it_is_on(half: bool) -> None:
    with Machine(CPU, half=half).mixed():
        assert torch.is_autocast_enabled("cpu") == half
        assert torch.get_autocast_dtype("cpu") == torch.bfloat16
    assert not torch.is_autocast_enabled("cpu")


def halved(config: Config) -> tuple[AMCStep, AMCStep]:
    """The step in float32 and in bfloat16, from the same weights."""
    return AMCStep(config), AMCStep(with_overrides(config, BF16))


# Measured over six seeds: terms up to 1.1e-2 apart (a bfloat16 rounds by up to 4e-3), cosines 0.95 at least. In the
# larger batches of the presets, and over all of smoke's: 0.98 at least.
@pytest.mark.parametrize("arm", ARMS)
def test_mixed_precision_in_every_arm(arm: str) -> None:
    # Margins that keep every hinge of the ranking active: one that rounding switches turns the gradient by any angle.
    config = with_overrides(small("natops", arm), {"margins.appearance": 10.0, "margins.motion": 10.0})
    full, half = halved(config)
    batch = random_batch(config, clips=8, dtype=torch.float32)
    expected, actual = losses_and_gradients(full, batch), losses_and_gradients(half, batch)
    assert all(map(math.isfinite, actual.terms.values()))
    assert 0 < terms_apart(expected.terms, actual.terms)[0] < 2e-2
    for name, slopes in expected.gradients.items():
        assert turned(slopes, actual.gradients[name]) < 0.07, name
    for at in range(2):
        assert all(value.isfinite() for value in half(batch, at).values())
    for network in half.networks.values():
        assert all(p.dtype == torch.float32 and p.isfinite().all() for p in network.parameters())
        assert all(p.grad is None or p.grad.dtype == torch.float32 for p in network.parameters())


@pytest.mark.parametrize("config", [small("natops"), configure("natops", "smoke")], ids=["small", "smoke"])
def test_mixed_precision_keeps_the_direction_of_gradients(config: Config) -> None:
    full, half = halved(config)
    batch = random_batch(config, clips=8, dtype=torch.float32)
    expected, actual = losses_and_gradients(full, batch), losses_and_gradients(half, batch)
    assert terms_apart(expected.terms, actual.terms)[0] < 1e-2
    for name, slopes in expected.gradients.items():
        assert 1 - turned(slopes, actual.gradients[name]) > 0.98, name


def test_a_convlstm_keeps_its_cells_in_float32_under_bfloat16() -> None:
    """200 steps that add 0.001 to a cell that starts at 1: a bfloat16, in steps of 0.008 there, would stay at 1."""
    lstm = ConvLSTM(1, 4)
    with torch.no_grad():
        lstm.weight.zero_()
    shut, open_ = math.log(1e-3), 20.0
    gates = torch.tensor([shut, open_, open_, open_]).repeat_interleave(4)
    driven = gates.view(1, 1, 16, 1, 1).expand(200, 1, 16, 2, 2).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        hidden = lstm(driven, torch.ones(1, 4, 2, 2))
    assert hidden.dtype == torch.bfloat16
    assert hidden[-1].float().mean().item() == pytest.approx(math.tanh(1.2), abs=5e-3)
    assert math.tanh(1.2) - math.tanh(1.0) > 0.05


def losses_apart(eager: AMCStep, compiled: AMCStep, steps: int = 3) -> float:
    worst = 0.0
    for at in range(steps):
        batch = random_batch(eager.config, clips=3, seed=at, dtype=torch.float32)
        expected, actual = ({n: float(v) for n, v in step(batch, at).items()} for step in (eager, compiled))
        worst = max(worst, terms_apart(expected, actual)[0])
    return worst


@pytest.fixture
def _fresh_compiler() -> Iterator[None]:
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def compiling(test: Callable[..., None]) -> Callable[..., None]:
    """A test that compiles: from nothing, and no warning an error, as PyTorch's compiler meets and hides its own."""
    test = pytest.mark.filterwarnings("ignore")(test)
    marked: Callable[..., None] = pytest.mark.usefixtures("_fresh_compiler")(test)
    return marked


@compiling
@pytest.mark.slow
@pytest.mark.parametrize("changes", [pytest.param({}, id="fp32"), pytest.param(BF16, id="bf16")])
def test_compiled_networks_give_the_same_losses(changes: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """As traced with their backward passes, for any back end; and what they keep in tables is not made again."""
    config = with_overrides(small("natops", frames=4), changes)
    eager, compiled = AMCStep(config), AMCStep(config)
    compile_networks(compiled.networks, backend="aot_eager")
    # Compiled bfloat16 code keeps more digits in between.
    assert losses_apart(eager, compiled) < (1e-4 if not changes else 2e-2)

    def again(*_: object) -> None:
        raise AssertionError("a table was made again")

    monkeypatch.setattr(upsampled_conv, "_interpolate_and_shift", again)
    monkeypatch.setattr(tiled, "_inside", again)
    compiled(random_batch(config, clips=3, dtype=torch.float32), 3)


@compiling
def test_a_step_compiles_where_it_is_asked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[set[str]] = []

    def recorded(networks: dict[str, Any]) -> None:
        calls.append(set(networks))
        compile_networks(networks, backend="eager", parts=("encoder", "summary", "classes"))

    monkeypatch.setattr(training_step, "compile_networks", recorded)
    config = small("natops", frames=4)
    eager = AMCStep(config)
    assert calls == []
    compiled = AMCStep(replace(config, machine=MachineConfig(compile="on")))
    assert calls == [{"generator", "appearance_discriminator", "motion_discriminator"}]
    assert losses_apart(eager, compiled, steps=2) < 1e-4


@compiling
@pytest.mark.parametrize("arm", ["no_ya", "no_da"])
def test_compiling_leaves_checkpoints_and_copies_alone(arm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_step, "compile_networks", partial(compile_networks, backend="eager"))
    config = small("natops", arm)
    plain, compiled = AMCStep(config), AMCStep(replace(config, machine=MachineConfig(compile="on")))
    for name, network in plain.networks.items():
        assert network.state_dict().keys() == compiled.networks[name].state_dict().keys()
    copied = copy.deepcopy(compiled.generator)  # as the average of its weights is
    assert all(module._compiled_call_impl is None for module in copied.modules())
    assert any(module._compiled_call_impl is not None for module in compiled.generator.modules())
