"""Writing the answers of a study: a SQLite file that a killed process or a full disk leaves with whole answers only.

The file is in WAL mode with `synchronous=FULL`: an answer is on the disk when `AnswerStore.answer` returns, so it
survives a killed process and a power failure. Answers that arrive during a write share the next transaction. Nothing in
the file identifies a person: a rater is a number, and of the rater's link only the SHA-256 is kept.
"""

from __future__ import annotations

import secrets
import sqlite3
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from amc.errors import UserError
from analysis.preference.answers import (
    BUSY_SECONDS,
    FILE_NAME,
    VERSION,
    Answer,
    check_answers,
    design_sha256,
    one_line_errors,
)

_TABLES = """
CREATE TABLE study (design_sha256 TEXT NOT NULL, version INTEGER NOT NULL) STRICT;
CREATE TABLE raters (
    rater INTEGER PRIMARY KEY,
    token_sha256 BLOB UNIQUE,
    consented_at TEXT,
    nonce TEXT
) STRICT;
CREATE TABLE answers (
    rater INTEGER NOT NULL REFERENCES raters,
    position INTEGER NOT NULL,
    question TEXT NOT NULL,
    answer TEXT NOT NULL,
    seconds REAL,
    window_width INTEGER,
    window_height INTEGER,
    answered_at TEXT NOT NULL,
    nonce TEXT,
    PRIMARY KEY (rater, position)
) STRICT, WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Shown:
    """The question that a rater sees now: its position, and the secret that an answer to it must carry."""

    position: int
    nonce: str


class Refused(Exception):
    """An answer that does not belong to the question shown to this rater; nothing was changed."""


class NotSaved(Exception):
    """The answer could not be written, for example because the disk is full; nothing was changed."""


@dataclass
class _Submission:
    """An answer that waits to be written, and then what became of it."""

    given: Answer
    nonce: str
    outcome: Shown | Exception | None = None


class AnswerStore:
    """The answers of a study, open for reading and writing by several threads. Use as a context manager.

    Args:
        folder: the study; its answers.db is created if missing.

    Raises:
        UserError: answers.db is damaged, belongs to another design, or cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME
        design = design_sha256(folder)
        self._lock, self._reading = threading.Lock(), threading.Lock()
        self._submissions: deque[_Submission] = deque()
        self._connection = self._connect()
        self._reader = self._connect()  # reading need not wait until an answer is on the disk
        try:
            with one_line_errors(self.path):
                self._prepare(design)
        except BaseException:
            self.close()
            raise

    def _connect(self) -> sqlite3.Connection:
        with one_line_errors(self.path):
            return sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)

    def _prepare(self, design: str) -> None:
        run = self._connection.execute
        if run("SELECT 1 FROM sqlite_schema").fetchone():
            check_answers(self._connection, self.path, design)
        # WAL needs a file system with shared memory; where there is none, SQLite keeps another mode without an error.
        if run("PRAGMA journal_mode=WAL").fetchone()[0] != "wal":
            raise UserError(f"{self.path} cannot be written safely on this file system: move the study to a local disk")
        run("PRAGMA synchronous=FULL")
        run("PRAGMA foreign_keys=ON")
        with self._transaction():
            if not run("SELECT 1 FROM sqlite_schema").fetchone():
                for statement in _TABLES.split(";\n"):
                    run(statement)
                run("INSERT INTO study VALUES (?, ?)", (design, VERSION))

    def __enter__(self) -> AnswerStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file."""
        with self._lock, self._reading:
            self._reader.close()
            self._connection.close()

    def add_raters(self, token_hashes: Sequence[bytes]) -> None:
        """Adds raters 0, 1, …, one for each hash of a link's token; those that exist keep theirs."""
        rows = list(enumerate(token_hashes))
        with self._lock, one_line_errors(self.path), self._transaction():
            # Raters whose answers were imported are there already, without a link.
            self._connection.executemany(
                "INSERT INTO raters (rater, token_sha256) VALUES (?, ?) "
                "ON CONFLICT (rater) DO UPDATE SET token_sha256 = coalesce(token_sha256, excluded.token_sha256)",
                rows,
            )

    def raters(self) -> dict[bytes, int]:
        """The rater of each token hash."""
        rows = self._query("SELECT token_sha256, rater FROM raters WHERE token_sha256 IS NOT NULL")
        return {bytes(token): rater for token, rater in rows}

    def has_consented(self, rater: int) -> bool:
        """Whether the rater has accepted the consent text."""
        return bool(self._query("SELECT 1 FROM raters WHERE rater = ? AND consented_at IS NOT NULL", rater))

    def consent(self, rater: int) -> None:
        """Notes that the rater has accepted the consent text; a second time changes nothing.

        Raises:
            NotSaved: it could not be written.
        """
        with self._writing():
            self._connection.execute(
                "UPDATE raters SET consented_at = ? WHERE rater = ? AND consented_at IS NULL", (_now(), rater)
            )

    def position(self, rater: int) -> int:
        """Index of the question that the rater answers next."""
        with self._reading:
            return _position(self._reader, rater)

    def show(self, rater: int) -> Shown:
        """The rater's current question. Its nonce stays the same until the question is answered.

        Raises:
            NotSaved: a new nonce could not be written.
        """
        with self._lock:
            position, nonce = _position(self._connection, rater), _nonce(self._connection, rater)
        if nonce is None:
            nonce = _new_nonce()
            with self._writing():
                self._connection.execute("UPDATE raters SET nonce = coalesce(nonce, ?) WHERE rater = ?", (nonce, rater))
                position, nonce = _position(self._connection, rater), _nonce(self._connection, rater) or nonce
        return Shown(position, nonce)

    def answer(self, given: Answer, nonce: str) -> Shown:
        """Writes an answer to the disk and returns what the rater sees next.

        The same answer sent again changes nothing and returns what the rater sees now.

        Raises:
            Refused: the question is not the one shown, the nonce is not its nonce, or it has another answer already.
            NotSaved: the answer could not be written.
        """
        submission = _Submission(given, nonce)
        self._submissions.append(submission)
        with self._lock:
            if submission.outcome is None:  # otherwise another thread has written it together with its own
                self._write_submissions()
        if isinstance(submission.outcome, Shown):
            return submission.outcome
        raise submission.outcome or RuntimeError("the answer was neither written nor refused")

    def _write_submissions(self) -> None:
        """Writes all answers that wait, in one transaction. The caller holds the lock."""
        batch = [self._submissions.popleft() for _ in range(len(self._submissions))]
        outcomes: list[Shown | Exception]
        try:
            with self._transaction():
                outcomes = [self._write(one.given, one.nonce) for one in batch]
        except Exception as error:
            outcomes = [NotSaved(str(error)) if isinstance(error, sqlite3.OperationalError) else error] * len(batch)
        for one, outcome in zip(batch, outcomes, strict=True):
            one.outcome = outcome

    def _write(self, given: Answer, nonce: str) -> Shown | Refused:
        """Writes an answer to the question that the rater sees, within a transaction."""
        position, expected = _position(self._connection, given.rater), _nonce(self._connection, given.rater)
        if given.position == position and expected is not None and secrets.compare_digest(nonce, expected):
            expected = _new_nonce()
            self._insert([given], nonce)
            self._connection.execute("UPDATE raters SET nonce = ? WHERE rater = ?", (expected, given.rater))
            return Shown(position + 1, expected)
        before = self._connection.execute(
            "SELECT answer, nonce FROM answers WHERE rater = ? AND position = ?", (given.rater, given.position)
        ).fetchone()
        if before != (given.answer, nonce) or expected is None:
            return Refused()
        return Shown(position, expected)

    def add(self, answers: Iterable[Answer]) -> None:
        """Adds answers that were collected elsewhere: all of them or none.

        Raises:
            UserError: a question has been answered already, or the answers could not be written.
        """
        answers = list(answers)
        try:
            with self._writing():
                raters = sorted({(answer.rater,) for answer in answers})
                self._connection.executemany("INSERT OR IGNORE INTO raters (rater) VALUES (?)", raters)
                self._insert(answers, None)
        except sqlite3.IntegrityError as error:
            raise UserError(f"{self.path} already has answers to these questions; nothing was added") from error
        except NotSaved as error:
            raise UserError(f"cannot write {self.path}: {error}; nothing was added") from error

    def _insert(self, answers: Sequence[Answer], nonce: str | None) -> None:
        self._connection.executemany(
            "INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    a.rater,
                    a.position,
                    a.question,
                    a.answer,
                    a.seconds,
                    *(a.window or (None, None)),
                    a.answered_at,
                    nonce,
                )
                for a in answers
            ],
        )

    def _query(self, statement: str, *values: object) -> list[tuple]:  # type: ignore[type-arg]
        with self._reading:
            return self._reader.execute(statement, values).fetchall()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """A transaction whose failure to write is a `NotSaved`."""
        with self._lock:
            try:
                with self._transaction():
                    yield
            except sqlite3.OperationalError as error:
                raise NotSaved(str(error)) from error

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:  # a full disk may have ended it already
                self._connection.execute("ROLLBACK")
            raise


def _position(connection: sqlite3.Connection, rater: int) -> int:
    row = connection.execute("SELECT max(position) FROM answers WHERE rater = ?", (rater,)).fetchone()
    return 0 if row[0] is None else int(row[0]) + 1


def _nonce(connection: sqlite3.Connection, rater: int) -> str | None:
    row = connection.execute("SELECT nonce FROM raters WHERE rater = ?", (rater,)).fetchone()
    return None if row is None else row[0]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _new_nonce() -> str:
    return secrets.token_urlsafe(16)
