"""What a study cost, and which trials failed: from its trials alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from analysis.record.rows import StudyRow, TrialRow
from analysis.record.states import FAILED
from analysis.report.formatting import NONE, clock, counted, number, without_folders
from analysis.report.page import HtmlTable, Section

REASON = 300  # characters of a failure's reason that are shown


def cost_section(row: StudyRow, trials: Sequence[TrialRow]) -> Section:
    """Time, devices, attempts, and every failure with its reason."""
    seconds = sum(trial.seconds for trial in trials)
    terms = [
        ("Trials", _states(trials)),
        ("Time in trials", f"{clock(seconds)}, all attempts included"),
        ("Devices", _devices(row, seconds)),
        ("From the first start to the last end", _span(trials)),
        ("Attempts", _attempts(trials)),
    ]
    machine = row.settings.get("machine", {})
    if machine:
        terms.append(("Machine", f"{machine.get('device', 'unknown')}, {counted(machine.get('cores', 0), 'core')}"))
    failed = [trial for trial in trials if trial.state == FAILED]
    titles = {arm["arm"]: arm["title"] for arm in row.settings.get("arms", ())}
    grids = [_groups(trials, titles)] if trials else []
    if failed:
        rows = tuple(
            (trial.key, str(trial.attempts), f"{trial.step} of {trial.budget}", _short(trial.reason))
            for trial in failed
        )
        head = ("trial", "attempts", "steps", "reason")
        grids.append(HtmlTable(head, rows, "Trials that failed; none of their results is used.", frozenset({0, 3})))
    return Section("cost", "What it cost", grids=tuple(grids), terms=tuple(terms))


def _states(trials: Sequence[TrialRow]) -> str:
    counts = Counter(trial.state for trial in trials)
    return ", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "none"


def _devices(row: StudyRow, seconds: float) -> str:
    cpus, gpus = row.settings.get("cpus_per_trial", 1), row.settings.get("gpus_per_trial", 0)
    text = f"{number(seconds * cpus / 3600, '.2f')} core hours at {counted(cpus, 'core')} a trial"
    if gpus:
        text += f", {number(seconds * gpus / 3600, '.2f')} GPU hours at {gpus:g} GPUs a trial"
    return f"{text}; up to {counted(row.settings.get('workers', 1), 'trial')} at once"


def _span(trials: Sequence[TrialRow]) -> str:
    starts = [trial.started for trial in trials if trial.started is not None]
    ends = [trial.ended for trial in trials if trial.ended is not None]
    if not starts or not ends:
        return NONE
    return f"{clock(max(0.0, max(ends) - min(starts)))}, sittings and pauses between them included"


def _attempts(trials: Sequence[TrialRow]) -> str:
    again = [trial for trial in trials if trial.attempts > 1]
    text = f"{sum(trial.attempts for trial in trials)}"
    return (
        f"{text}; {counted(len(again), 'trial')} went on after an interruption"
        if again
        else f"{text}; none was interrupted"
    )


def _groups(trials: Sequence[TrialRow], titles: Mapping[str, str]) -> HtmlTable:
    """A row an arm, or a role where there are no arms."""
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
    head = ("runs of", "trials", "steps", "time", "a trial", "seconds a step")
    return HtmlTable(head, tuple(rows), "Time by arm or role; with several trials at once they slow each other down.")


def _short(reason: str) -> str:
    text = without_folders(" ".join(reason.split()))
    return text if len(text) <= REASON else f"{text[:REASON]}\N{HORIZONTAL ELLIPSIS}"
