"""Production against the literal step: videos, every loss term, the gradient of every parameter."""

from __future__ import annotations

import torch

from amc.reference.examples import pair, small
from amc.reference.step import LiteralStep
from amc.selftest.check_result import CheckResult, at_most
from amc.selftest.compare import apart, exact_products, losses_and_gradients, terms_apart, turned
from amc.selftest.setting import Setting

#: In float64, relative to the term or to the network's largest gradient.
EXACT = 1e-8
#: In float32, relative to the term. Measured: 5e-5 at compact and 3e-4 at paper size on one CPU thread, where PyTorch
#: sums batch-norm statistics of channels-last maps one by one and rounds each time.
CLOSE = 2e-3
#: In float32, 1 - cosine of a network's gradients. Measured: 9e-6 at compact and 1e-5 at paper size.
ALIGNED = 1e-3


def check(setting: Setting) -> list[CheckResult]:
    """In float64 on small networks of both data sets with both settings of R21; in float32 at the preset."""
    with exact_products():
        return [_exact(setting), *_close(setting)]


def _exact(setting: Setting) -> CheckResult:
    found: dict[str, float] = {}
    for dataset in ("natops", "mug"):
        for bn_rows in ("mixed", "per_row"):
            config = small(dataset, bn_rows=bn_rows)
            production, literal = pair(config)
            for network in (*production.networks.values(), *literal.networks.values()):
                network.to(setting.device)
            batch = setting.batch(config, 0, clips=3, dtype=torch.float64)
            actual, expected = losses_and_gradients(production, batch), losses_and_gradients(literal, batch)
            where = f"{dataset} {bn_rows}"
            found[f"{where}: videos"] = apart(expected.videos, actual.videos)
            difference, term = terms_apart(expected.terms, actual.terms)
            found[f"{where}: {term}"] = difference
            for name, slopes in expected.gradients.items():
                found[f"{where}: gradients of {name}"] = apart(slopes, actual.gradients[name])
    worst = max(found, key=lambda name: found[name])
    return at_most("literal step, float64", f"small networks; largest difference: {worst}", found[worst], EXACT)


def _close(setting: Setting) -> list[CheckResult]:
    config = setting.config
    production, literal = setting.step(config), LiteralStep(config)
    for name, network in literal.networks.items():
        network.to(setting.device).load_state_dict(production.networks[name].state_dict())
    batch = setting.batch(config, 0, clips=setting.few)
    actual, expected = losses_and_gradients(production, batch), losses_and_gradients(literal, batch)
    difference, term = terms_apart(expected.terms, actual.terms)
    angles = {name: turned(slopes, actual.gradients[name]) for name, slopes in expected.gradients.items()}
    most = max(angles, key=lambda name: angles[name])
    return [
        at_most("literal step, float32: losses", f"{config.preset}; largest difference: {term}", difference, CLOSE),
        at_most(
            "literal step, float32: gradients",
            f"{config.preset}; 1 - cosine similarity, {most}",
            angles[most],
            ALIGNED,
        ),
    ]
