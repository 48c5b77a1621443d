"""Loading published weights that the user provides, from safetensors files only, which cannot run code."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from amc.errors import UserError

Network = TypeVar("Network", bound=nn.Module)
_COUNTERS = "num_batches_tracked"  # of batch norm; unused in eval mode, and absent in older files


@dataclass(frozen=True)
class PretrainedNetwork(Generic[Network]):
    """A network with the user's weights, in eval mode and frozen, and the SHA-256 of the file."""

    network: Network
    digest: str


def load_pretrained(path: Path, option: str, build: Callable[[], Network]) -> PretrainedNetwork[Network]:
    """The network that `build` returns, with the weights in `path`; other tensors in the file are ignored.

    Args:
        option: the command-line option, for error messages.

    Raises:
        UserError: the file does not exist, is not a safetensors file, or holds the weights of another network.
    """
    how = "docs/metrics.md explains how to create it"
    if not path.is_file():
        raise UserError(f"{option} {path}: file not found; {how}")
    with torch.device("meta"):  # initial weights would be discarded, and would draw random numbers
        network = build()
    wanted = {name: tensor for name, tensor in network.state_dict().items() if not name.endswith(_COUNTERS)}
    try:
        with safe_open(path, framework="pt") as file:
            names = set(file.keys())
            found = {name: _plain(file.get_tensor(name)) for name in wanted if name in names}
        digest = _digest(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(f"{option} {path} is not a complete safetensors file ({error}); {how}") from error
    missing = [name for name in wanted if name not in found]
    if missing:
        raise UserError(
            f"{option} {path} lacks {len(missing)} of {len(wanted)} weights, for example {missing[0]}; {how}"
        )
    for name, tensor in wanted.items():
        if found[name].shape != tensor.shape:
            shapes = f"{tuple(found[name].shape)}, not {tuple(tensor.shape)}"
            raise UserError(f"{option} {path} holds another network: {name} is {shapes}; {how}")
        if not bool(found[name].isfinite().all()):
            raise UserError(f"{option} {path} is damaged: its {name} is not finite; {how}")
    network.load_state_dict(found, strict=False, assign=True)
    for name, counter in network.named_buffers():
        if name.endswith(_COUNTERS):
            network.get_submodule(name.rpartition(".")[0]).register_buffer(
                _COUNTERS, torch.zeros_like(counter, device="cpu")
            )
    return PretrainedNetwork(network.eval().requires_grad_(False), digest)


def _plain(tensor: Tensor) -> Tensor:
    return tensor.to(torch.float32)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
