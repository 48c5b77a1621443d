"""Copies the files that every trial reads to each node of a cluster once, through Ray's object store."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import ray

from amc.cache import cache_dir, make_once
from amc.errors import UserError
from tuning.workers.job import Job

CHUNK = 64 * 1024**2  # bytes per object


@dataclass(frozen=True)
class NodeFile:
    """A file in the object store.

    Attributes:
        name: its path within a node's cache folder.
        setting: the field of `TrialSettings` that names the file; empty if trials look for it in the cache folder.
        size: bytes.
        digest: SHA-256 of the content.
        chunks: references to the objects that hold the content, in order.
    """

    name: str
    setting: str
    size: int
    digest: str
    chunks: tuple[Any, ...]


@dataclass(frozen=True)
class DriverNode:
    """Ray's id of the driver's node, and the driver's cache folder: trials on this node need no copies."""

    node: str
    cache: str


def driver_node() -> DriverNode:
    """The node and the cache folder of this process."""
    return DriverNode(ray.get_runtime_context().get_node_id(), str(cache_dir()))


def put_files(named: Mapping[str, str], cached: Iterable[Path]) -> list[NodeFile]:
    """Puts files into the object store.

    Args:
        named: paths by the setting that names them (`TrialSettings.files`).
        cached: files in this machine's cache folder that trials look for there.
    """
    files = []
    for setting, path in named.items():
        size, digest, chunks = _put(Path(path))
        files.append(NodeFile(f"nodes/{digest}{Path(path).suffix}", setting, size, digest, chunks))
    for place in cached:
        files.append(NodeFile(str(place.relative_to(cache_dir())), "", *_put(place)))
    return files


def _put(path: Path) -> tuple[int, str, tuple[Any, ...]]:
    digest, chunks, size = hashlib.sha256(), [], 0
    with path.open("rb") as file:
        while piece := file.read(CHUNK):
            digest.update(piece)
            size += len(piece)
            chunks.append(ray.put(piece))
    return size, digest.hexdigest(), tuple(chunks)


def with_local_files(job: Job, files: Iterable[NodeFile]) -> Job:
    """Fetches files that this node does not have yet; returns the job with its settings naming the local copies.

    Raises:
        UserError: a file arrived damaged, or the node's cache folder cannot be written.
    """
    copies = {}
    for file in files:
        path = make_once(cache_dir() / file.name, partial(_fetch, file), usable=_is_complete(file))
        if file.setting:
            copies[file.setting] = str(path)
    return replace(job, settings=job.settings.with_files(copies))


def _is_complete(file: NodeFile) -> Callable[[Path], bool]:
    # The size detects a truncated file; the name holds the content's hash, or the reader checks the content itself.
    return lambda path: path.is_file() and path.stat().st_size == file.size


def _fetch(file: NodeFile, path: Path) -> None:
    digest = hashlib.sha256()
    with path.open("wb") as out:
        for reference in file.chunks:
            piece = ray.get(reference)
            digest.update(piece)
            out.write(piece)
    if digest.hexdigest() != file.digest:
        raise UserError(f"{file.name} arrived damaged on this node: rerun the same command")
