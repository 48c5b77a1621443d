"""What the classifiers that judge generated clips share: each is made once for what went into it, and kept.

A judge is cached under `cache_dir()/classifiers/<key>.safetensors`, where the key is a hash of all that decides its
weights; what is known about it travels in that file's header as JSON.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from amc.cache import cache_dir, make_once
from amc.data.splits import Split
from amc.errors import UserError

Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class Kept:
    """A judge as its cache file has it: weights by name, all that is said about it, and the file's name."""

    tensors: Mapping[str, Tensor]
    details: dict[str, Any]
    key: str

    def restored(self, build: Callable[[], Network]) -> Network:
        """The network that `build` makes, with the kept weights: in eval mode, its parameters frozen."""
        with torch.device("meta"):  # first weights would only be thrown away, and would draw random numbers
            network = build()
        network.load_state_dict(self.tensors, assign=True)
        network.eval().requires_grad_(False)
        return network


def kept(facts: Mapping[str, Any], train: Callable[[], tuple[nn.Module, Mapping[str, Any]]]) -> Kept:
    """The judge of these facts, trained now if no earlier run or other process did.

    Args:
        facts: all that decides what it will be, JSON values; hashed, they are the key.
        train: the network and what was found about it.

    Raises:
        UserError: an unwritable cache folder.
    """
    key = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    path = place(key)

    def make(partial: Path) -> None:
        network, found = train()
        tensors = {name: t.contiguous().cpu() for name, t in network.state_dict().items()}
        details = {**facts, **found, "key": key, "digest": _digest(tensors)}
        save_file(tensors, partial, {"amc": json.dumps(details, sort_keys=True)})

    make_once(path, make, usable=lambda path: _read(path, key) is not None)
    found = _read(path, key)
    if found is None:
        raise UserError(f"{path} was damaged while it was read: run the command again")
    return found


def place(key: str) -> Path:
    """The cache file of the judge with this key."""
    return cache_dir() / "classifiers" / f"{key}.safetensors"


class Judge(Protocol):
    """Anything that was kept under a key."""

    @property
    def key(self) -> str: ...


def files(*judges: Judge | None) -> list[Path]:
    """The cache files of those judges that are there, each once."""
    return [place(key) for key in dict.fromkeys(judge.key for judge in judges if judge is not None)]


def parts_digest(split: Split) -> str:
    """A hash of which clips are where: rule and seed alone would miss a change of the rule's code."""
    digest = hashlib.sha256()
    for part in (split.train, split.validation, split.test):
        digest.update(np.array([len(part), *part], dtype="<i8").tobytes())
    return digest.hexdigest()


@contextmanager
def threads(count: int) -> Iterator[None]:
    """So many CPU threads until the block ends."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def shifted(video: Tensor, most: int, draw: np.random.Generator) -> Tensor:
    """Each clip of (B, T, 3, H, W) moved by up to `most` pixels on either axis, its border repeated."""
    if most == 0:
        return video
    b, t, _, h, w = video.shape
    padded = F.pad(video.flatten(0, 1), (most,) * 4, mode="replicate").unflatten(0, (b, t))
    offsets = draw.integers(0, 2 * most + 1, size=(b, 2))
    return torch.stack([padded[i, ..., y : y + h, x : x + w] for i, (y, x) in enumerate(offsets)])


def _digest(tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].numpy().tobytes())
    return digest.hexdigest()


def _read(path: Path, key: str) -> Kept | None:
    """What the cache file holds; None where it is damaged or not what its name says, so that it is made anew."""
    try:
        with safe_open(path, "pt") as file:
            details = json.loads((file.metadata() or {}).get("amc", "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except (SafetensorError, ValueError, OSError):
        return None
    if not isinstance(details, dict) or details.get("key") != key or details.get("digest") != _digest(tensors):
        return None
    return Kept(tensors, details, key)
