from __future__ import annotations

import math

import pytest

from amc.selftest.check_result import CheckResult, at_most, skipped, table


@pytest.mark.parametrize(
    ("found", "verdict"), [(0.0, "ok"), (1e-8, "ok"), (1.1e-8, "FAILED"), (math.inf, "FAILED"), (math.nan, "FAILED")]
)
def test_a_difference_has_a_limit(found: float, verdict: str) -> None:
    row = at_most("literal step", "small", found, 1e-8, seconds=2.0)
    assert row.verdict == verdict
    assert row.figure.endswith("(at most 1e-08)")
    assert row.values["limit"] == 1e-8
    assert row.values["seconds"] == 2.0


def test_the_table_is_aligned_under_its_headings() -> None:
    rows = [CheckResult("a", "found this and that", "1.0", "ok"), skipped("a longer check", "no device")]
    heading, rule, *lines = table(rows).splitlines()
    assert heading.split() == ["check", "result", "figure", "verdict"]
    assert set(rule) == {"-"}
    for name in ("result", "verdict"):
        at = heading.index(name)
        assert all(line[at - 1] == " " and line[at] != " " for line in lines)
    assert [line.split()[-1] for line in lines] == ["ok", "skipped"]


def test_facts_are_for_json() -> None:
    assert at_most("a", "b", 1.0, 2.0).facts() == {
        "check": "a",
        "result": "b",
        "figure": "1.0e+00 (at most 2e+00)",
        "verdict": "ok",
        "values": {"found": 1.0, "limit": 2.0},
    }
