"""What a search prints where nobody watches it: few lines, and none of the libraries' own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tuning.killing import STUDY, Search, pictured

pytestmark = pytest.mark.filterwarnings("default")  # MLflow's own
TRIALS = 8
WORK = ("making the ", "training the ")  # first use of a data set tells how far it is: on a slow machine more often


def once(lines: list[str]) -> list[str]:
    """The lines, of those on one piece of work the last one only."""
    following = [*lines[1:], ""]
    return [
        line
        for line, after in zip(lines, following, strict=True)
        if not line.startswith(WORK) or line.split(":")[0] != after.split(":")[0]
    ]


@pytest.mark.slow
def test_a_search_without_a_terminal_prints_little(tmp_path: Path) -> None:
    search = Search(tmp_path, TRIALS, 20, 10)
    assert search.end(search.start()) == 0, search.printed()
    lines = once(search.printed().splitlines())
    assert len(lines) <= 30, search.printed()
    table = next(number for number, line in enumerate(lines) if line.startswith(f"{STUDY}: natops, origin=procedural"))
    for key, trial in search.look().trials.items():
        told = [line for line in lines[:table] if key in line]
        assert 1 <= len(told) <= 2, search.printed()
        assert any(f"{key} {trial.state}" in line for line in told)
    assert pictured(search) == set(search.look().trials)  # whether complete or pruned
