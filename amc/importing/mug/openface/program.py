"""Finds the OpenFace table of a take: a file that the user supplies, or the output of OpenFace for the take's frames.

The table is `openface.csv`, `<take>.csv` or the only CSV file in the take's folder, or `<take>.csv` beside that folder.
If a folder of tables is given, the same places in that folder come first. OpenFace runs only on takes without a table.
Its output is cached under a hash of the frames and of the program.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from amc.cache import cache_dir, make_once
from amc.errors import UserError
from amc.importing.file_names import printable
from amc.importing.mug.openface.table import LandmarksError
from amc.importing.mug.source_files import TABLE, MugTake, top_folder
from amc.importing.programs import CANNOT_RUN, running

OPTIONS = ("-2Dfp", "-aus")
LONGEST = 3600  # seconds for one take


def find_program(given: Path, option: str = "--openface") -> Path:
    """Returns the absolute path of a program.

    Args:
        given: its path, or a name to be found on the PATH.
        option: the command-line option that gave it, for the error message.

    Raises:
        UserError: the program does not exist or is not executable.
    """
    # `which` finds a file without a folder in its name only on the PATH.
    found = str(given) if given.is_file() and os.access(given, os.X_OK) else shutil.which(given)
    if found is None:
        raise UserError(f"{option} {given}: missing or not executable; give the path of OpenFace's FeatureExtraction")
    return Path(found).absolute()


def find_table(take: MugTake, tables: Path | None) -> Path | None:
    """Returns the table of a take, or None if it has no table.

    Args:
        take: the take.
        tables: folder of tables in the layout of MUG, or None.

    Raises:
        LandmarksError: several files could be the table.
    """
    folders = [take.folder]
    if tables is not None:
        top = top_folder(tables)
        folders = [top / take.place, *folders]
    for folder in folders:
        inside = sorted(p for p in _files(folder) if p.suffix.lower() == TABLE and not p.name.startswith("."))
        named = [p for name in ("openface", folder.name) for p in inside if p.stem.lower() == name.lower()]
        if named or len(inside) == 1:
            return (named or inside)[0]
        if inside:
            raise LandmarksError(
                f"{len(inside)} CSV files in {printable(folder.name)}, but none is called openface{TABLE}"
            )
        beside = [p for p in _files(folder.parent) if p.name.lower() == f"{folder.name}{TABLE}".lower()]
        if beside:
            return sorted(beside)[0]
    return None


def _files(folder: Path) -> list[Path]:
    try:
        return [p for p in folder.iterdir() if p.is_file()]
    except OSError:
        return []


def run_openface(program: Path, take: MugTake) -> Path:
    """Returns OpenFace's table for the frames of a take, from the cache if possible.

    Raises:
        LandmarksError: the program failed; the message contains its last line of output.
    """
    path = cache_dir() / "openface" / f"{_key(program, take)}{TABLE}"

    def make(partial: Path) -> None:
        with tempfile.TemporaryDirectory(prefix="openface-") as scratch:
            partial.write_bytes(landmark_table(program, take.paths, Path(scratch)))

    return make_once(path, make)


def _key(program: Path, take: MugTake) -> str:
    whole = hashlib.sha256(" ".join(OPTIONS).encode() + program_digest(program))
    for path in take.paths:
        whole.update(_digest(path))
    return whole.hexdigest()


@lru_cache(maxsize=1)
def program_digest(program: Path) -> bytes:
    """Returns a hash of the program.

    Raises:
        LandmarksError: it cannot be read.
    """
    return _digest(program)


def _digest(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").digest()
    except OSError as error:
        raise LandmarksError(f"cannot read {printable(path.name)}: {error.strerror or error}") from error


def landmark_table(program: Path, images: Sequence[Path], scratch: Path) -> bytes:
    """Runs OpenFace on the images of a sequence, under names that sort in their order; returns its table.

    Args:
        scratch: an empty folder for intermediate files.

    Raises:
        LandmarksError: the program failed; the message contains its last line of output.
    """
    frames, out = scratch / "frames", scratch / "out"
    frames.mkdir()
    out.mkdir()
    for number, path in enumerate(images, start=1):
        staged = frames / f"frame_{number:08d}{path.suffix.lower()}"
        try:
            staged.symlink_to(path.absolute())
        except OSError:  # the file system has no links
            shutil.copyfile(path, staged)
    command = [str(program), "-fdir", str(frames), "-out_dir", str(out), *OPTIONS]
    try:
        with running(command, stdin=subprocess.DEVNULL) as process:
            output, errors = process.communicate(timeout=LONGEST)
    except subprocess.TimeoutExpired as error:
        raise LandmarksError(f"OpenFace did not finish within {LONGEST} s") from error
    except OSError as error:
        raise LandmarksError(f"OpenFace cannot be run: {error.strerror or error}") from error
    if process.returncode:
        lines = (errors or output).decode(errors="replace").strip().splitlines()
        if process.returncode == CANNOT_RUN:
            raise LandmarksError(f"OpenFace cannot be run{f': {lines[-1]}' if lines else ''}")
        raise LandmarksError(
            f"OpenFace failed with exit code {process.returncode}{f': {lines[-1][:200]}' if lines else ''}"
        )
    written = sorted(out.glob(f"*{TABLE}"))
    if len(written) != 1:
        raise LandmarksError(f"OpenFace wrote {len(written)} tables instead of one")
    return written[0].read_bytes()
