"""Where the table of a take comes from: a file that somebody made, or the user's own OpenFace run on the frames.

A take's table is looked for as `openface.csv`, `<take>.csv` or the only CSV in the take's folder, then as `<take>.csv`
beside that folder; with a folder of tables, the same places under it come first. OpenFace itself is run only where
there is none. What it writes is kept in the cache under the content of the frames and of the program.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

from amc.cache import cache_dir, make_once
from amc.errors import UserError
from amc.importing.mug.distribution import TABLE, Take, text, top_folder
from amc.importing.mug.openface_table import BadTable
from amc.importing.programs import CANNOT_RUN, running

OPTIONS = ("-2Dfp", "-aus")
LONGEST = 3600  # seconds that OpenFace may work on one take


def find_program(given: Path) -> Path:
    """The program's absolute path.

    Raises:
        UserError: there is no such program.
    """
    # A file as it is named; `which` would look for a bare name on the PATH alone.
    found = str(given) if given.is_file() and os.access(given, os.X_OK) else shutil.which(given)
    if found is None:
        raise UserError(f"--openface {given}: no such program, or it may not be run; give OpenFace's FeatureExtraction")
    return Path(found).absolute()


def find_table(take: Take, tables: Path | None) -> Path | None:
    """The take's table; None where there is none.

    Args:
        take: the take.
        tables: a folder that mirrors the distribution's layout, or None.

    Raises:
        BadTable: several files could be it.
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
            raise BadTable(f"{len(inside)} CSV files in {text(folder.name)}, and none is called openface{TABLE}")
        beside = [p for p in _files(folder.parent) if p.name.lower() == f"{folder.name}{TABLE}".lower()]
        if beside:
            return sorted(beside)[0]
    return None


def _files(folder: Path) -> list[Path]:
    try:
        return [p for p in folder.iterdir() if p.is_file()]
    except OSError:
        return []


def run_openface(program: Path, take: Take) -> Path:
    """The table that OpenFace makes of the take's frames; made once and kept.

    Raises:
        BadTable: the program failed; with its last line.
    """
    path = cache_dir() / "openface" / f"{_key(program, take)}{TABLE}"

    def make(partial: Path) -> None:
        with tempfile.TemporaryDirectory(prefix="openface-") as scratch:
            partial.write_bytes(_run(program, take, Path(scratch)))

    return make_once(path, make)


def _key(program: Path, take: Take) -> str:
    whole = hashlib.sha256(" ".join(OPTIONS).encode() + _program_digest(program))
    for path in take.paths:
        whole.update(_digest(path))
    return whole.hexdigest()


@lru_cache(maxsize=1)
def _program_digest(program: Path) -> bytes:
    return _digest(program)


def _digest(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").digest()
    except OSError as error:
        raise BadTable(f"cannot read {text(path.name)}: {error.strerror or error}") from error


def _run(program: Path, take: Take, scratch: Path) -> bytes:
    """What OpenFace writes about the frames, which it sees under names that sort in their order."""
    frames, out = scratch / "frames", scratch / "out"
    frames.mkdir()
    out.mkdir()
    for number, path in enumerate(take.paths, start=1):
        staged = frames / f"frame_{number:08d}{path.suffix.lower()}"
        try:
            staged.symlink_to(path.absolute())
        except OSError:  # a file system without links
            shutil.copyfile(path, staged)
    command = [str(program), "-fdir", str(frames), "-out_dir", str(out), *OPTIONS]
    try:
        with running(command, stdin=subprocess.DEVNULL) as process:
            output, errors = process.communicate(timeout=LONGEST)
    except subprocess.TimeoutExpired as error:
        raise BadTable(f"OpenFace was not done after {LONGEST} s") from error
    except OSError as error:
        raise BadTable(f"OpenFace cannot be run: {error.strerror or error}") from error
    if process.returncode:
        said = (errors or output).decode(errors="replace").strip().splitlines()
        if process.returncode == CANNOT_RUN:
            raise BadTable(f"OpenFace cannot be run{f': {said[-1]}' if said else ''}")
        raise BadTable(f"OpenFace failed with code {process.returncode}{f': {said[-1][:200]}' if said else ''}")
    written = sorted(out.glob(f"*{TABLE}"))
    if len(written) != 1:
        raise BadTable(f"OpenFace wrote {len(written)} tables, not one")
    return written[0].read_bytes()
