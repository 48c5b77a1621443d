"""`segmentation.txt`: the format, its tolerance in form and its strictness in meaning."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amc.errors import UserError
from amc.importing.natops.segmentation import (
    Segment,
    format_segmentation,
    parse_segmentation,
    read_segmentation,
    write_segmentation,
)
from amc.importing.problems import Problems

TEXT = """// Subject 1
1,1,20
1:12,58
2:71,115
1,2,20
1:5,40
// Subject 3
3,1,20
1:1,32
"""
SEGMENTS = (Segment(1, 1, 1, 12, 58), Segment(1, 1, 2, 71, 115), Segment(1, 2, 1, 5, 40), Segment(3, 1, 1, 1, 32))


def _parse(text: str, repetitions: int | None = None) -> tuple[tuple[Segment, ...], list[str]]:
    problems = Problems()
    segments = parse_segmentation(text, problems, repetitions=repetitions)
    kinds = [f"{p.kind}{'' if p.skipped else ' (kept)'}: {p}" for p in problems.found]
    return segments, kinds


def test_the_format() -> None:
    assert _parse(TEXT) == (SEGMENTS, [])
    assert SEGMENTS[0].frames == 47  # both ends included


def test_form_does_not_matter() -> None:
    odd = "\ufeff" + TEXT.replace("\n", "  \r\n\r\n").replace(",", " , ").replace(":", " : ").replace(
        "Subject", "SUBJECT"
    )
    assert _parse(odd.removeprefix("\ufeff")) == (SEGMENTS, [])
    assert _parse(TEXT.replace("\n", "\r")) == (SEGMENTS, [])
    assert _parse(TEXT.replace("1,1,20", "1,1,20 // I Have Command"))[0] == SEGMENTS


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("3:9", "malformed line: segmentation.txt, line 5: '3:9' is not repetition:start,end"),
        ("3:0,9", "malformed line: segmentation.txt, line 5: frame 0, but frames count from 1"),
        ("0:1,9", "malformed line: segmentation.txt, line 5: repetition 0 is not in 1 to 999"),
        ("3:-1,9", "malformed line: segmentation.txt, line 5: '3:-1,9' is not repetition:start,end"),
        ("3:90,80", "start after end: segmentation.txt, line 5: starts at frame 90 and ends at 80"),
        ("9" * 30 + ":1,2", f"malformed line: segmentation.txt, line 5: '{'9' * 30}:1,2' is not repetition:start,end"),
    ],
)
def test_a_bad_repetition_is_left_out_alone(line: str, kind: str) -> None:
    lines = TEXT.splitlines()
    lines.insert(4, line)
    assert _parse("\n".join(lines)) == (SEGMENTS, [kind])


def test_what_stands_under_a_bad_entry_is_nobodys() -> None:
    segments, problems = _parse(TEXT.replace("1,2,20", "1;2;20"))
    assert segments == (SEGMENTS[0], SEGMENTS[1], SEGMENTS[3])
    assert problems == [
        "malformed line: segmentation.txt, line 5: '1;2;20' is neither subject,gesture,n nor a repetition",
        "repetitions without an entry: segmentation.txt, lines 6-6: 1 repetitions whose subject "
        "and gesture are unknown",
    ]


@pytest.mark.parametrize("entry", ["1,0,20", "1,25,20", "0,2,20", "100,2,20"])
def test_gestures_and_subjects_that_there_are_not(entry: str) -> None:
    segments, problems = _parse(TEXT.replace("1,2,20", entry))
    assert segments == (SEGMENTS[0], SEGMENTS[1], SEGMENTS[3])
    assert [p.split(":")[0] for p in problems] == ["unknown gesture or subject", "repetitions without an entry"]


def test_a_contradiction_is_not_resolved_by_chance() -> None:
    segments, problems = _parse(TEXT + "1,1,20\n2:71,116\n1:12,58\n")
    assert segments == (SEGMENTS[0], SEGMENTS[2], SEGMENTS[3])
    assert problems[1:3] == [
        "repeated repetition (kept): segmentation.txt, line 3: subject 1, gesture 1, repetition 1 again in line 12, "
        "identical",
        "repeated repetition: segmentation.txt, line 4: subject 1, gesture 1, repetition 2 again in line 11 with other "
        "frames; none is used",
    ]


def test_missing_repetitions_overlaps_and_another_subjects_name_are_noted() -> None:
    _, problems = _parse("// Subject 2\n1,1,3\n1:1,30\n3:30,60\n7:61,90\n", repetitions=9)
    assert problems == [
        "subject differs (kept): segmentation.txt, line 2: an entry of subject 1 under '// Subject 2'",
        "missing repetition (kept): segmentation.txt, line 2: subject 1, gesture 1: repetition 2, 4-6, 8-9 is missing",
        "overlapping segments (kept): segmentation.txt, line 2: subject 1, gesture 1: repetition 1 ends at frame 30, "
        "but 3 starts at 30",
    ]
    assert not _parse("1,1,3\n1:1,30\n2:31,60\n")[1]


@pytest.mark.parametrize("content", [b"", b"\x00\xff\xfe" * 50, b"hello\nworld\n", b"1,1,20\n", TEXT.encode("utf-16")])
def test_what_is_no_segmentation(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "segmentation.txt"
    path.write_bytes(content)
    with pytest.raises(UserError, match="no segment found"):
        read_segmentation(path, Problems())


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot read the segmentation"):
        read_segmentation(tmp_path / "segmentation.txt", Problems())


_segments = st.lists(
    st.builds(
        lambda subject, gesture, repetition, start, more: Segment(subject, gesture, repetition, start, start + more),
        st.integers(1, 99),
        st.integers(1, 24),
        st.integers(1, 999),
        st.integers(1, 10**6),
        st.integers(0, 500),
    ),
    unique_by=lambda s: (s.subject, s.gesture, s.repetition),
    max_size=30,
)


@given(_segments)
def test_what_is_written_is_read_back(segments: list[Segment]) -> None:
    assert parse_segmentation(format_segmentation(segments), Problems()) == tuple(sorted(segments))


def test_a_file_is_written(tmp_path: Path) -> None:
    write_segmentation(tmp_path / "s.txt", reversed(SEGMENTS))
    assert (tmp_path / "s.txt").read_text() == TEXT.replace("1,1,20", "1,1,2").replace(",20\n", ",1\n")
    assert read_segmentation(tmp_path / "s.txt", Problems()) == SEGMENTS


def test_what_cannot_be_read_back_is_not_written() -> None:
    with pytest.raises(ValueError, match="two segments"):
        format_segmentation([SEGMENTS[0], Segment(1, 1, 1, 2, 3)])
    with pytest.raises(ValueError, match="cannot be written"):
        format_segmentation([Segment(1, 25, 1, 2, 3)])


@given(st.data())
def test_any_damage_is_named_or_harmless(data: st.DataObject) -> None:
    """Where a repetition is lost, something is said; nothing ever raises another error."""
    text = bytearray(TEXT.encode())
    where = data.draw(st.integers(0, len(text) - 1))
    how = data.draw(st.sampled_from(["cut", "change", "remove line"]))
    if how == "cut":
        del text[where:]
    elif how == "change":
        text[where] = data.draw(st.sampled_from(list(b"\x00\xff ,:;x/\n-")))
    else:
        lines = bytes(text).split(b"\n")
        del lines[where % (len(lines) - 1)]
        text = bytearray(b"\n".join(lines))
    found = Problems()
    segments = parse_segmentation(bytes(text).decode(errors="replace"), found)
    there = {(s.subject, s.gesture, s.repetition) for s in segments}
    if any((s.subject, s.gesture, s.repetition) not in there for s in SEGMENTS):
        assert found.lines() != _lines_of_the_whole()


def _lines_of_the_whole() -> list[str]:
    problems = Problems()
    parse_segmentation(TEXT, problems)
    return problems.lines()


@given(st.text(alphabet="0123456789,:/ \r\nSubject", max_size=200))
def test_no_text_brings_it_down(text: str) -> None:
    parse_segmentation(text, Problems())
