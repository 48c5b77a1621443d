"""What a check found: a row of the selftest's table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Verdict = Literal["ok", "FAILED", "skipped"]

ONLY_CUDA = "only a CUDA device can show it"
_HEADINGS = ("check", "result", "figure", "verdict")


@dataclass(frozen=True)
class CheckResult:
    """One row.

    Attributes:
        check: what is checked.
        result: what was found, in words.
        figure: the number it stands on, with the most or least that it may be.
        verdict: skipped where this machine cannot show it.
        values: the same numbers for a program, by name.
    """

    check: str
    result: str
    figure: str
    verdict: Verdict
    values: Mapping[str, float] = field(default_factory=dict)

    def facts(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "check": self.check,
            "result": self.result,
            "figure": self.figure,
            "verdict": self.verdict,
            "values": dict(self.values),
        }


def at_most(check: str, result: str, found: float, limit: float, **values: float) -> CheckResult:
    """The row of a difference that may be `limit` at most; one that is no number fails too."""
    figure = f"{found:.1e} (at most {limit:.0e})"
    verdict: Verdict = "ok" if found <= limit else "FAILED"
    return CheckResult(check, result, figure, verdict, {"found": found, "limit": limit} | values)


def skipped(check: str, why: str) -> CheckResult:
    """The row of what this machine cannot show."""
    return CheckResult(check, why, "", "skipped")


def table(rows: Sequence[CheckResult]) -> str:
    """All rows in aligned columns, under their headings."""
    cells = [_HEADINGS, *((row.check, row.result, row.figure, row.verdict) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_HEADINGS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])
