"""Mixed precision against float32, from the same weights: losses, the direction of gradients, seconds."""

from __future__ import annotations

from amc.config import MachineConfig
from amc.machine.capabilities import resolve
from amc.selftest.check_result import CheckResult, at_most
from amc.selftest.compare import exact_products, losses_and_gradients, step_seconds, terms_apart, turned
from amc.selftest.setting import Setting

# bfloat16 has 8 bits, so rounding errors are up to 4e-3; a wrong computation differs by tens of percent. Measured on a
# CPU over several seeds and after some training: terms up to 5e-3; 1 - cosine up to 0.03, the largest in the appearance
# discriminator, whose gradients come from 8 triplets of frames.
TERMS, ANGLE = 2e-2, 1e-1


def check(setting: Setting) -> list[CheckResult]:
    """One batch at the preset, in both precisions."""
    config = setting.config
    full, half = setting.step(config), setting.step(config, precision="bf16")
    batch = setting.batch(config, 0)
    with exact_products():
        expected, actual = losses_and_gradients(full, batch), losses_and_gradients(half, batch)
    difference, term = terms_apart(expected.terms, actual.terms)
    angles = {name: turned(slopes, actual.gradients[name]) for name, slopes in expected.gradients.items()}
    most = max(angles, key=lambda name: angles[name])
    del expected, actual
    seconds = [step_seconds(step, batch) for step in (full, half)]
    own = resolve(MachineConfig(precision="auto"), setting.device).half
    return [
        at_most("bf16 against fp32: losses", f"{config.preset}; largest difference: {term}", difference, TERMS),
        at_most("bf16 against fp32: gradients", f"{config.preset}; 1 - cosine similarity, {most}", angles[most], ANGLE),
        CheckResult(
            "bf16 against fp32: seconds",
            f"{config.preset}: fp32 {seconds[0]:.3f} s per step, bf16 {seconds[1]:.3f} s"
            + ("" if own else "; this device only emulates bf16"),
            f"{seconds[0] / seconds[1]:.2f} times as fast",
            "ok",
            {"fp32_seconds": seconds[0], "bf16_seconds": seconds[1]},
        ),
    ]
