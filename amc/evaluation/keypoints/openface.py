"""68 facial landmarks by OpenFace, the paper's extractor: run by this program, or by the user on another machine.

A clip is identified by a hash of its frames. With a folder of tables, `<hash>.csv` in that folder is the clip's table;
for clips without one, the frames are written to `<hash>/`, where OpenFace can find them.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from amc.cache import cache_dir, make_once
from amc.data.datasets.landmarks import LANDMARKS
from amc.errors import UserError
from amc.evaluation.keypoints.enlarged import enlarged, from_enlarged
from amc.evaluation.keypoints.extractor import Points
from amc.importing.mug.openface.program import OPTIONS, find_program, landmark_table, program_digest
from amc.importing.mug.openface.table import LandmarksError, read_face

NAME = "openface"
PROGRAM = "FeatureExtraction"
SOURCE = "github.com/TadasBaltrusaitis/OpenFace"


class MissingTables(UserError):
    """Clips have no table; their frames were written to the folder of tables.

    Attributes:
        absent: number of these clips.
        tables: the folder.
    """

    def __init__(self, absent: int, clips: int, tables: Path) -> None:
        self.absent, self.tables = absent, tables
        super().__init__(
            f"{absent} of {clips} clips have no table in {tables}, where their frames are now: run "
            f"`{PROGRAM} -fdir FOLDER -out_dir {tables} {' '.join(OPTIONS)}` on each folder in it that has no table, "
            "then rerun the command"
        )


@dataclass(frozen=True)
class OpenFace:
    """OpenFace's landmarks; `program` runs unless there is a folder of `tables`."""

    program: Path | None
    tables: Path | None
    key: str
    name: str = NAME

    def __call__(self, frames: NDArray[np.uint8], /) -> Points:
        """The landmarks (n, t, 68, 2) of clips (n, t, H, W, 3).

        Raises:
            MissingTables: clips have no table; the frames of all of them were written.
            UserError: a table cannot be read, or the program failed.
        """
        points = np.full((*frames.shape[:2], LANDMARKS, 2), np.nan, np.float32)
        absent = 0
        for number, clip in enumerate(frames):
            large = enlarged(clip)
            name = hashlib.sha256(large.tobytes()).hexdigest()[:24]
            try:
                table = self._table(large, name)
                if table is None:
                    absent += 1
                    continue
                points[number] = from_enlarged(read_face(table, len(clip)).landmarks, clip.shape[1])
            except LandmarksError as error:
                raise UserError(f"--extractor {NAME}: no landmarks of clip {name}: {error}") from error
        if self.tables is not None and absent:
            raise MissingTables(absent, len(frames), self.tables)
        return points

    def about(self) -> Mapping[str, Any]:
        """Where its landmarks are from."""
        return {"extractor": self.name, "tables": self.tables is not None}

    def _table(self, frames: NDArray[np.uint8], name: str) -> Path | None:
        """The table of a clip; None if the user has yet to make it."""
        if self.program is None:
            assert self.tables is not None
            path = self.tables / f"{name}.csv"
            if path.is_file():
                return path
            _write_frames(frames, self.tables / name)
            return None
        program = self.program

        def make(partial: Path) -> None:
            with tempfile.TemporaryDirectory(prefix="openface-") as scratch:
                images = _write_frames(frames, Path(scratch) / "clip")
                partial.write_bytes(landmark_table(program, images, Path(scratch)))

        return make_once(cache_dir() / "openface" / f"{self.key[:16]}-{name}.csv", make)


def load_openface(given: Path | None) -> OpenFace:
    """OpenFace as the user has it.

    Args:
        given: the program, or a folder of tables; None looks for the program on the PATH.

    Raises:
        UserError: there is no such program, or a table cannot be read.
    """
    if given is not None and given.is_dir():
        return OpenFace(None, given.absolute(), _tables_digest(given))
    if given is None:
        try:
            program = find_program(Path(PROGRAM))
        except UserError as error:
            raise UserError(
                f"--extractor {NAME}: {PROGRAM} is not on the PATH; build OpenFace ({SOURCE}) and "
                f"give --extractor {NAME}:PATH, or {NAME}:FOLDER with tables that it wrote on another machine"
            ) from error
    else:
        program = find_program(given, f"--extractor {NAME}:")
    try:
        key = hashlib.sha256(" ".join(OPTIONS).encode() + program_digest(program)).hexdigest()
    except LandmarksError as error:
        raise UserError(f"--extractor {NAME}:{program}: {error}") from error
    return OpenFace(program, None, key)


def _tables_digest(folder: Path) -> str:
    """A hash of the names and contents of all tables in a folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.csv")):
        try:
            with path.open("rb") as file:
                digest.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
        except OSError as error:
            raise UserError(f"--extractor {NAME}: {path} cannot be read: {error.strerror or error}") from error
    return digest.hexdigest()


def _write_frames(frames: NDArray[np.uint8], folder: Path) -> list[Path]:
    try:
        folder.mkdir(exist_ok=True)
        paths = [folder / f"frame_{number:06d}.png" for number in range(1, len(frames) + 1)]
        for path, frame in zip(paths, frames, strict=True):
            Image.fromarray(frame).save(path)
    except OSError as error:
        raise UserError(f"cannot write frames to {folder}: {error.strerror or error}") from error
    return paths
