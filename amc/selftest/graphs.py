"""Graphed steps against eager ones: equal losses in the eager warm-up, the recording and its replays."""

from __future__ import annotations

from collections.abc import Callable

from amc.config import Config
from amc.data.conditions import Batch
from amc.machine.cuda_graph import WARM_UP, GraphedStep, Losses
from amc.selftest.check_result import ONLY_CUDA, CheckResult, at_most, skipped
from amc.selftest.compare import exact_products, step_seconds, terms_apart
from amc.selftest.rerun import RerunRecorder
from amc.selftest.setting import Setting

REPLAYS = 3
# Relative, of a loss term. With the recorder that reruns, only the label smoothing (a tensor) rounds differently; CUDA
# kernels sum in any order, and Adam magnifies the differences.
LOGIC, CAPTURED = 1e-5, 1e-3


def check(setting: Setting) -> list[CheckResult]:
    """The logic around a graph on any device; capture and replay on CUDA."""
    small, config = setting.small(), setting.config
    worst, _ = _compared(setting, small, GraphedStep(setting.step(small)._update, RerunRecorder()))
    found = [at_most("CUDA graph: logic", f"small, {WARM_UP} eager steps and {REPLAYS} reruns", worst, LOGIC)]
    if setting.device.type != "cuda":
        return [*found, skipped("CUDA graph: capture and replay", ONLY_CUDA)]
    worst, seconds = _compared(setting, config, setting.step(config, graph="on"))
    result = f"{config.preset}; {seconds[0]:.3f} s per step eager, {seconds[1]:.3f} s with the graph"
    row = at_most(
        "CUDA graph: capture and replay", result, worst, CAPTURED, eager_seconds=seconds[0], graphed_seconds=seconds[1]
    )
    return [*found, row]


def _compared(
    setting: Setting, config: Config, graphed: Callable[[Batch, int], Losses]
) -> tuple[float, tuple[float, float]]:
    """The largest difference of a loss term over all steps; seconds of an eager and a graphed step."""
    eager = setting.step(config)
    worst = 0.0
    with exact_products():
        for at in range(WARM_UP + REPLAYS):
            batch = setting.batch(config, at)
            expected, actual = ({n: float(v) for n, v in step(batch, at).items()} for step in (eager, graphed))
            worst = max(worst, terms_apart(expected, actual)[0])
        return worst, (step_seconds(eager, batch), step_seconds(graphed, batch))
