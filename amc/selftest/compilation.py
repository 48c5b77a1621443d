"""Compiled steps against eager ones: equal losses, and the seconds that compiling and a step take."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
import time
from collections.abc import Collection
from importlib import import_module
from pathlib import Path

import torch
from torch.utils._triton import has_triton

from amc.config import Config
from amc.machine.capabilities import PARTS, compile_networks
from amc.selftest.check_result import ONLY_CUDA, CheckResult, at_most, skipped
from amc.selftest.compare import exact_products, step_seconds, terms_apart, wait
from amc.selftest.setting import Setting

STEPS = 3
# Relative, of a loss term. Measured: 5e-5 on a CPU after three steps, because Adam magnifies rounding.
LIMIT = 1e-3
# On a CPU compiling takes a second per kernel, so only one part is compiled there.
_SAMPLE = ("classes",)


def check(setting: Setting) -> list[CheckResult]:
    """Traced but uncompiled parts; then compiled kernels: of one part on a CPU, of all parts at the preset on CUDA."""
    found = [_compared(setting, setting.small(), "compiled: traced", "aot_eager", PARTS)]
    cuda = setting.device.type == "cuda"
    missing = missing_tools(setting.device)
    if missing:
        return [*found, skipped("compiled: kernels", missing)]
    if cuda:
        return [*found, _compared(setting, setting.config, "compiled: kernels", "inductor", PARTS)]
    # For a handful of kernels a pool of compiler processes costs more than it gains.
    with import_module("torch._inductor.config").patch(compile_threads=1):
        found.append(_compared(setting, setting.small(), "compiled: kernels", "inductor", _SAMPLE))
    return [*found, skipped("compiled: kernels of the whole step", ONLY_CUDA)]


def missing_tools(device: torch.device) -> str:
    """What `torch.compile` needs and this machine lacks; empty if nothing is missing."""
    compiler = os.environ.get("CXX", "clang++" if sys.platform == "darwin" else "g++")
    if shutil.which(compiler) is None:
        return f"no C++ compiler ({compiler})"
    if not (Path(sysconfig.get_path("include")) / "Python.h").is_file():
        return "no header files of Python"
    if device.type == "cuda":
        return "" if has_triton() else "no Triton"
    return ""


def _compared(setting: Setting, config: Config, check: str, backend: str, parts: Collection[str]) -> CheckResult:
    torch._dynamo.reset()
    eager, compiled = setting.step(config), setting.step(config)
    compile_networks(compiled.networks, backend, parts)
    worst = first = 0.0
    with exact_products():
        for at in range(STEPS):
            batch = setting.batch(config, at)
            expected = {name: float(value) for name, value in eager(batch, at).items()}
            started = time.perf_counter()
            actual = {name: float(value) for name, value in compiled(batch, at).items()}
            wait(setting.device)
            first = first or time.perf_counter() - started
            worst = max(worst, terms_apart(expected, actual)[0])
        seconds = [step_seconds(step, batch) for step in (eager, compiled)]
    torch._dynamo.reset()
    where = config.preset if config is setting.config else "small"
    what = "all parts" if parts is PARTS else f"{', '.join(parts)} alone"
    return at_most(
        check,
        f"{where} by {backend}, {what}; compiling {first:.0f} s; "
        f"{seconds[0]:.3f} s per step eager, {seconds[1]:.3f} s compiled",
        worst,
        LIMIT,
        compile_seconds=first,
        eager_seconds=seconds[0],
        compiled_seconds=seconds[1],
    )
