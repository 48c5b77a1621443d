"""The cost of a training step at the preset on this device: seconds, arithmetic, memory."""

from __future__ import annotations

import subprocess
import sys

import torch

from amc.machine.cuda_graph import WARM_UP
from amc.methods.amc_gan.step import AMCStep
from amc.selftest import memory
from amc.selftest.check_result import CheckResult, skipped
from amc.selftest.compare import step_seconds
from amc.selftest.setting import Setting
from amc.training.macs import training_step_macs


def check(setting: Setting) -> list[CheckResult]:
    """Seconds, multiply-accumulates per second and peak memory of a step."""
    config, device = setting.config, setting.device
    step = AMCStep(config, device)
    batch = setting.batch(config, 0)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    # The warm-up includes compilation and recording.
    seconds = step_seconds(step, batch, warm=WARM_UP + 1 if step.machine.graphed else 1)
    macs = training_step_macs(config)
    facts = step.machine.facts()
    how = ", ".join([str(facts["precision"]), *(name for name in ("compiled", "graphed") if facts[name])])
    return [
        CheckResult(
            "cost: time",
            f"{config.preset}, {config.training.batch} clips per step, {how}",
            f"{seconds:.3f} s per step",
            "ok",
            {"seconds": seconds, "clips": float(config.training.batch)},
        ),
        CheckResult(
            "cost: arithmetic",
            f"{macs / 1e9:,.2f} billion multiply-accumulates per step",
            f"{macs / seconds / 1e9:,.1f} billion per second",
            "ok",
            {"macs": float(macs), "macs_per_second": macs / seconds},
        ),
        _memory(setting),
    ]


def _memory(setting: Setting) -> CheckResult:
    check = "cost: peak memory"
    if setting.device.type == "cuda":
        peak, what = torch.cuda.max_memory_allocated(setting.device), "allocated on the device"
    elif not memory.available():
        return skipped(check, "this system does not report the peak memory of a process")
    else:
        config = setting.config
        command = [sys.executable, "-m", memory.__name__, config.preset, str(torch.get_num_threads())]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            return CheckResult(check, (done.stderr.strip().splitlines() or ["no output"])[-1], "", "FAILED")
        peak, what = int(done.stdout), "memory added by two steps"
    return CheckResult(check, what, f"{peak / 2**20:,.0f} MiB", "ok", {"bytes": float(peak)})
