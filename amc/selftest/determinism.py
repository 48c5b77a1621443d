"""Two runs from one seed are equal to the bit, on one device with one number of threads."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from amc.selftest.check_result import CheckResult
from amc.selftest.compare import terms_apart
from amc.selftest.setting import Setting

_STEPS = 2
_CHECK = "same seed, same parameters"
#: Relative, of a loss term in the last step, if CUDA has no deterministic form of an operation: rounding only.
_ROUNDING = 1e-3


def check(setting: Setting) -> list[CheckResult]:
    """Two runs of two steps; on CUDA with deterministic algorithms, naming operations that have none."""
    with _deterministic(setting.device) as warned:
        (first, terms), (second, terms_again) = _run(setting), _run(setting)
    moved = [name for name, value in first.items() if not torch.equal(value, second[name])]
    apart, _ = terms_apart(terms, terms_again)
    figure = f"{len(moved)} of {len(first)} differ"
    values = {"differing": float(len(moved)), "tensors": float(len(first)), "terms_apart": apart}
    where = f"{setting.config.preset}, {_STEPS} steps"
    if not moved:
        return [CheckResult(_CHECK, f"{where}: bitwise identical", figure, "ok", values)]
    names = ", ".join(sorted(_operations(warned)))
    if names and apart <= _ROUNDING:
        return [
            CheckResult(
                _CHECK,
                f"{where}: CUDA has no deterministic {names}; losses differ by {apart:.0e}",
                figure,
                "ok",
                values,
            )
        ]
    return [CheckResult(_CHECK, f"{where}: losses differ by {apart:.0e}", figure, "FAILED", values)]


def _run(setting: Setting) -> tuple[dict[str, Tensor], dict[str, float]]:
    """All parameters and buffers after a run, and the losses of its last step."""
    step = setting.step(setting.config)
    for at in range(_STEPS):
        terms = step(setting.batch(setting.config, at), at)
    state = {f"{n}.{key}": v for n, network in step.networks.items() for key, v in network.state_dict().items()}
    return state, {name: float(value) for name, value in terms.items()}


@contextmanager
def _deterministic(device: torch.device) -> Iterator[list[warnings.WarningMessage]]:
    """Uses deterministic algorithms inside the block on CUDA; yields the warnings of operations that have none."""
    with warnings.catch_warnings(record=True) as warned:
        if device.type != "cuda":
            yield warned
            return
        warnings.simplefilter("always")
        before, only_warned = (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
        )
        torch.use_deterministic_algorithms(True, warn_only=True)
        try:
            yield warned
        finally:
            torch.use_deterministic_algorithms(before, warn_only=only_warned)


def _operations(warned: list[warnings.WarningMessage]) -> set[str]:
    found = (re.match(r"(\w+) does not have a deterministic implementation", str(each.message)) for each in warned)
    return {match[1] for match in found if match}
