"""The answers of a study, read without changing them: what `answers.db` holds and how far each rater is."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from amc.errors import UserError

FILE_NAME = "answers.db"
BUSY_SECONDS = 10.0  # how long to wait for a transaction of another process
VERSION = 1


@dataclass(frozen=True)
class Answer:
    """One answer.

    Attributes:
        rater: from 0.
        position: index of the question in the rater's list, from 0.
        question: id of the question in the design.
        answer: one of the question's choices.
        seconds: from the moment the clips were playing to the answer; None if unknown (imported answers).
        window: width and height of the browser window, in CSS pixels; None if unknown.
        answered_at: UTC, ISO 8601, to the second.
    """

    rater: int
    position: int
    question: str
    answer: str
    seconds: float | None
    window: tuple[int, int] | None
    answered_at: str


@dataclass(frozen=True)
class Progress:
    """How far a rater is: number of answers, whether the rater has consented, and the time of the last answer."""

    rater: int
    answered: int
    consented: bool
    last_answer_at: str | None


def design_sha256(folder: Path) -> str:
    """SHA-256 of the study's design.json, in hexadecimal.

    Raises:
        UserError: the file cannot be read.
    """
    path = folder / "design.json"
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; is {folder} a study folder?") from error


def read_answers(folder: Path) -> list[Answer]:
    """All answers, by rater and position, without changing the file; none if there is no answers.db.

    Raises:
        UserError: answers.db is damaged, belongs to another design, or cannot be read.
    """
    rows = _read(
        folder,
        "SELECT rater, position, question, answer, seconds, window_width, window_height, answered_at FROM answers "
        "ORDER BY rater, position",
    )
    return [
        Answer(rater, position, question, answer, seconds, None if width is None else (width, height), at)
        for rater, position, question, answer, seconds, width, height, at in rows
    ]


def read_progress(folder: Path) -> list[Progress]:
    """How far each rater is, without changing the file; empty if there is no answers.db.

    Raises:
        UserError: as for `read_answers`.
    """
    rows = _read(
        folder,
        "SELECT raters.rater, count(position), consented_at IS NOT NULL, max(answered_at) FROM raters "
        "LEFT JOIN answers USING (rater) GROUP BY raters.rater ORDER BY raters.rater",
    )
    return [Progress(rater, answered, bool(consented), at) for rater, answered, consented, at in rows]


def _read(folder: Path, statement: str) -> list[tuple]:  # type: ignore[type-arg]
    path, design = folder / FILE_NAME, design_sha256(folder)
    if not path.exists():
        return []
    with one_line_errors(path), closing(_connect_read_only(path)) as connection:
        check_answers(connection, path, design)
        return connection.execute(statement).fetchall()


def _connect_read_only(path: Path) -> sqlite3.Connection:
    """A connection that changes nothing, also where the folder cannot be written."""
    path = path.resolve()
    # Without a write-ahead log no process has the file open, and `immutable` keeps SQLite from creating one.
    mode = "mode=ro" if path.with_name(f"{path.name}-wal").exists() else "mode=ro&immutable=1"
    connection = sqlite3.connect(f"{path.as_uri()}?{mode}", uri=True, timeout=BUSY_SECONDS)
    try:
        connection.execute("PRAGMA schema_version")
        return connection
    except sqlite3.OperationalError:
        connection.close()
    # Even a reader of a WAL database writes beside it; where it may not, it reads a copy.
    with tempfile.TemporaryDirectory(prefix="amc-answers-") as scratch:
        for source in (path, path.with_name(f"{path.name}-wal")):
            if source.exists():
                shutil.copyfile(source, Path(scratch) / source.name)
        memory = sqlite3.connect(":memory:")
        with closing(sqlite3.connect(Path(scratch) / path.name)) as copy:
            copy.backup(memory)
        return memory


def check_answers(connection: sqlite3.Connection, path: Path, design: str) -> None:
    """Checks that an answers.db is whole and belongs to the design.

    Raises:
        UserError: it belongs to another design or was written by another version.
        sqlite3.Error: it is damaged.
    """
    (health,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if health != "ok":
        raise sqlite3.DatabaseError(health)
    of_design, version = connection.execute("SELECT design_sha256, version FROM study").fetchone() or ("", VERSION)
    if version != VERSION:
        raise UserError(f"{path} was written by another version of this program (format {version}, not {VERSION})")
    if of_design != design:
        raise UserError(
            f"{path} holds answers to another design than {path.with_name('design.json')}: restore that "
            "design, or move answers.db away to start over"
        )


@contextmanager
def one_line_errors(path: Path) -> Iterator[None]:
    """Turns errors of SQLite and of the file system into a `UserError` that names the file."""
    try:
        yield
    except sqlite3.OperationalError as error:
        code = getattr(error, "sqlite_errorname", "")
        if code.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN")):
            raise UserError(f"{path} cannot be opened: no permission for the folder or the file") from error
        if code.startswith(("SQLITE_FULL", "SQLITE_IOERR")):
            raise UserError(f"{path} cannot be written: {error}; free some disk space") from error
        raise UserError(f"{path} cannot be used: {error}") from error
    except sqlite3.DatabaseError as error:
        raise UserError(
            f"{path} is damaged ({error}): restore it from a copy, or move it away to start over"
        ) from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error
