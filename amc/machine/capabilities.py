"""Precision, matrix products, memory, compilation and CUDA graphs of a training step on this machine.

All of it affects rounding and speed only. Settings of `MachineConfig` are resolved from what the device supports, never
from a measured time, so that the same run on the same machine is equal to the bit.
"""

from __future__ import annotations

import ctypes
import sys
import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import nn

from amc.config import MachineConfig

#: The feed-forward parts of the networks, which are compiled. The recurrences have their own backward passes.
PARTS = ("encoder", "decoder", "tower", "top", "head", "velocities", "summary", "classes", "scores")
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Machine:
    """The settings of `MachineConfig`, resolved for a device.

    Attributes:
        half: convolutions and matrix products of the networks in bfloat16, everything else in float32.
        compiled: networks go through `torch.compile`.
        graphed: the step is recorded as a CUDA graph and replayed.
    """

    device: torch.device
    half: bool = False
    compiled: bool = False
    graphed: bool = False

    @contextmanager
    def mixed(self) -> Iterator[None]:
        """Runs the networks in mixed precision inside the block, if it is on."""
        if not self.half:
            yield
            return
        with torch.autocast(self.device.type, torch.bfloat16):
            yield

    def facts(self) -> dict[str, str | bool]:
        """For records and tables."""
        precision = "bf16" if self.half else "fp32"
        return {
            "device": self.device.type,
            "precision": precision,
            "compiled": self.compiled,
            "graphed": self.graphed,
        }


def resolve(config: MachineConfig, device: torch.device) -> Machine:
    """Resolves the settings for `device`: `auto` is on if the device supports it and it was measured to be faster."""
    if device.type not in ("cpu", "cuda"):  # such as meta, for counting operations
        return Machine(device)
    cuda = device.type == "cuda"
    if not cuda:
        _onednn_is_exact()  # here, because inside a step its own products would be counted
    return Machine(
        device,
        half=_has_bfloat16(device) if config.precision == "auto" else config.precision == "bf16",
        # Measured on a CPU: the compiled step was slower and took a minute and more to compile.
        compiled=cuda if config.compile == "auto" else config.compile == "on",
        graphed=cuda and config.graph != "off",
    )


def _has_bfloat16(device: torch.device) -> bool:
    """Whether the device has bfloat16 products in hardware, which makes them faster than float32."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def compile_networks(
    networks: Mapping[str, nn.Module], backend: str = "inductor", parts: Collection[str] = PARTS
) -> None:
    """Compiles parts of the networks with `torch.compile`, for the fixed shapes of training.

    Parts that are modules are compiled as modules, methods as functions. A copy of a compiled network is not compiled.
    """
    # The cached values do not depend on when they are made, so tracing them is safe.
    warnings.filterwarnings("ignore", r"Dynamo detected a call to a `functools\.lru_cache`")
    for network in networks.values():
        for name in parts:
            part = getattr(network, name, None)
            if isinstance(part, nn.Module):
                part.compile(dynamic=False, backend=backend)
            elif part is not None:
                setattr(network, name, torch.compile(part, dynamic=False, backend=backend))


@contextmanager
def quick_products(device: torch.device = CPU) -> Iterator[None]:
    """Uses oneDNN for float32 matrix products inside the block if it is as exact as MKL: up to twice as fast.

    Does nothing for other devices: PyTorch refuses to read their precision setting while this one is set.
    """
    if device.type != "cpu" or not _onednn_is_exact():
        yield
        return
    products: Any = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]
    before = products.fp32_precision
    products.fp32_precision = "bf16"
    try:
        yield
    finally:
        products.fp32_precision = before


@lru_cache(maxsize=1)
def _onednn_is_exact() -> bool:
    """Whether the setting that selects oneDNN keeps float32 products exact, as on CPUs without AMX."""
    if not torch.backends.mkldnn.is_available() or not torch.cpu._is_avx512_supported():
        return False
    products: Any = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]
    before = products.fp32_precision
    numbers = torch.Generator().manual_seed(0)
    try:
        products.fp32_precision = "bf16"
        for shape in ((64, 512, 64), (300, 70, 500)):
            a, b = torch.randn(shape[:2], generator=numbers), torch.randn(shape[1:], generator=numbers)
            exact = a.double() @ b.double()
            if ((a @ b).double() - exact).norm() > 1e-5 * exact.norm():  # bfloat16 would differ by about 3e-3
                return False
    finally:
        products.fp32_precision = before
    return True


@lru_cache(maxsize=1)
def keep_memory() -> None:
    """Makes glibc keep freed memory for the rest of the process.

    By default it returns large blocks to the system at once, and every step has their pages zeroed again: at paper size
    that took a third of the time.
    """
    if sys.platform != "linux":
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return
    trim_threshold, mmap_max = -1, -4
    mallopt(mmap_max, 0)
    mallopt(trim_threshold, 2**31 - 1)
