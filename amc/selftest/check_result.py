"""Results of the selftest's checks, and their table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Verdict = Literal["ok", "FAILED", "skipped"]

ONLY_CUDA = "needs a CUDA device"
_HEADINGS = ("check", "result", "figure", "verdict")


@dataclass(frozen=True)
class CheckResult:
    """The result of one check: a row of the table.

    Attributes:
        check: what is checked.
        result: the result in words.
        figure: the number that decides, with its limit.
        verdict: "skipped" if the check cannot run on this machine.
        values: all numbers by name, for JSON.
    """

    check: str
    result: str
    figure: str
    verdict: Verdict
    values: Mapping[str, float] = field(default_factory=dict)

    def facts(self) -> dict[str, Any]:
        """The result as JSON values."""
        return {
            "check": self.check,
            "result": self.result,
            "figure": self.figure,
            "verdict": self.verdict,
            "values": dict(self.values),
        }


def at_most(check: str, result: str, found: float, limit: float, **values: float) -> CheckResult:
    """The result for a difference that must not exceed `limit`; NaN fails."""
    figure = f"{found:.1e} (at most {limit:.0e})"
    verdict: Verdict = "ok" if found <= limit else "FAILED"
    return CheckResult(check, result, figure, verdict, {"found": found, "limit": limit} | values)


def skipped(check: str, why: str) -> CheckResult:
    """The result of a check that cannot run on this machine."""
    return CheckResult(check, why, "", "skipped")


def table(rows: Sequence[CheckResult]) -> str:
    """All results in aligned columns with headings."""
    cells = [_HEADINGS, *((row.check, row.result, row.figure, row.verdict) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_HEADINGS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])
