"""The clip file: one HDF5 file with all clips of a data set, written once and checked whenever it is opened.

Layout (schema version 1), with N clips of T frames and k keypoints:

=================  =============================  ==========================================================
`frames`           uint8 (N, T, H, W, 3)          RGB, a chunk a clip
`keypoints`        float32 (N, T, k, 2)           (x, y) in pixels of the frame; (0, 0) is the top-left pixel's centre
`keypoints_valid`  bool (N, T, k)                 False where the point was not found (its coordinates are a filler)
`label`            int64 (N,)                     0 .. c-1
`subject`          int64 (N,)                     who performs; -1 where unknown
`source_clip`      int64 (N,)                     clips cut or copied from one source share this number
=================  =============================  ==========================================================

Attributes: `schema`, `schema_version`, `name`, `origin`, `fingerprint`, and as JSON `class_names`, `keypoint_names`,
`pairs` (left-right pairs of keypoint indices) and `generator` (tool, version, arguments). Every chunk carries a
checksum, and so does HDF5's own bookkeeping in the file format used, so that damage is noticed and not trained on.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, get_args

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from amc.cache import creating
from amc.errors import UserError

SCHEMA = "amc-clips"
SCHEMA_VERSION = 1
Origin = Literal["procedural", "natops", "mug", "folder"]

# What h5py is known to raise on damaged or foreign files.
_HDF5_ERRORS = (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError, OverflowError, MemoryError)


@dataclass(frozen=True)
class ClipInfo:
    """What a clip file says about itself."""

    name: str  # of the data set
    origin: Origin
    class_names: tuple[str, ...]
    keypoint_names: tuple[str, ...]
    pairs: tuple[tuple[int, int], ...]  # keypoints that a left-right flip exchanges
    generator: Mapping[str, Any]  # tool, version, arguments
    fingerprint: str = ""  # 64 hex digits: SHA-256 of all arrays and of the class and keypoint names


@dataclass(frozen=True)
class Contents:
    """A checked clip file without its frames."""

    info: ClipInfo
    shape: tuple[int, int, int, int]  # N, T, H, W
    keypoints: NDArray[np.float32]  # (N, T, k, 2)
    keypoints_valid: NDArray[np.bool_]  # (N, T, k)
    label: NDArray[np.int64]  # (N,)
    subject: NDArray[np.int64]  # (N,)
    source_clip: NDArray[np.int64]  # (N,)


class Fingerprint:
    """The content hash of a clip file, fed clip by clip; how HDF5 stores the arrays does not matter."""

    def __init__(self, info: ClipInfo, shape: tuple[int, int, int], keypoints: int) -> None:
        header = {
            "classes": list(info.class_names),
            "keypoints": list(info.keypoint_names),
            "pairs": [list(pair) for pair in info.pairs],
            "shape": [*map(int, shape), int(keypoints)],
        }
        self._hash = hashlib.sha256(json.dumps(header, sort_keys=True).encode())

    def add(
        self,
        frames: NDArray[np.uint8],
        keypoints: NDArray[np.float32],
        valid: NDArray[np.bool_],
        label: int,
        subject: int,
        source_clip: int,
    ) -> None:
        """One more clip; the order of clips counts."""
        self._hash.update(np.ascontiguousarray(frames))
        self._hash.update(np.ascontiguousarray(keypoints, dtype="<f4"))
        self._hash.update(np.ascontiguousarray(valid).view(np.uint8))
        self._hash.update(np.array([label, subject, source_clip], dtype="<i8"))

    def hexdigest(self) -> str:
        """64 hex digits."""
        return self._hash.hexdigest()


class ClipWriter:
    """Writes a clip file clip by clip in bounded memory; the file appears at `path` when the block ends without error.

    Raises:
        UserError: the folder cannot be written, another process is writing the file, or no clip was added.
        ValueError: a clip that does not fit the declared sizes, or inconsistent names or pairs (a caller's mistake).
    """

    def __init__(self, path: Path, info: ClipInfo, *, frames: int, size: tuple[int, int], keypoints: int) -> None:
        self.path = Path(path)
        self.info = info
        self._shape = (frames, *size)
        self._keypoints = keypoints
        problem = _info_problem(info, keypoints)
        if problem:
            raise ValueError(problem)
        self._fingerprint = Fingerprint(info, self._shape, keypoints)
        # Small beside the frames (20 MB for 8,835 clips), so kept until the end.
        self._rows: list[tuple[NDArray[np.float32], NDArray[np.bool_], int, int, int]] = []
        self._stack = ExitStack()

    def __enter__(self) -> ClipWriter:
        with self._stack:
            partial = self._stack.enter_context(creating(self.path))
            self._file = self._stack.enter_context(h5py.File(partial, "w", libver=("v110", "v110")))
            self._frames = self._file.create_dataset(
                "frames",
                shape=(0, *self._shape, 3),
                maxshape=(None, *self._shape, 3),
                chunks=(1, *self._shape, 3),
                dtype=np.uint8,
                # Level 1 makes the stand-in seven times smaller and costs under 1 ms a clip to read.
                compression="gzip",
                compression_opts=1,
                fletcher32=True,
            )
            self._stack = self._stack.pop_all()
        return self

    def add(
        self,
        frames: NDArray[np.uint8],
        keypoints: ArrayLike,
        valid: ArrayLike,
        label: int,
        subject: int,
        source_clip: int,
    ) -> None:
        """One more clip.

        Args:
            frames: uint8 (T, H, W, 3), RGB.
            keypoints: (T, k, 2) in pixels, finite everywhere (a filler where not valid).
            valid: bool (T, k).
            label: 0 .. c-1.
            subject: 0 or more, or -1 where unknown.
            source_clip: 0 or more; the same for all clips from one source.
        """
        points = np.asarray(keypoints, dtype=np.float32)
        found = np.asarray(valid, dtype=np.bool_)
        time = self._shape[0]
        if frames.shape != (*self._shape, 3) or frames.dtype != np.uint8:
            raise ValueError(f"frames are {frames.dtype} {frames.shape}, not uint8 {(*self._shape, 3)}")
        if points.shape != (time, self._keypoints, 2) or found.shape != (time, self._keypoints):
            raise ValueError(f"keypoints {points.shape} and valid {found.shape} do not fit T={time}, k={self._keypoints}")
        if not np.isfinite(points).all():
            raise ValueError("keypoints must be finite; mark missing ones in `valid`")
        if not 0 <= label < len(self.info.class_names) or subject < -1 or source_clip < 0:
            raise ValueError(f"label {label}, subject {subject} or source {source_clip} is out of range")
        index = len(self._rows)
        self._frames.resize(index + 1, axis=0)
        self._frames[index] = frames
        self._rows.append((points, found, int(label), int(subject), int(source_clip)))
        self._fingerprint.add(frames, points, found, label, subject, source_clip)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._stack:
            if kind is None:
                self._finish()
                self._stack.close()
            else:
                # Unwinds with the error, so that `creating` removes the partial file.
                self._stack.__exit__(kind, error, trace)

    def _finish(self) -> None:
        if not self._rows:
            raise UserError(f"no clips to write to {self.path}")
        points, found, label, subject, source = zip(*self._rows, strict=True)
        store = self._file.create_dataset
        store("keypoints", data=np.stack(points), chunks=True, fletcher32=True)
        store("keypoints_valid", data=np.stack(found), chunks=True, fletcher32=True)
        for name, column in (("label", label), ("subject", subject), ("source_clip", source)):
            store(name, data=np.array(column, dtype=np.int64), chunks=True, fletcher32=True)
        info = replace(self.info, fingerprint=self._fingerprint.hexdigest())
        self._file.attrs.update(
            {
                "schema": SCHEMA,
                "schema_version": SCHEMA_VERSION,
                "name": info.name,
                "origin": info.origin,
                "class_names": json.dumps(info.class_names),
                "keypoint_names": json.dumps(info.keypoint_names),
                "pairs": json.dumps(info.pairs),
                "generator": json.dumps(dict(info.generator), sort_keys=True),
                "fingerprint": info.fingerprint,
            }
        )


def read_info(path: Path) -> ClipInfo:
    """What the file says about itself, after the schema checks of `check`."""
    return check(path).info


def check(path: Path, *, content: bool = False) -> Contents:
    """Check a clip file and return everything but its frames.

    Args:
        path: the file.
        content: also read every frame and compare the fingerprint.

    Raises:
        UserError: missing, truncated, foreign, of another schema version, or inconsistent; one line that names the
            file and what is wrong.
    """
    with open_clips(path) as (contents, frames):
        if content:
            for _ in verified(path, contents, frames):
                pass
    return contents


@contextmanager
def open_clips(path: Path) -> Iterator[tuple[Contents, Any]]:
    """A checked clip file, open for reading: its `Contents` and the HDF5 data set of its frames.

    Raises:
        UserError: as `check`.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    with ExitStack() as stack:
        with _explained(path):
            file = stack.enter_context(h5py.File(path, "r"))
        with _explained(path):
            contents = _read(path, file)
            frames = file["frames"]
        yield contents, frames


def verified(path: Path, contents: Contents, frames: Any) -> Iterator[NDArray[np.uint8]]:
    """The frames of an open clip file, clip by clip as uint8 (T, H, W, 3).

    Raises:
        UserError: damaged frames, or (after the last clip) content that does not fit the fingerprint.
    """
    _, *shape = contents.shape
    fingerprint = Fingerprint(contents.info, (shape[0], shape[1], shape[2]), contents.keypoints.shape[2])
    for i in range(contents.shape[0]):
        with _explained(path):
            clip = frames[i]
        fingerprint.add(
            clip,
            contents.keypoints[i],
            contents.keypoints_valid[i],
            int(contents.label[i]),
            int(contents.subject[i]),
            int(contents.source_clip[i]),
        )
        yield clip
    if fingerprint.hexdigest() != contents.info.fingerprint:
        raise UserError(f"{path}: the content does not fit the file's fingerprint; make or import it again")


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except _HDF5_ERRORS as error:
        # The library's first sentence says enough; the rest is its own call stack.
        reason = re.split(r"[\n(]", str(error).strip("'\""), maxsplit=1)[0].strip() or type(error).__name__
        raise UserError(f"{path}: not a readable HDF5 clip file, damaged or cut short ({reason})") from error


def _read(path: Path, file: Any) -> Contents:
    if _attribute(file, "schema") != SCHEMA:
        raise UserError(f"{path}: an HDF5 file, but not a clip file (no attribute schema={SCHEMA!r})")
    version = file.attrs["schema_version"] if "schema_version" in file.attrs else None
    if version != SCHEMA_VERSION:
        raise UserError(f"{path}: clip file of schema version {version}, this program reads {SCHEMA_VERSION}; make it again")
    attributes = {name: _attribute(file, name) for name in ("name", "origin", "fingerprint")}
    parsed = {name: _json(file, name) for name in ("class_names", "keypoint_names", "pairs", "generator")}
    for name, value in (attributes | parsed).items():
        if value is None:
            raise UserError(f"{path}: attribute {name!r} is missing or malformed")
    problem = _shapes_problem(file)
    if problem:
        raise UserError(f"{path}: {problem}")
    info = ClipInfo(
        name=attributes["name"] or "",
        origin=attributes["origin"],  # type: ignore[arg-type]  # checked below
        class_names=tuple(parsed["class_names"]),
        keypoint_names=tuple(parsed["keypoint_names"]),
        pairs=tuple(tuple(pair) for pair in parsed["pairs"]),  # type: ignore[misc]  # checked below
        generator=parsed["generator"],
        fingerprint=attributes["fingerprint"] or "",
    )
    count, time, height, width, _ = file["frames"].shape
    contents = Contents(
        info=info,
        shape=(count, time, height, width),
        keypoints=file["keypoints"][()],
        keypoints_valid=file["keypoints_valid"][()],
        label=file["label"][()].astype(np.int64),
        subject=file["subject"][()].astype(np.int64),
        source_clip=file["source_clip"][()].astype(np.int64),
    )
    problem = _info_problem(info, contents.keypoints.shape[2]) or _values_problem(contents)
    if problem:
        raise UserError(f"{path}: {problem}")
    return contents


def _attribute(file: Any, name: str) -> str | None:
    value = file.attrs[name] if name in file.attrs else None
    return value if isinstance(value, str) else None


def _json(file: Any, name: str) -> Any:
    text = _attribute(file, name)
    if text is None:
        return None
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        return None
    if name == "generator":
        return value if isinstance(value, dict) else None
    if not isinstance(value, list):
        return None
    if name == "pairs":
        fits = all(isinstance(v, list) and len(v) == 2 and all(type(i) is int for i in v) for v in value)
    else:
        fits = all(isinstance(v, str) for v in value)
    return value if fits else None


def _shapes_problem(file: Any) -> str | None:
    for name in ("frames", "keypoints", "keypoints_valid", "label", "subject", "source_clip"):
        if not isinstance(file.get(name), h5py.Dataset):
            return f"array {name!r} is missing"
    shape = file["frames"].shape
    if len(shape) != 5 or shape[4] != 3 or file["frames"].dtype != np.uint8:
        return f"'frames' is {file['frames'].dtype} {shape}, not uint8 (N, T, H, W, 3)"
    if 0 in shape:
        return f"'frames' is empty: {shape}"
    k = len(_json(file, "keypoint_names"))
    expected = {
        "keypoints": ("f", (*shape[:2], k, 2)),
        "keypoints_valid": ("b", (*shape[:2], k)),
        "label": ("i", shape[:1]),
        "subject": ("i", shape[:1]),
        "source_clip": ("i", shape[:1]),
    }
    for name, (kind, wanted) in expected.items():
        if file[name].shape != wanted or file[name].dtype.kind != kind:
            return f"{name!r} is {file[name].dtype} {file[name].shape}, which does not fit {wanted}"
    return None


def _info_problem(info: ClipInfo, keypoints: int) -> str | None:
    flat = [i for pair in info.pairs for i in pair]
    if info.origin not in get_args(Origin):
        return f"unknown origin {info.origin!r} (known: {', '.join(get_args(Origin))})"
    if not info.class_names or len(set(info.class_names)) != len(info.class_names):
        return "class names are missing or not distinct"
    if len(info.keypoint_names) != keypoints or len(set(info.keypoint_names)) != keypoints or keypoints == 0:
        return f"{len(info.keypoint_names)} keypoint names, not {keypoints} distinct ones"
    if len(set(flat)) != len(flat) or any(not 0 <= i < keypoints for i in flat):
        return f"left-right pairs {list(info.pairs)} do not fit {keypoints} keypoints"
    if info.fingerprint and not re.fullmatch(r"[0-9a-f]{64}", info.fingerprint):
        return "the fingerprint is not 64 hex digits"
    return None


def _values_problem(contents: Contents) -> str | None:
    c = len(contents.info.class_names)
    if not contents.info.fingerprint:
        return "the fingerprint is missing"
    if contents.label.min() < 0 or contents.label.max() >= c:
        return f"labels run from {contents.label.min()} to {contents.label.max()}, but there are {c} classes"
    if contents.subject.min() < -1 or contents.source_clip.min() < 0:
        return "negative subject or source numbers"
    if not np.isfinite(contents.keypoints).all():
        return "keypoints are not all finite numbers"
    of_source: dict[int, tuple[int, int]] = {}
    for source, label, subject in zip(contents.source_clip, contents.label, contents.subject, strict=True):
        if of_source.setdefault(int(source), (int(label), int(subject))) != (int(label), int(subject)):
            return f"source {source} has clips of two classes or two subjects"
    return None
