"""Section on the cost of a study and its failed trials."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from analysis.record.rows import StudyRow, TrialRow
from analysis.record.states import FAILED
from analysis.report.formatting import NONE, clock, number, without_folders
from analysis.report.page import HtmlTable, Section
from analysis.scores.study_scores import entry_word
from analysis.tables.layout.cells import plural

REASON = 300  # most characters of the reason of a failure


def cost_section(row: StudyRow, trials: Sequence[TrialRow]) -> Section:
    """Returns times, devices, attempts, and every failed trial with its reason."""
    seconds = sum(trial.seconds for trial in trials)
    terms = [
        ("Trials", _states(trials)),
        ("Time in trials", f"{clock(seconds)}, including all attempts"),
        ("Devices", _devices(row, seconds)),
        ("From first start to last end", _span(trials)),
        ("Attempts", _attempts(trials)),
    ]
    machine = row.settings.get("machine", {})
    if machine:
        terms.append(("Machine", f"{machine.get('device', 'unknown')}, {plural(machine.get('cores', 0), 'core')}"))
    failed = [trial for trial in trials if trial.state == FAILED]
    titles = {arm["arm"]: arm["title"] for arm in row.settings.get("arms", ())}
    grids = [_groups(trials, titles, entry_word(row))] if trials else []
    if failed:
        rows = tuple(
            (trial.key, str(trial.attempts), f"{trial.step} of {trial.budget}", _short(trial.reason))
            for trial in failed
        )
        head = ("trial", "attempts", "steps", "reason")
        grids.append(HtmlTable(head, rows, "Failed trials; their results are not used.", frozenset({0, 3})))
    return Section("cost", "Cost", grids=tuple(grids), terms=tuple(terms))


def _states(trials: Sequence[TrialRow]) -> str:
    counts = Counter(trial.state for trial in trials)
    return ", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "none"


def _devices(row: StudyRow, seconds: float) -> str:
    cpus, gpus = row.settings.get("cpus_per_trial", 1), row.settings.get("gpus_per_trial", 0)
    text = f"{number(seconds * cpus / 3600, '.2f')} core hours at {plural(cpus, 'core')} per trial"
    if gpus:
        text += f", {number(seconds * gpus / 3600, '.2f')} GPU hours at {gpus:g} GPUs per trial"
    return f"{text}; up to {plural(row.settings.get('workers', 1), 'trial')} at once"


def _span(trials: Sequence[TrialRow]) -> str:
    starts = [trial.started for trial in trials if trial.started is not None]
    ends = [trial.ended for trial in trials if trial.ended is not None]
    if not starts or not ends:
        return NONE
    return f"{clock(max(0.0, max(ends) - min(starts)))}, including pauses between sessions"


def _attempts(trials: Sequence[TrialRow]) -> str:
    again = [trial for trial in trials if trial.attempts > 1]
    text = f"{sum(trial.attempts for trial in trials)}"
    return (
        f"{text}; {plural(len(again), 'trial')} resumed after an interruption" if again else f"{text}; no interruptions"
    )


def _groups(trials: Sequence[TrialRow], titles: Mapping[str, str], entry: str) -> HtmlTable:
    """One row per arm, or per role if there are no arms."""
    groups: dict[str, list[TrialRow]] = {}
    for trial in trials:
        arm = str(trial.params.get("arm", trial.role))
        groups.setdefault(titles.get(arm, arm), []).append(trial)
    rows = []
    for name, members in groups.items():
        begun = [trial.seconds for trial in members if trial.seconds > 0]
        steps = sum(trial.step for trial in members)
        mean = clock(sum(begun) / len(begun)) if begun else NONE
        pace = number(sum(begun) / steps, ".3f") if steps else NONE
        rows.append((name, str(len(members)), str(steps), clock(sum(begun)), mean, pace))
    head = (f"{entry} or role", "trials", "steps", "time", "time per trial", "seconds per step")
    return HtmlTable(
        head, tuple(rows), f"Time by {entry} or role. Trials that run at the same time slow each other down."
    )


def _short(reason: str) -> str:
    text = without_folders(" ".join(reason.split()))
    return text if len(text) <= REASON else f"{text[:REASON]}\N{HORIZONTAL ELLIPSIS}"
