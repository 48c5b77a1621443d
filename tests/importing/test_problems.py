"""Problems of an import and its counts, as the summary and the error line tell them."""

from __future__ import annotations

import re

import numpy as np
import pytest

from amc.errors import UserError
from amc.importing.class_counts import ClassCounts
from amc.importing.problems import Problems


def _problems() -> Problems:
    problems = Problems()
    problems.skip("unreadable video", "a.avi", "no video stream")
    problems.note("no video", "b.avi")
    problems.skip("unreadable video", "c.avi", "truncated: 3 of 9 frames")
    problems.skip("too small", "d.avi", "8x8")
    return problems


def test_all_are_counted_and_named() -> None:
    assert _problems().lines() == [
        "  problems: 2 unreadable video, 1 no video, 1 too small",
        "    a.avi: no video stream",
        "    b.avi: no video",
        "    c.avi: truncated: 3 of 9 frames",
        "    d.avi: 8x8",
    ]
    assert Problems().lines() == []


def test_classes_are_sorted_and_two_are_needed() -> None:
    assert _problems().require_classes("src", ["wave", "bow", "wave"], strict=False) == ("bow", "wave")
    with pytest.raises(
        UserError, match="src: only the class 'wave' has a usable clip, but at least two classes are needed"
    ):
        Problems().require_classes("src", ["wave", "wave"], strict=False)
    with pytest.raises(
        UserError, match=r"there is no usable clip.*a\.avi: no video stream; d\.avi: 8x8; c\.avi.*; and 1 more"
    ):
        _problems().require_classes("src", [], strict=False)


def test_strict_objects_to_what_was_left_out_only() -> None:
    with pytest.raises(UserError, match=r"a\.avi: no video stream.*without --strict, these are left out"):
        _problems().require_classes("src", ["a", "b"], strict=True)
    problems = Problems()
    problems.note("no video", "b.avi")
    assert problems.require_classes("src", ["a", "b"], strict=True) == ("a", "b")


def test_what_was_left_out_comes_first_and_each_kind_once() -> None:
    problems = Problems()
    for i in range(4):
        problems.note("uneven", f"{i}.avi", "sampled at 20 frames per second")
        problems.skip("too short", f"short{i}.avi", "3 frames")
    problems.skip("unreadable", "z.avi", "no video stream")
    expected = "short0.avi: 3 frames; z.avi: no video stream; short1.avi: 3 frames; and 2 more (without --strict"
    with pytest.raises(UserError, match=re.escape(expected)):
        problems.require_classes("src", ["a", "b"], strict=True)
    with pytest.raises(UserError, match=r"not usable: short0.avi: 3 frames; z.avi: no video stream; .* and 6 more"):
        problems.require_classes("src", [], strict=False)


def test_the_table_of_classes() -> None:
    tally = ClassCounts()
    tally.sources["wave"] = 1
    tally.add("wave", np.array([[True, True], [True, False]]))
    tally.add("wave", np.array([[True, True], [True, True]]))
    assert tally.table(["wave", "a long name of a class"], "takes") == [
        "  class                     takes   clips  valid keypoints",
        "  wave                          1       2           87.5%",
        "  a long name of a class        0       0            0.0%",
    ]
