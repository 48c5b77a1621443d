"""Reads and writes `segmentation.txt` of NATOPS: which frames of a video contain which repetition of its gesture.

    // Subject 1
    1,1,20
    1:12,58
    2:71,115

A line `subject,gesture,n` starts the entry of one video. The meaning of n is not documented, so it is not used. The
lines `repetition:start,end` below it give frames, counted from 1, both included. Text after `//` is a comment. A
comment "Subject N" is compared with the entries below it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path

from amc.errors import UserError
from amc.importing.problems import Problems

GESTURES = 24
REPETITIONS = 20  # per gesture and subject in NATOPS
MOST_SUBJECTS = 99  # file names of videos have two digits
MOST_REPETITIONS = 999
_LARGEST = 64 * 2**20  # bytes; the real file has about 150 kB

_ENTRY = re.compile(r"([0-9]{1,9})\s*,\s*([0-9]{1,9})\s*,\s*([0-9]{1,9})")
_REPETITION = re.compile(r"([0-9]{1,9})\s*:\s*([0-9]{1,9})\s*,\s*([0-9]{1,9})")
_SUBJECT = re.compile(r"\s*subject\s*([0-9]{1,9})\b.*", re.IGNORECASE)


@dataclass(frozen=True, order=True)
class Segment:
    """One repetition of a gesture: frames `start` to `end` of its video, counted from 1, both included."""

    subject: int
    gesture: int  # 1 to 24
    repetition: int  # at least 1
    start: int
    end: int

    @property
    def frames(self) -> int:
        """Number of frames."""
        return self.end - self.start + 1


def read_segmentation(path: Path, problems: Problems, *, repetitions: int | None = REPETITIONS) -> tuple[Segment, ...]:
    """Like `parse_segmentation`, for a file.

    Raises:
        UserError: the file cannot be read or contains no segment.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(_LARGEST + 1)
    except OSError as error:
        raise UserError(f"{path}: cannot read the segmentation: {error.strerror or error}") from error
    if len(content) > _LARGEST:
        raise UserError(f"{path}: too large for a segmentation.txt; use the one from the archive")
    text = content.decode("utf-8-sig", errors="replace")
    parsing = Problems()
    segments = parse_segmentation(text, parsing, name=path.name, repetitions=repetitions)
    if not segments:
        details = f"; {parsing.sample()}" if parsing.found else ""
        raise UserError(f"{path}: no segment found; expected lines subject,gesture,n and repetition:start,end{details}")
    problems.found += parsing.found
    return segments


def parse_segmentation(
    text: str, problems: Problems, *, name: str = "segmentation.txt", repetitions: int | None = REPETITIONS
) -> tuple[Segment, ...]:
    """Parses the segments of a text; returns them sorted by subject, gesture and repetition.

    Every problem is reported with its line. Left out are invalid lines, contradictory lines of the same subject,
    gesture and repetition, and the lines below an invalid start of an entry. Reported but kept are overlapping
    segments, missing repetitions, and entries under another subject's comment.

    Args:
        text: content of the file; lines end in LF, CR LF or CR.
        problems: problems are added here.
        name: file name for the problems.
        repetitions: expected number per entry; None for any number, counted from 1 without gaps.
    """
    parser = _Parser(problems, name)
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
        parser.line(number, line)
    return parser.finish(repetitions)


def format_segmentation(segments: Iterable[Segment]) -> str:
    """Formats segments as text that `parse_segmentation` reads back; n of an entry is its number of lines.

    Raises:
        ValueError: two segments have the same subject, gesture and repetition, or a number is out of range.
    """
    ordered = sorted(segments)
    keys = [(s.subject, s.gesture, s.repetition) for s in ordered]
    if len(set(keys)) != len(keys):
        raise ValueError("two segments have the same subject, gesture and repetition")
    lines = []
    for subject, of_subject in groupby(ordered, key=lambda s: s.subject):
        lines.append(f"// Subject {subject}")
        for gesture, each in groupby(of_subject, key=lambda s: s.gesture):
            entry = list(each)
            lines.append(f"{subject},{gesture},{len(entry)}")
            lines += [f"{s.repetition}:{s.start},{s.end}" for s in entry]
    text = "".join(line + "\n" for line in lines)
    problems = Problems()
    if parse_segmentation(text, problems) != tuple(ordered):
        raise ValueError(f"segments that cannot be written: {problems.sample()}")
    return text


def write_segmentation(path: Path, segments: Iterable[Segment]) -> None:
    """Writes `format_segmentation` to a file."""
    path.write_text(format_segmentation(segments), encoding="utf-8", newline="\n")


class _Parser:
    """State of the parser. An entry is (subject, gesture); None if its first line was invalid."""

    def __init__(self, problems: Problems, name: str) -> None:
        self._problems, self._name = problems, name
        self._announced: int | None = None  # the subject in the last comment "Subject N"
        self._entry: tuple[int, int] | None = None
        self._orphans: list[int] = []  # line numbers of repetitions without an entry
        self._found: dict[tuple[int, int, int], list[tuple[int, Segment]]] = {}
        self._entries: dict[tuple[int, int], int] = {}  # line number of each entry's first start

    def line(self, number: int, text: str) -> None:
        content, _, comment = text.partition("//")
        content = content.strip()
        announced = _SUBJECT.fullmatch(comment)
        if announced and not content:
            self._announced = int(announced[1])
        if not content:
            return
        if match := _ENTRY.fullmatch(content):
            self._start_entry(number, int(match[1]), int(match[2]))
        elif match := _REPETITION.fullmatch(content):
            self._repetition(number, *map(int, match.groups()))
        elif ":" in content:
            self._skip("malformed line", number, f"{_short(content)} is not repetition:start,end")
        else:
            self._end_entry()
            self._skip("malformed line", number, f"{_short(content)} is neither subject,gesture,n nor a repetition")

    def finish(self, repetitions: int | None) -> tuple[Segment, ...]:
        self._end_entry()
        kept = [segment for key in sorted(self._found) for segment in self._resolve(key)]
        by_entry = {entry: list(each) for entry, each in groupby(kept, key=lambda s: (s.subject, s.gesture))}
        for entry in sorted(self._entries):
            self._check(entry, by_entry.get(entry, []), repetitions)
        return tuple(kept)

    def _start_entry(self, number: int, subject: int, gesture: int) -> None:
        self._end_entry()
        if not 1 <= gesture <= GESTURES or not 1 <= subject <= MOST_SUBJECTS:
            wrong = f"gesture {gesture}" if not 1 <= gesture <= GESTURES else f"subject {subject}"
            most = GESTURES if wrong.startswith("gesture") else MOST_SUBJECTS
            self._skip("unknown gesture or subject", number, f"{wrong} is not in 1 to {most}")
            return
        if self._announced not in (None, subject):
            self._note("subject differs", number, f"an entry of subject {subject} under '// Subject {self._announced}'")
        self._entry = (subject, gesture)
        self._entries.setdefault(self._entry, number)

    def _end_entry(self) -> None:
        if self._orphans:
            first, last = self._orphans[0], self._orphans[-1]
            self._problems.skip(
                "repetitions without an entry",
                f"{self._name}, lines {first}-{last}",
                f"{len(self._orphans)} repetitions whose subject and gesture are unknown",
            )
        self._orphans = []
        self._entry = None

    def _repetition(self, number: int, repetition: int, start: int, end: int) -> None:
        if self._entry is None:
            self._orphans.append(number)
        elif not 1 <= repetition <= MOST_REPETITIONS:
            self._skip("malformed line", number, f"repetition {repetition} is not in 1 to {MOST_REPETITIONS}")
        elif start < 1:
            self._skip("malformed line", number, f"frame {start}, but frames count from 1")
        elif start > end:
            self._skip("start after end", number, f"starts at frame {start} and ends at {end}")
        else:
            segment = Segment(*self._entry, repetition, start, end)
            self._found.setdefault((*self._entry, repetition), []).append((number, segment))

    def _resolve(self, key: tuple[int, int, int]) -> list[Segment]:
        """The segment of a key in a list; empty if its lines contradict each other."""
        (first, segment), *others = self._found[key]
        if not others:
            return [segment]
        lines = ", ".join(str(number) for number, _ in others)
        again = f"subject {key[0]}, gesture {key[1]}, repetition {key[2]} again"
        if all(other == segment for _, other in others):
            self._note("repeated repetition", first, f"{again} in line {lines}, identical")
            return [segment]
        self._skip("repeated repetition", first, f"{again} in line {lines} with other frames; none is used")
        return []

    def _check(self, entry: tuple[int, int], segments: list[Segment], repetitions: int | None) -> None:
        line, who = self._entries[entry], f"subject {entry[0]}, gesture {entry[1]}"
        there = {segment.repetition for segment in segments}
        missing = sorted(set(range(1, (repetitions or max(there, default=1)) + 1)) - there)
        if missing:
            self._note("missing repetition", line, f"{who}: repetition {format_ranges(missing)} is missing")
        for one, other in pairwise(sorted(segments, key=lambda s: (s.start, s.end, s.repetition))):
            if other.start <= one.end:
                self._note(
                    "overlapping segments",
                    line,
                    f"{who}: repetition {one.repetition} ends at frame {one.end}, but {other.repetition} starts at "
                    f"{other.start}",
                )

    def _skip(self, kind: str, line: int, reason: str) -> None:
        self._problems.skip(kind, f"{self._name}, line {line}", reason)

    def _note(self, kind: str, line: int, reason: str) -> None:
        self._problems.note(kind, f"{self._name}, line {line}", reason)


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "…")


def format_ranges(numbers: list[int]) -> str:
    """Formats [1, 2, 3, 7] as "1-3, 7"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    return ", ".join("-".join(map(str, run)) for run in runs)
