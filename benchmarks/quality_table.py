"""The result of `search_quality.py` as text and as the tables of the documentation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
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
    """Tables of what is returned, one for each milestone that is compared.

    A cell has the peer's median regret, the ratio of the medians (below 1 the search's own is smaller), the seeds on
    which the search has the smaller and the larger regret, and p after Holm's correction.
    """
    peers = list(dict.fromkeys(row["peer"] for row in facts["comparisons"]))
    rows = {(row["step"], row["function"], row["peer"]): row for row in facts["comparisons"] if row["rule"] == RETURNED}
    shown: list[str] = []
    for step in dict.fromkeys(row["step"] for row in rows.values()):
        at = list(facts["milestones"]).index(step)
        shown += ["", f"After {step} steps ({step / facts['steps']:g} full trials), seeds {_seeds(facts)}:", ""]
        shown += [_row(["function", facts["search"], *peers]), _row(["---"] * (2 + len(peers)))]
        for name, searches in facts["functions"].items():
            cells = [f"{_number(searches[peer][RETURNED][at])}; {_compared(rows[step, name, peer])}" for peer in peers]
            shown.append(_row([name, _number(searches[facts["search"]][RETURNED][at]), *cells]))
        counted = [
            _counts([row for (when, _, which), row in rows.items() if (when, which) == (step, peer)]) for peer in peers
        ]
        shown.append(_row(["all", "", *counted]))
    return "\n".join(shown[1:])


def _seeds(facts: Mapping[str, Any]) -> str:
    return f"{facts['from_seed']} to {facts['from_seed'] + facts['seeds'] - 1}"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _compared(row: Mapping[str, Any]) -> str:
    p = "p < 0.0001" if row["p_holm"] < 0.0001 else f"p {row['p_holm']:.2g}"
    mark = {"better": " **better**", "worse": " **worse**"}.get(row["verdict"], "")
    return f"{_number(row['ratio'])}; {row['wins']} : {row['losses']}, {p}{mark}"


def _counts(rows: Sequence[Mapping[str, Any]]) -> str:
    """On how many functions the median is lower, and the difference significant."""
    lower, tenth = (sum(row["ratio"] < 1 for row in rows), sum(row["ratio"] <= 0.1 for row in rows))
    better, worse = (sum(row["verdict"] == verdict for row in rows) for verdict in ("better", "worse"))
    return f"lower on {lower} of {len(rows)}, at most a tenth on {tenth}; {better} better, {worse} worse"


def _number(value: float) -> str:
    if math.isnan(value):  # the ratio of two regrets of 0
        return "-"
    return f"{value:.2g}" if abs(value) < 100 else f"{value:.0f}"
