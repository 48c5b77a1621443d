"""The default search space of AMC-GAN: learning rates, switches, weights of the losses and margins.

The conditions leave out parameters without effect, and keep at least one discriminator on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def _around(factor: float, *when: str) -> dict[str, Any]:
    """A log range around the value of the data set: from value / factor to value * factor."""
    return {"kind": "log", "factor": factor, "when": list(when)}


def _switch(*when: str) -> dict[str, Any]:
    """An ablation switch, on with a prior probability of 0.9."""
    return {"kind": "bool", "prior": 0.9, "when": list(when)}


_DISCRIMINATOR = "switches.da | switches.dm"
_RANKED = ("switches.mismatched", "switches.lrank")

SEARCH_SPACE: Mapping[str, Mapping[str, Any]] = {
    "optimizer.lr_generator": _around(5),
    "optimizer.lr_discriminator": _around(5),
    "switches.mismatched": _switch(),
    "switches.da": _switch(),
    "switches.dm": _switch("switches.da"),
    "switches.ldaux": _switch("switches.dm"),
    "switches.lgaux": _switch(),
    "switches.lrank": _switch("switches.mismatched"),
    "weights.gan": _around(10),
    "weights.rank": _around(10, *_RANKED, _DISCRIMINATOR),
    "weights.ce": _around(10, "switches.ldaux", "switches.dm"),
    "weights.mse": _around(10, "switches.ldaux", "switches.dm"),
    "weights.l1": _around(10, "switches.lgaux"),
    "weights.gram": _around(10, "switches.lgaux", _DISCRIMINATOR),
    "margins.appearance": _around(10, *_RANKED, "switches.da"),
    "margins.motion": _around(10, *_RANKED, "switches.dm"),
}
