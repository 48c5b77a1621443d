"""The result of `search_quality.py` as text and as the tables of the documentation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from benchmarks.searches_compared import COMPLETED, RETURNED


def lines(facts: Mapping[str, Any]) -> str:
    """The result as text."""
    shown = [
        f"{facts['seeds']} seeds, {facts['workers']} workers, {facts['budget']} steps a search, {facts['steps']} a "
        f"complete trial, none pruned before {facts['first_step']}; {facts['seconds']:.0f} s",
        "",
        f"median regret after {', '.join(map(str, facts['milestones']))} steps; last: of the best complete trial",
    ]
    for name, searches in facts["functions"].items():
        for search, found in searches.items():
            regrets = "  ".join(f"{value:9.4g}" for value in [*found[RETURNED], found[COMPLETED][-1]])
            shown.append(f"{name:20} {search:14} {regrets}   {found['trials']:6.1f} trials")
    heading = ""
    for row in facts["comparisons"]:
        rule, step = row["rule"], row["step"]
        title = f"{facts['search']} - peer after {step} steps, incumbent as {rule}: median, 95% interval, ratio of "
        title += "medians, wins:losses, p, Holm's p"
        if title != heading:
            shown += ["", title]
            heading = title
        low, high = row["interval"] or (-math.inf, math.inf)
        shown.append(
            f"{row['function']:20} {row['peer']:14} {row['median']:9.3g} [{low:9.3g}, {high:9.3g}]  "
            f"{row['ratio']:8.3g}  {row['wins']:2}:{row['losses']:<2}  {row['p']:.4f}  {row['p_holm']:.4f}  "
            f"{row['verdict']}"
        )
    return "\n".join(shown)


def markdown(facts: Mapping[str, Any]) -> str:
    """Tables of what is returned, one for each milestone that is compared."""
    peers = list(dict.fromkeys(row["peer"] for row in facts["comparisons"]))
    rows = {(row["step"], row["function"], row["peer"]): row for row in facts["comparisons"] if row["rule"] == RETURNED}
    shown: list[str] = []
    for step in dict.fromkeys(row["step"] for row in rows.values()):
        at = list(facts["milestones"]).index(step)
        head = ["function", facts["search"], *(text for peer in peers for text in (peer, "ratio, wins, p"))]
        shown += ["", f"After {step} steps ({step / facts['steps']:g} full trials):", ""]
        shown += [_row(head), _row(["---"] * len(head))]
        for name, searches in facts["functions"].items():
            cells = [name, _number(searches[facts["search"]][RETURNED][at])]
            for peer in peers:
                cells += [_number(searches[peer][RETURNED][at]), _compared(rows[step, name, peer], facts["seeds"])]
            shown.append(_row(cells))
    return "\n".join(shown[1:])


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _compared(row: Mapping[str, Any], seeds: int) -> str:
    p = "p < 0.0001" if row["p_holm"] < 0.0001 else f"p {row['p_holm']:.2g}"
    mark = {"better": " **better**", "worse": " **worse**"}.get(row["verdict"], "")
    return f"{_number(row['ratio'])}, {row['wins']} of {seeds}, {p}{mark}"


def _number(value: float) -> str:
    return f"{value:.2g}" if abs(value) < 100 else f"{value:.0f}"
