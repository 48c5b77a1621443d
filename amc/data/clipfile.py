"""Reading and writing clip files: HDF5 files with all clips of a data set, checked whenever they are opened.

The schema is described in `amc.data.clipschema`.
"""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from amc.cache import creating
from amc.data.clipschema import (
    SCHEMA,
    SCHEMA_VERSION,
    ClipInfo,
    Contents,
    Fingerprint,
    Origin,
    info_problem,
    values_problem,
)
from amc.data.hdf5_output import Hdf5Output
from amc.errors import UserError, cannot_write

__all__ = [
    "SCHEMA_VERSION",
    "ClipInfo",
    "ClipWriter",
    "Contents",
    "Origin",
    "check",
    "check_replaceable",
    "open_clips",
    "read_clip",
    "read_info",
    "verified",
]

# Exceptions of h5py on damaged files and files of other kinds.
_HDF5_ERRORS = (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError, OverflowError, MemoryError)


class ClipWriter:
    """Writes a clip file clip by clip, in bounded memory. The file appears when the `with` block ends without error.

    Raises:
        UserError: the folder cannot be written, the disk is full, the file exists and is no clip file, another process
            is writing it, or no clip was added.
        ValueError: a clip does not have the declared sizes, or names or pairs are inconsistent.
    """

    def __init__(self, path: Path, info: ClipInfo, *, frames: int, size: tuple[int, int], keypoints: int) -> None:
        self.path = Path(path)
        self.info = info
        self._shape = (frames, *size)
        self._keypoints = keypoints
        problem = info_problem(info, keypoints)
        if problem:
            raise ValueError(problem)
        self._fingerprint = Fingerprint(info, self._shape, keypoints)
        # Kept in memory until the end, because they are small (20 MB for 8,835 clips).
        self._rows: list[tuple[NDArray[np.float32], NDArray[np.bool_], int, int, int]] = []
        self._stack = ExitStack()

    def __enter__(self) -> ClipWriter:
        check_replaceable(self.path)
        with self._stack:
            partial = self._stack.enter_context(creating(self.path))
            with self._writing():
                self._output = Hdf5Output(partial)
                self._stack.callback(self._output.close)
                self._file = h5py.File(self._output, "w", libver=("v110", "v110"))
                self._stack.callback(self._close_quietly)
                self._frames = self._file.create_dataset(
                    "frames",
                    shape=(0, *self._shape, 3),
                    maxshape=(None, *self._shape, 3),
                    chunks=(1, *self._shape, 3),
                    dtype=np.uint8,
                    # Level 1 makes the stand-in seven times smaller and costs less than 1 ms per clip read.
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
        """Adds a clip.

        Args:
            frames: uint8 (T, H, W, 3), RGB.
            keypoints: (T, k, 2) in pixels; finite, also where not valid.
            valid: bool (T, k).
            label: class index, 0 to c - 1.
            subject: number of the subject, or -1 if unknown.
            source_clip: number of the source; all clips from one source share it.
        """
        points = np.asarray(keypoints, dtype=np.float32)
        found = np.asarray(valid, dtype=np.bool_)
        time = self._shape[0]
        if frames.shape != (*self._shape, 3) or frames.dtype != np.uint8:
            raise ValueError(f"frames are {frames.dtype} {frames.shape}, not uint8 {(*self._shape, 3)}")
        if points.shape != (time, self._keypoints, 2) or found.shape != (time, self._keypoints):
            raise ValueError(f"keypoints {points.shape}, valid {found.shape} do not fit T={time}, k={self._keypoints}")
        if not np.isfinite(points).all():
            raise ValueError("keypoints must be finite; mark missing ones in `valid`")
        if not 0 <= label < len(self.info.class_names) or subject < -1 or source_clip < 0:
            raise ValueError(f"label {label}, subject {subject} or source {source_clip} is out of range")
        index = len(self._rows)
        with self._writing(), _interrupts_held():
            self._frames.resize(index + 1, axis=0)
            self._frames[index] = frames
        self._rows.append((points, found, int(label), int(subject), int(source_clip)))
        self._fingerprint.add(frames, points, found, label, subject, source_clip)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._stack:
            if kind is None:
                with self._writing():
                    self._finish()
                    self._file.close()
                    self._output.close()
                self._stack.close()
            else:
                # Passes the error on, so that `creating` deletes the partial file.
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
        attributes = {
            "schema": SCHEMA,
            "name": info.name,
            "origin": info.origin,
            "class_names": json.dumps(info.class_names),
            "keypoint_names": json.dumps(info.keypoint_names),
            "pairs": json.dumps(info.pairs),
            "generator": json.dumps(dict(info.generator), sort_keys=True),
            "fingerprint": info.fingerprint,
        }
        self._file.attrs["schema_version"] = SCHEMA_VERSION
        for name, text in attributes.items():
            # Strings of fixed length, because HDF5 has no checksums for the others.
            raw = text.encode()
            self._file.attrs.create(name, raw, dtype=h5py.string_dtype("utf-8", max(1, len(raw))))

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
            self._output.check()
        except (OSError, RuntimeError) as error:
            raise cannot_write(self.path, error) from error

    def _close_quietly(self) -> None:
        # Only needed after an error, when the file is about to be deleted.
        with suppress(OSError, RuntimeError):
            self._file.close()


def check_replaceable(path: Path) -> None:
    """Checks that writing a clip file to `path` replaces nothing but a clip file.

    Raises:
        UserError: another file is there, such as a keypoint table or a video.
    """
    path = Path(path).expanduser()
    if not path.is_file() or path.stat().st_size == 0:
        return  # `creating` names folders and devices
    try:
        with h5py.File(path, "r", locking=False) as file:
            clips = _attribute(file, "schema") == SCHEMA
    except _HDF5_ERRORS:
        clips = False
    if not clips:
        raise UserError(
            f"{path} exists and is not a clip file, so it is not replaced: give another --out, or delete it"
        )


def read_info(path: Path) -> ClipInfo:
    """The attributes of a clip file, after the checks of `check`."""
    return check(path).info


def check(path: Path, *, content: bool = False) -> Contents:
    """Checks a clip file and returns its content without the frames.

    Args:
        path: the file.
        content: also read all frames and compare the fingerprint.

    Raises:
        UserError: the file is missing, truncated, inconsistent, no clip file, or of another schema version.
    """
    with open_clips(path) as (contents, frames):
        if content:
            for _ in verified(path, contents, frames):
                pass
    return contents


@contextmanager
def open_clips(path: Path) -> Iterator[tuple[Contents, Any]]:
    """Opens and checks a clip file; yields its `Contents` and the HDF5 dataset of its frames.

    Raises:
        UserError: as for `check`.
    """
    path = Path(path)
    if not path.is_file():
        found = "a folder, not a clip file" if path.is_dir() else "no such file"
        raise UserError(f"{path}: {found}; choose an existing clip file")
    if not os.access(path, os.R_OK):
        raise UserError(f"{path}: no permission to read it")
    with ExitStack() as stack:
        with _explained(path):
            file = stack.enter_context(h5py.File(path, "r", locking=False))
        with _explained(path):
            contents = _read(path, file)
            frames = file["frames"]
        yield contents, frames


def verified(path: Path, contents: Contents, frames: Any) -> Iterator[NDArray[np.uint8]]:
    """Yields the frames of an open clip file, clip by clip, as uint8 (T, H, W, 3).

    Raises:
        UserError: frames are damaged, or, after the last clip, the content does not match the fingerprint.
    """
    _, *shape = contents.shape
    fingerprint = Fingerprint(contents.info, (shape[0], shape[1], shape[2]), contents.keypoints.shape[2])
    for i in range(contents.shape[0]):
        clip = read_clip(path, frames, i)
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
        raise UserError(f"{path}: the content does not match the fingerprint; make or import the file again")


def read_clip(path: Path, frames: Any, index: int) -> NDArray[np.uint8]:
    """The frames of one clip of an open file, uint8 (T, H, W, 3).

    Raises:
        UserError: the frames are damaged.
    """
    with _explained(path), _interrupts_held():
        clip: NDArray[np.uint8] = frames[index]
    return clip


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Delays Ctrl-C until the end of the block.

    After a call of HDF5, the first Python code to run is the callback of a weak reference in h5py. An exception raised
    there is printed and lost, so the command would continue.
    """
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield
        return
    held: list[tuple[int, FrameType | None]] = []
    signal.signal(signal.SIGINT, lambda *call: held.append(call))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if held:
            handler(*held[0])


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except _HDF5_ERRORS as error:
        if re.search("unable to lock|already open for write", str(error)):
            raise UserError(
                f"{path} is locked: another program has it open for writing; close it and rerun (if that program "
                f"crashed: h5clear -s {path})"
            ) from error
        raise UserError(f"{path}: not a readable HDF5 clip file, or damaged: {_reason(error)}") from error


def _reason(error: BaseException) -> str:
    """The cause of an error of HDF5, which is the part of its message in parentheses."""
    text = str(error).strip("'\"")
    inner = re.search(r"\((.*)\)", text, re.DOTALL)
    return " ".join((inner[1] if inner else text).split())[:120] or type(error).__name__


def _read(path: Path, file: Any) -> Contents:
    if _attribute(file, "schema") != SCHEMA:
        raise UserError(f"{path}: an HDF5 file, but not a clip file (no attribute schema={SCHEMA!r})")
    version = file.attrs.get("schema_version")
    if version != SCHEMA_VERSION:
        raise UserError(
            f"{path}: clip file of schema version {version}, expected {SCHEMA_VERSION}; make or import it again"
        )
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
        pairs=tuple(tuple(pair) for pair in parsed["pairs"]),  # checked below
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
    problem = info_problem(info, contents.keypoints.shape[2]) or values_problem(contents)
    if problem:
        raise UserError(f"{path}: {problem}")
    return contents


def _attribute(file: Any, name: str) -> str | None:
    value = file.attrs.get(name)
    if isinstance(value, bytes):
        value = value.decode()
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
        "keypoints": ("f4", (*shape[:2], k, 2)),
        "keypoints_valid": ("?", (*shape[:2], k)),
        "label": ("i8", shape[:1]),
        "subject": ("i8", shape[:1]),
        "source_clip": ("i8", shape[:1]),
    }
    for name, (kind, wanted) in expected.items():
        if file[name].shape != wanted or file[name].dtype != np.dtype(kind):
            return f"{name!r} is {file[name].dtype} {file[name].shape}, not {np.dtype(kind)} {wanted}"
    return None
