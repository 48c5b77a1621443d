"""Checkpoints: everything a run needs to go on exactly, in one safetensors file without pickle.

Tensors: every network's parameters and buffers, the generator's average, every optimiser's state. The file's header
holds the rest as JSON: configuration, step, the reports made so far, velocity scale. Batches, mismatches and noise are
functions of (seed, step), so there is no random state to keep.
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
VERSION = 1


class BrokenCheckpoint(UserError):
    """A file that is no readable checkpoint, such as one that a power cut left."""


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint as read: tensors by name, and the header."""

    tensors: Mapping[str, Tensor]
    header: Mapping[str, Any]


def save(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> None:
    """Writes atomically: a crash or a full disk leaves the file that was there.

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
        UserError: no such file, a broken one (`BrokenCheckpoint`), or one of another version.
    """
    if not path.is_file():
        raise UserError(f"no checkpoint at {path}: give the folder that a training run wrote")
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {}).get("amc", "null"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, OSError, ValueError) as error:
        raise BrokenCheckpoint(
            f"{path} is no readable checkpoint ({error}): it may be cut short; take an older one"
        ) from error
    if not isinstance(header, dict) or header.get("version") != VERSION:
        found = header.get("version") if isinstance(header, dict) else None
        raise UserError(f"{path} is no checkpoint of version {VERSION} (found {found})")
    return Checkpoint(tensors, header)


def network_tensors(networks: Mapping[str, nn.Module]) -> dict[str, Tensor]:
    """Parameters and buffers, named network.parameter."""
    return {f"{name}.{key}": value for name, network in networks.items() for key, value in network.state_dict().items()}


def load_networks(networks: Mapping[str, nn.Module], tensors: Mapping[str, Tensor]) -> None:
    """Puts `network_tensors` back.

    Raises:
        UserError: names or shapes are those of other networks.
    """
    for name, network in networks.items():
        prefix = f"{name}."
        state = {key[len(prefix) :]: value for key, value in tensors.items() if key.startswith(prefix)}
        try:
            network.load_state_dict(state)
        except RuntimeError as error:
            raise UserError(f"the checkpoint's {name} is another network: {error}") from error


def optimizer_tensors(optimizers: Mapping[str, torch.optim.Optimizer]) -> dict[str, Tensor]:
    """Adam's moments and step counts, named optimizer:player.parameter.moment."""
    return {
        f"optimizer:{name}.{index}.{key}": torch.as_tensor(value)
        for name, optimizer in optimizers.items()
        for index, state in optimizer.state_dict()["state"].items()
        for key, value in state.items()
    }


def load_optimizers(optimizers: Mapping[str, torch.optim.Optimizer], tensors: Mapping[str, Tensor]) -> None:
    """Puts `optimizer_tensors` back."""
    for name, optimizer in optimizers.items():
        prefix = f"optimizer:{name}."
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            if key.startswith(prefix):
                index, moment = key[len(prefix) :].split(".", 1)
                if value.dim():
                    # Fused Adam walks memory, so moments must be laid out as their parameter (channels last).
                    value = torch.empty_like(parameters[int(index)], dtype=value.dtype).copy_(value)
                state.setdefault(int(index), {})[moment] = value
        optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
