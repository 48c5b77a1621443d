"""Checkpoints: everything a run needs to resume exactly, in one safetensors file without pickle.

Tensors: parameters and buffers of every network, their moving average, the state of every optimiser. The header holds
the rest as JSON: configuration, step, evaluations so far, velocity scale. Batches, mismatches and noise are functions
of (seed, step), so there is no random state to save.
"""

from __future__ import annotations

import errno
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from amc.atomic import atomic_write
from amc.errors import UserError

FILE = "checkpoint.safetensors"
EMA = "ema"  # name of the moving average among the networks
VERSION = 2


class BrokenCheckpoint(UserError):
    """The file is not a readable checkpoint, for example after a power cut."""


@dataclass(frozen=True)
class Checkpoint:
    """A loaded checkpoint: tensors by name, and the header."""

    tensors: Mapping[str, Tensor]
    header: Mapping[str, Any]


def save(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> None:
    """Writes a checkpoint atomically: after a crash or on a full disk the previous file is still there.

    Raises:
        OSError: the disk is full or not writable.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    try:
        with atomic_write(path, fsync=True) as partial:
            save_file(plain, partial, metadata={"amc": json.dumps({"version": VERSION, **header})})
    except SafetensorError as error:
        code = re.search(r"os error (\d+)", str(error))  # the library's words for the system's own number
        raise OSError(
            int(code[1]) if code else errno.EIO, f"could not write the checkpoint ({error})", str(path)
        ) from error


def load(path: Path) -> Checkpoint:
    """Reads a checkpoint.

    Raises:
        UserError: the file does not exist, is broken (`BrokenCheckpoint`), or has another version.
    """
    if not path.is_file():
        raise UserError(f"no checkpoint at {path}: give the folder of a training run")
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {}).get("amc", "null"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, OSError, ValueError) as error:
        raise BrokenCheckpoint(f"{path} is not a readable checkpoint ({error}): it may be truncated") from error
    if not isinstance(header, dict) or header.get("version") != VERSION:
        found = header.get("version") if isinstance(header, dict) else None
        raise UserError(f"{path} is not a checkpoint of version {VERSION} (found {found})")
    return Checkpoint(tensors, header)


def network_tensors(networks: Mapping[str, nn.Module]) -> dict[str, Tensor]:
    """Parameters and buffers of the networks, named `network.parameter`."""
    return {f"{name}.{key}": value for name, network in networks.items() for key, value in network.state_dict().items()}


def load_networks(networks: Mapping[str, nn.Module], tensors: Mapping[str, Tensor]) -> None:
    """Loads what `network_tensors` returned.

    Raises:
        UserError: names or shapes do not match.
    """
    for name, network in networks.items():
        prefix = f"{name}."
        state = {key[len(prefix) :]: value for key, value in tensors.items() if key.startswith(prefix)}
        try:
            network.load_state_dict(state)
        except RuntimeError as error:
            raise UserError(f"the checkpoint's {name} does not match this configuration: {error}") from error


def optimizer_tensors(optimizers: Mapping[str, torch.optim.Optimizer]) -> dict[str, Tensor]:
    """Adam's moments and step counts, named `optimizer:name.parameter.moment`."""
    return {
        f"optimizer:{name}.{index}.{key}": torch.as_tensor(value)
        for name, optimizer in optimizers.items()
        for index, state in optimizer.state_dict()["state"].items()
        for key, value in state.items()
    }


def load_optimizers(optimizers: Mapping[str, torch.optim.Optimizer], tensors: Mapping[str, Tensor]) -> None:
    """Loads what `optimizer_tensors` returned."""
    for name, optimizer in optimizers.items():
        prefix = f"optimizer:{name}."
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            if key.startswith(prefix):
                index, moment = key[len(prefix) :].split(".", 1)
                if value.dim():
                    # Fused Adam reads memory in order, so moments need the layout of their parameter (channels last).
                    value = torch.empty_like(parameters[int(index)], dtype=value.dtype).copy_(value)
                state.setdefault(int(index), {})[moment] = value
        optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
