"""Files that every trial reads, brought to each node of a cluster once, through Ray's object store."""

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

CHUNK = 64 * 1024**2  # bytes an object


@dataclass(frozen=True)
class NodeFile:
    """A file in the object store.

    Attributes:
        name: its place in a node's cache folder.
        setting: the job setting that says where it is; empty where the reader looks in the cache folder itself.
        digest: SHA-256 of its content.
        chunks: references to its pieces, in order.
    """

    name: str
    setting: str
    size: int
    digest: str
    chunks: tuple[Any, ...]


@dataclass(frozen=True)
class Home:
    """The driver's node, by Ray's id, and its cache folder: trials on it read the files where they are."""

    node: str
    cache: str


def home() -> Home:
    """This process's own."""
    return Home(ray.get_runtime_context().get_node_id(), str(cache_dir()))


def shared(settings: Mapping[str, Any], named: Iterable[str], cached: Iterable[Path]) -> list[NodeFile]:
    """Puts files into the object store.

    Args:
        settings: of the study's jobs.
        named: the settings that name a file.
        cached: files in this machine's cache folder that trials look for there.
    """
    files = []
    for setting in named:
        path = Path(settings[setting])
        size, digest, chunks = _put(path)
        files.append(NodeFile(f"nodes/{digest}{path.suffix}", setting, size, digest, chunks))
    for path in cached:
        files.append(NodeFile(str(path.relative_to(cache_dir())), "", *_put(path)))
    return files


def _put(path: Path) -> tuple[int, str, tuple[Any, ...]]:
    digest, chunks, size = hashlib.sha256(), [], 0
    with path.open("rb") as file:
        while piece := file.read(CHUNK):
            digest.update(piece)
            size += len(piece)
            chunks.append(ray.put(piece))
    return size, digest.hexdigest(), tuple(chunks)


def fetched(job: Job, files: Iterable[NodeFile]) -> Job:
    """The job with its files on this node: fetched now where no other trial of this node has done so.

    Raises:
        UserError: what arrived is not what was sent, or the node's cache folder can't be written.
    """
    places = {}
    for file in files:
        path = make_once(cache_dir() / file.name, partial(_fetch, file), usable=_whole(file))
        if file.setting:
            places[file.setting] = str(path)
    return replace(job, settings={**job.settings, **places})


def _whole(file: NodeFile) -> Callable[[Path], bool]:
    # The name holds the content's hash, or the reader checks what it finds; the size tells a file cut short.
    return lambda path: path.is_file() and path.stat().st_size == file.size


def _fetch(file: NodeFile, path: Path) -> None:
    digest = hashlib.sha256()
    with path.open("wb") as out:
        for reference in file.chunks:
            piece = ray.get(reference)
            digest.update(piece)
            out.write(piece)
    if digest.hexdigest() != file.digest:
        raise UserError(f"{file.name} reached this node damaged: run the command again")
