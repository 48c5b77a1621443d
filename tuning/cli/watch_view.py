"""The live view of a study for a terminal of any size, made with rich."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.table import Table
from rich.text import Text

from amc.dotted_fields import flattened
from analysis.record.rows import Score, TrialRow
from analysis.record.states import COMPLETE, FAILED, PRUNED, RUNNING, WAITING
from tuning.cli.watched_study import WatchedStudy
from tuning.engine.steering import command_line
from tuning.engine.summary import changed_params
from tuning.search.objectives import NAMES

COMMANDS = 3  # the last ones that are shown
BLOCKS, ASCII_BLOCKS = "▁▂▃▄▅▆▇█", "_.:-=+*#"
_WIDE = 120  # columns, from which curves are longer
_STYLES = {RUNNING: "cyan", WAITING: "yellow", COMPLETE: "green", PRUNED: "dim", FAILED: "red"}


class StudyView:
    """A snapshot that fits itself into the terminal."""

    def __init__(self, snapshot: WatchedStudy, problem: str = "") -> None:
        self.snapshot, self.problem = snapshot, problem

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yields the lines above the table, the table, and the lines below it."""
        shown = self.snapshot
        row = shown.study
        head = [
            f"{row.name}: {row.dataset.get('name')} ({row.dataset.get('origin')}), {row.preset}; {shown.status()}",
            shown.counts(),
            shown.best_text(),
            shown.progress(),
        ]
        foot = [command_line(command) for command in shown.commands[-COMMANDS:]]
        foot += [self.problem] if self.problem else []
        foot += ["Ctrl-C ends this view; the study continues"] if shown.running else []
        trials = shown.ordered()
        height = options.height or console.height
        room = max(1, height - len(head) - len(foot) - 2)  # the table's titles, and a line of dots
        table = self._table(trials[:room], options)
        left = len(trials) - room
        dots = [f"… and {left} more; see python -m tuning status {row.name}"] if left > 0 else []
        yield Group(*map(_line, head), table, *map(_line, [*dots, *foot]))

    def _table(self, trials: Sequence[TrialRow], options: ConsoleOptions) -> Table:
        wide = options.max_width >= _WIDE
        names = list(self.snapshot.study.goal["objectives"])
        table = Table(box=None, pad_edge=False, expand=True, show_edge=False)
        table.add_column("trial", no_wrap=True)
        table.add_column("state", no_wrap=True, min_width=8)
        table.add_column("steps", no_wrap=True, justify="right", overflow="ellipsis")
        for name in names:
            table.add_column(
                name, no_wrap=True, justify="right", overflow="ellipsis", max_width=max(6, 24 // len(names))
            )
        table.add_column("curve", no_wrap=True, overflow="crop", min_width=8)
        table.add_column("", no_wrap=True, overflow="ellipsis", ratio=1)
        blocks = ASCII_BLOCKS if options.ascii_only else BLOCKS
        curves = {key: first_objective_curve(curve) for key, curve in self.snapshot.curves.items()}
        bounds = value_range(curves.values())
        base = dict(flattened(self.snapshot.study.config))
        for trial in trials:
            changed = changed_params(trial.params, base) if wide and trial.params else ""
            notes = [self.snapshot.note(trial), changed]
            values = {NAMES.get(metric, metric): value for metric, value in trial.values.items()}
            values = values or {names[0]: trial.value}
            table.add_row(
                shortened(printable(trial.key), 40 if wide else 18),
                Text(trial.state, _STYLES.get(trial.state, "")),
                f"{trial.step}/{trial.budget}",
                *("" if values.get(name) is None else f"{100 * (values[name] or 0.0):.1f}" for name in names),
                sparkline(curves.get(trial.key, {}), trial.budget, 40 if wide else 12, bounds, blocks),
                Text(printable("; ".join(filter(None, notes)))),
            )
        return table


def first_objective_curve(curve: Mapping[int, Score]) -> dict[int, float]:
    """{step: first objective} of the reports that have one."""
    return {step: score.values[0] for step, score in curve.items() if math.isfinite(score.values[0])}


def value_range(curves: Iterable[Mapping[int, float]]) -> tuple[float, float]:
    """The least and the largest value of all curves, so that their sparklines can be compared."""
    values = [value for curve in curves for value in curve.values()]
    return (min(values), max(values)) if values else (0.0, 1.0)


def sparkline(
    curve: Mapping[int, float], budget: int, width: int, bounds: tuple[float, float], blocks: str = BLOCKS
) -> str:
    """A curve as `width` letters over the steps 0 to `budget`; blank after its last report.

    Args:
        curve: {step: value}.
        budget: steps of the complete run.
        width: number of letters.
        bounds: the values shown by the lowest and the highest block.
        blocks: letters of ascending height.
    """
    low, high = bounds
    shown = ""
    for column in range(width):
        until = budget * (column + 1) / width
        known = [step for step in curve if step <= until]
        if not known or (column and max(curve) <= budget * column / width):
            shown += " "
            continue
        height = (curve[max(known)] - low) / (high - low) if high > low else 1.0
        shown += blocks[min(len(blocks) - 1, int(height * len(blocks)))]
    return shown


def shortened(text: str, width: int) -> str:
    """The text without its middle if it is longer than `width`; the seed of an arm is at its end."""
    head = (width - 1) // 2
    return text if len(text) <= width else f"{text[:head]}…{text[head + 1 - width :]}"


def printable(text: str) -> str:
    """The text without line breaks and control characters, which could change a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _line(text: str) -> Text:
    return Text(printable(text), no_wrap=True, overflow="ellipsis")
