"""Rows of a record about toy trials."""

from __future__ import annotations

from amc.config import Config
from analysis.record.rows import StudyRow, TrialRow


def study_row(base: Config, name: str = "toy") -> StudyRow:
    data = {"name": "toy", "origin": "procedural", "fingerprint": "f" * 64}
    return StudyRow(name, "", "search", "smoke", 0, data, base.to_dict(), {}, {"trials": 4}, {"toy": "1"}, 0.0)


def trial_row(base: Config, number: int = 0, **changes: object) -> TrialRow:
    values: dict[str, object] = {
        "study": "toy",
        "key": f"trial-{number:04d}",
        "role": "trial",
        "number": number,
        "parent": None,
        "state": "WAITING",
        "params": {"weights.gan": 1.0 + number},
        "config": base.to_dict(),
        "seed": number,
        "budget": 20,
    }
    return TrialRow(**(values | changes))  # type: ignore[arg-type]
