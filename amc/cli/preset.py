"""The option `--preset`."""

from __future__ import annotations

import sys

import torch

from amc.config import PRESETS
from amc.errors import UserError


def chosen_preset(name: str) -> str:
    """The preset called `name`; `auto` is `paper` with a CUDA device, else `compact`, and says which.

    Raises:
        UserError: unknown preset.
    """
    if name == "auto":
        name, why = ("paper", "CUDA device found") if torch.cuda.is_available() else ("compact", "no CUDA device")
        print(f"preset auto: {name} ({why})", file=sys.stderr)
    if name not in PRESETS:
        raise UserError(f"unknown preset {name!r}: choose auto, {', '.join(PRESETS)}")
    return name
