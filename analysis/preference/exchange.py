"""Answers as CSV, one row an answer, for crowd platforms and other programs."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from amc.atomic import atomic_write
from amc.errors import UserError
from analysis.preference.answers import Answer
from analysis.preference.design import Design, Question
from analysis.preference.results import check_answers

COLUMNS = ("rater", "position", "question", "answer", "seconds", "window_width", "window_height", "answered_at")
NEEDED = COLUMNS[:4]
EXPLAINED = ("kind", "role", "label_shown", "left", "right", "chosen")


def write_csv(design: Design, answers: Sequence[Answer], path: Path) -> None:
    """Writes the answers, with what each question showed in further columns, which reading ignores.

    Raises:
        UserError: an answer does not belong to the design, or the file cannot be written.
    """
    asked = check_answers(design, answers)
    names = {clip: source.name for source in design.sources for clip in source.clips}
    names |= dict.fromkeys((*design.catch.broken, design.training[1]), "broken") | {design.training[0]: "truth"}
    try:
        with atomic_write(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS + EXPLAINED)
            for one in answers:
                width, height = one.window or ("", "")
                row = [one.rater, one.position, one.question, one.answer]
                row += ["" if one.seconds is None else one.seconds, width, height, one.answered_at]
                writer.writerow(row + _explained(asked[one.rater][one.position], one.answer, names))
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error


def _explained(question: Question, answer: str, names: dict[str, str]) -> list[str]:
    left, right = names[question.left], "" if question.right is None else names[question.right]
    chosen = {"left": left, "right": right}.get(answer, answer) if question.kind == "pair" else answer
    return [question.kind, question.role, question.label or "", left, right, chosen]


def read_csv(design: Design, path: Path) -> list[Answer]:
    """Reads answers.

    The columns rater, position, question and answer are needed. The others of `COLUMNS` may be missing or empty, and
    any further column is ignored.

    Raises:
        UserError: the file cannot be read, a value is wrong, or an answer does not belong to the design; the message
            names the row.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            if missing := [name for name in NEEDED if name not in (reader.fieldnames or ())]:
                raise UserError(f"{path} lacks the column {missing[0]!r}: it needs {', '.join(NEEDED)}")
            answers = [_answer(row, f"{path}, line {reader.line_num}") for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
    seen: set[tuple[int, int]] = set()
    for one in answers:
        if (one.rater, one.position) in seen:
            raise UserError(f"{path}: two answers of rater {one.rater} at position {one.position}")
        seen.add((one.rater, one.position))
    check_answers(design, answers)
    return answers


def _answer(row: dict[str, str], where: str) -> Answer:
    try:
        rater, position = int(row["rater"]), int(row["position"])
        seconds = float(row["seconds"]) if row.get("seconds") else None
        window = (int(row["window_width"]), int(row["window_height"])) if row.get("window_width") else None
        answered_at = row.get("answered_at") or datetime.now(UTC).isoformat(timespec="seconds")
        datetime.fromisoformat(answered_at)
    except (ValueError, TypeError, KeyError) as error:
        raise UserError(f"{where}: {error}") from error
    if rater < 0 or (seconds is not None and not 0 <= seconds < float("inf")):
        raise UserError(f"{where}: rater and seconds must be 0 or more")
    return Answer(rater, position, row["question"], row["answer"], seconds, window, answered_at)
