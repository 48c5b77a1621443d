"""The cache of trained judges, and helpers that all judges use.

A judge is cached as `cache_dir()/classifiers/<key>.safetensors`. The key is a hash of everything its weights depend on;
the header of the file holds its details as JSON.
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
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from amc.cache import cache_dir, make_once
from amc.data.splits import Split
from amc.errors import UserError

Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class CachedNetwork:
    """A cached judge: weights by name, details, and its key."""

    tensors: Mapping[str, Tensor]
    details: dict[str, Any]
    key: str

    def build(self, build: Callable[[], Network]) -> Network:
        """The network that `build` returns, with the cached weights, in eval mode and frozen."""
        with torch.device("meta"):  # initial weights would be discarded, and would draw random numbers
            network = build()
        network.load_state_dict(self.tensors, assign=True)
        network.eval().requires_grad_(False)
        return network


def cached_network(facts: Mapping[str, Any], train: Callable[[], tuple[nn.Module, Mapping[str, Any]]]) -> CachedNetwork:
    """The judge with these facts, trained now unless it is cached. Concurrent processes train it once.

    Args:
        facts: everything that its weights depend on, as JSON values; their hash is the key.
        train: returns the network and further details.

    Raises:
        UserError: the cache folder is not writable.
    """
    key = network_key(facts)
    path = cache_file(key)

    def make(partial: Path) -> None:
        network, found = train()
        tensors = {name: t.contiguous().cpu() for name, t in network.state_dict().items()}
        details = {**facts, **found, "key": key, "digest": _digest(tensors)}
        save_file(tensors, partial, {"amc": json.dumps(details, sort_keys=True)})

    make_once(path, make, usable=lambda path: _read(path, key) is not None)
    found = _read(path, key)
    if found is None:
        raise UserError(f"{path} was damaged while it was read: rerun the command")
    return found


def network_key(facts: Mapping[str, Any]) -> str:
    """The key of the judge with these facts."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def cache_file(key: str) -> Path:
    """The cache file of the judge with this key."""
    return cache_dir() / "classifiers" / f"{key}.safetensors"


class Judge(Protocol):
    """Anything that is cached under a key."""

    @property
    def key(self) -> str: ...


def cache_files(*judges: Judge | None) -> list[Path]:
    """The cache files of the judges that are not None, each once."""
    return [cache_file(key) for key in dict.fromkeys(judge.key for judge in judges if judge is not None)]


def split_digest(split: Split) -> str:
    """A hash of the clips in each part: rule and seed alone would not reveal a change of the rule's code."""
    digest = hashlib.sha256()
    for part in (split.train, split.validation, split.test):
        digest.update(np.array([len(part), *part], dtype="<i8").tobytes())
    return digest.hexdigest()


@contextmanager
def cpu_threads(count: int) -> Iterator[None]:
    """Sets the number of CPU threads inside the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def randomly_shifted(video: Tensor, most: int, draw: np.random.Generator) -> Tensor:
    """Shifts each clip of (B, T, 3, H, W) by up to `most` pixels on either axis, repeating its border."""
    if most == 0:
        return video
    b, t, _, h, w = video.shape
    padded = F.pad(video.flatten(0, 1), (most,) * 4, mode="replicate").unflatten(0, (b, t))
    offsets = draw.integers(0, 2 * most + 1, size=(b, 2))
    return torch.stack([padded[i, ..., y : y + h, x : x + w] for i, (y, x) in enumerate(offsets)])


def padded(rows: NDArray[np.uint8], batch: int) -> Iterator[tuple[NDArray[np.uint8], int]]:
    """Batches of exactly `batch` rows, and how many of them are not padding.

    With batches of one size, the outputs for a row do not depend on the other rows.
    """
    for start in range(0, len(rows), batch):
        part = rows[start : start + batch]
        yield np.concatenate([part, np.zeros((batch - len(part), *part.shape[1:]), part.dtype)]), len(part)


def _digest(tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].numpy().tobytes())
    return digest.hexdigest()


def _read(path: Path, key: str) -> CachedNetwork | None:
    """Reads a cache file; None if it is damaged or does not match its key, so that it is trained again."""
    try:
        with safe_open(path, "pt") as file:
            details = json.loads((file.metadata() or {}).get("amc", "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except (SafetensorError, ValueError, OSError):
        return None
    if not isinstance(details, dict) or details.get("key") != key or details.get("digest") != _digest(tensors):
        return None
    return CachedNetwork(tensors, details, key)
