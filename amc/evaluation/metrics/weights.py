"""Weights of published networks that a user hands over: read from safetensors alone, which cannot run code."""

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
_COUNTERS = "num_batches_tracked"  # of batch norm; nothing reads them in eval mode, and older files have none


@dataclass(frozen=True)
class Given(Generic[Network]):
    """A network with the user's weights, in eval mode, its parameters frozen; and the SHA-256 of the file."""

    network: Network
    digest: str


def given(path: Path, option: str, build: Callable[[], Network]) -> Given[Network]:
    """The network that `build` makes with the weights of `path`; what else the file has is left alone.

    Args:
        option: the option that named the file, for errors.

    Raises:
        UserError: no such file, none of the safetensors format, or the weights of another network.
    """
    how = "docs/metrics.md says how to make it"
    if not path.is_file():
        raise UserError(f"{option} {path}: there is no such file; {how}")
    with torch.device("meta"):  # first weights would only be thrown away, and would draw random numbers
        network = build()
    wanted = {name: tensor for name, tensor in network.state_dict().items() if not name.endswith(_COUNTERS)}
    try:
        with safe_open(path, framework="pt") as file:
            names = set(file.keys())
            found = {name: _plain(file.get_tensor(name)) for name in wanted if name in names}
        digest = _digest(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(f"{option} {path} is no whole safetensors file ({error}); {how}") from error
    missing = [name for name in wanted if name not in found]
    if missing:
        raise UserError(f"{option} {path} lacks {len(missing)} of {len(wanted)} weights, such as {missing[0]}; {how}")
    for name, tensor in wanted.items():
        if found[name].shape != tensor.shape:
            shapes = f"{tuple(found[name].shape)}, not {tuple(tensor.shape)}"
            raise UserError(f"{option} {path} is of another network: its {name} is {shapes}; {how}")
        if not bool(found[name].isfinite().all()):
            raise UserError(f"{option} {path} is damaged: its {name} is not finite; {how}")
    network.load_state_dict(found, strict=False, assign=True)
    for name, counter in network.named_buffers():
        if name.endswith(_COUNTERS):
            network.get_submodule(name.rpartition(".")[0]).register_buffer(
                _COUNTERS, torch.zeros_like(counter, device="cpu")
            )
    return Given(network.eval().requires_grad_(False), digest)


def _plain(tensor: Tensor) -> Tensor:
    return tensor.to(torch.float32)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
