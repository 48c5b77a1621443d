"""What the machine can do for a training step: precision, matrix products, memory, compilation, graphs.

None of it changes what is computed but for rounding. Each setting of `MachineConfig` is resolved from what the device
can do, never from a measured time, so that the same run on the same machine is the same to the bit.
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

#: The networks' feed-forward parts, which are what is compiled: the recurrences have backward passes of their own.
PARTS = ("encoder", "decoder", "tower", "top", "head", "velocities", "summary", "classes", "scores")
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Machine:
    """Settings as they hold on a device.

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
        """Networks run in mixed precision inside, where it is on."""
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
    """What the settings mean on `device`; `auto` is on where it was measured to pay and the device can do it."""
    if device.type not in ("cpu", "cuda"):  # such as meta, where steps are counted
        return Machine(device)
    cuda = device.type == "cuda"
    if not cuda:
        _onednn_is_exact()  # once, and here rather than in a step whose arithmetic may be being counted
    return Machine(
        device,
        half=_has_bfloat16(device) if config.precision == "auto" else config.precision == "bf16",
        # Measured on a CPU: the compiled step was slower and took a minute and more to compile.
        compiled=cuda if config.compile == "auto" else config.compile == "on",
        graphed=cuda and config.graph != "off",
    )


def _has_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 products are the device's own rather than emulated, and so faster than float32."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def compile_networks(
    networks: Mapping[str, nn.Module], backend: str = "inductor", parts: Collection[str] = PARTS
) -> None:
    """Puts parts of the networks through `torch.compile`, for the shapes of training.

    Parts that are modules are compiled as modules, those that a discriminator is asked for one by one as functions; a
    copy of a network is not compiled.
    """
    # What is cached and traced is the same whenever it is made.
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
    """Float32 matrix products by oneDNN inside, where it is as exact as MKL: on some CPUs it is twice as fast.

    For work on another device nothing changes: PyTorch refuses to be asked for its precision where this one is set.
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
    """Whether the setting that sends float32 products to oneDNN keeps them float32, as it does without AMX."""
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
            if ((a @ b).double() - exact).norm() > 1e-5 * exact.norm():  # bfloat16 is off by some 3e-3
                return False
    finally:
        products.fp32_precision = before
    return True


@lru_cache(maxsize=1)
def keep_memory() -> None:
    """Lets the C library keep memory that was freed (glibc), for the rest of the process.

    It gives large blocks back to the system at once, and a step that asks for them again has every page zeroed anew:
    at paper size that took a third of the time.
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
