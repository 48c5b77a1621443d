"""The view of a running study: on a terminal of a given size, and as lines elsewhere."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from amc.config import Config
from amc.errors import UserError
from analysis.record.connection.lock import study_lock
from analysis.record.rows import Score, StudyRow, TrialRow
from analysis.record.states import COMPLETE, CONFIRM, DONE, FAILED, PRUNED, RUNNING
from analysis.record.writing import RecordWriter
from tests.file_states import file_states
from tests.tuning.toy_rows import study_row, trial_row
from tuning.cli import watch, watched_study
from tuning.cli.studies import main
from tuning.cli.watch_view import BLOCKS, StudyView, shortened, sparkline
from tuning.cli.watched_study import WatchedStudy

ROOT = Path(__file__).resolve().parents[3]
ACCURACY = "val/accuracy"


def trial(base: Config, number: int, state: str, step: int = 0, value: float | None = None, **more: object) -> TrialRow:
    values = {} if value is None else {ACCURACY: value}
    return replace(trial_row(base, number, state=state, step=step, value=value, **more), values=values)


def snapshot(study: StudyRow, trials: list[TrialRow], **more: object) -> WatchedStudy:
    curves = {row.key: {row.step: Score((row.value,))} for row in trials if row.value is not None}
    return replace(WatchedStudy(study, trials, curves, (), True, 100.0), **more)  # type: ignore[arg-type]


def shown(view: WatchedStudy, width: int, height: int = 24, problem: str = "") -> list[str]:
    console = Console(width=width, height=height, force_terminal=True, color_system=None, legacy_windows=False)
    with console.capture() as capture:
        console.print(StudyView(view, problem), end="")
    return capture.get().splitlines()


def study(base: Config, **settings: object) -> StudyRow:
    return replace(study_row(base), settings={"trials": 4, "workers": 2, **settings})


def test_a_curve_in_letters() -> None:
    assert sparkline({5: 0.0, 10: 0.5, 20: 1.0}, 20, 4, (0.0, 1.0)) == "▁▅▅█"
    assert sparkline({5: 0.2}, 20, 4, (0.0, 1.0)) == "▂   "
    assert sparkline({20: 0.3}, 20, 4, (0.3, 0.3)) == "   █"
    assert sparkline({}, 20, 4, (0.0, 1.0)) == "    "
    assert sparkline({1: 0.0, 2: 1.0}, 2, 2, (0.0, 1.0), "_#") == "_#"


@given(
    st.dictionaries(st.integers(1, 100), st.floats(0, 1), max_size=20), st.integers(1, 60), st.sampled_from([100, 1000])
)
def test_a_curve_fits_and_ends_with_its_last_report(curve: dict[int, float], width: int, budget: int) -> None:
    letters = sparkline(curve, budget, width, (0.0, 1.0))
    assert len(letters) == width
    assert set(letters) <= set(BLOCKS + " ")
    last = math.ceil(max(curve, default=0) * width / budget)
    assert len(letters.rstrip()) == last


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_view_fits_into_its_terminal(base: Config, width: int) -> None:
    long = "FloatingPointError: \x1b[31m" + "not finite " * 30
    rows = [trial(base, n, PRUNED, 10, n / 100, key=f"no_ya+no_ym+no_discriminator/seed-{n}") for n in range(48)]
    rows += [trial(base, 48, RUNNING, 5, 0.9), trial(base, 49, FAILED, reason=long)]
    for count in (0, 50):
        lines = shown(snapshot(study(base), rows[:count]), width)
        assert len(lines) <= 24
        assert max(map(len, lines)) <= width
        assert "\x1b" not in "".join(lines)


def test_what_the_view_shows(base: Config) -> None:
    rows = [
        trial(base, 0, COMPLETE, 20, 0.5, seconds=10.0),
        trial(base, 1, RUNNING, 10, 0.25, started=90.0),
        trial(base, 2, FAILED, 5, 0.1, reason="loss not finite", seconds=5.0),
        trial(base, 3, PRUNED, 5, 0.6, violation=0.2),
    ]
    lines = shown(snapshot(study(base, confirm_seeds=1), rows), 100, problem="the server does not respond")
    assert lines[:4] == [
        "toy: toy (procedural), smoke; running",
        "4/4 trials and 0 of at most 1 runs with new seeds: 1 RUNNING, 1 COMPLETE, 1 PRUNED, 1 FAILED",
        "best trial-0000: validation accuracy 50.0%",
        "70/100 steps, about 5 s left",  # 25 s of work for 70 steps, 30 to go by two workers
    ]
    keys = [line.split()[0] for line in lines[5:9]]
    assert keys == ["trial-0001", "trial-0000", "trial-0003", "trial-0002"]
    assert lines[6].split()[-1] == "best"
    assert "violates a constraint" in lines[7]
    assert lines[8].rstrip().endswith("loss not finite")
    assert lines[9:] == ["the server does not respond", "Ctrl-C ends this view; the study continues"]
    assert "identity" not in "".join(lines)


def test_the_winner_is_found_once_for_all_rows(base: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(watched_study, "winner", lambda trials, space: calls.append(trials))
    shown(snapshot(study(base), [trial(base, n, PRUNED, 10, n / 100) for n in range(9)]), 80)
    assert len(calls) == 1


def test_several_objectives_have_a_column_each(base: Config) -> None:
    row = replace(study(base), goal={"objectives": ["accuracy", "appearance"], "constraints": []})
    values = {ACCURACY: 0.5, "val/appearance": None}
    rows = [replace(trial(base, 0, RUNNING, 10, 0.5), values=values)]
    lines = shown(snapshot(row, rows), 80)
    assert lines[4].split()[:5] == ["trial", "state", "steps", "accuracy", "appearance"]
    assert lines[5].split()[:4] == ["trial-0000", "RUNNING", "10/20", "50.0"]


def test_before_the_first_trial_and_before_the_first_complete_one(base: Config) -> None:
    lines = shown(snapshot(study(base), []), 80)
    assert lines[1:4] == ["0/4 trials: none started", "best: none, no trial has reported yet", "no steps yet"]
    running = snapshot(study(base), [trial(base, 0, RUNNING, 10, 0.25)])
    assert running.best_text() == ("best: no trial is complete; trial-0000 has validation accuracy 25.0% at step 10/20")


def test_the_best_report_is_found_in_the_order_of_the_ranking(base: Config) -> None:
    rows = [
        trial(base, 0, RUNNING, 10, 0.25, log_likelihood=-2.0),
        trial(base, 1, RUNNING, 10, 0.25, log_likelihood=-0.5),
        trial(base, 2, RUNNING, 10, 0.25, log_likelihood=-0.5),
        trial(base, 3, RUNNING, 10, 0.75, violation=0.1),
    ]
    assert "trial-0001 has" in snapshot(study(base), rows).best_text()
    assert "trial-0003 has" in snapshot(study(base), rows[3:]).best_text()


def test_how_many_trials_are_planned(base: Config) -> None:
    arms = snapshot(study(base, arms=[{}, {}, {}], seeds=2), [])
    assert (arms.planned("trial"), arms.planned(CONFIRM)) == (6, 0)
    search = snapshot(study(base, finalists=2, confirm_seeds=3), [])
    assert (search.planned("trial"), search.planned(CONFIRM)) == (4, 6)
    failed = [trial(base, n, FAILED) for n in range(4)]  # nothing is left to race
    assert replace(search, trials=failed).planned(CONFIRM) == 0
    assert snapshot(study(base), [trial(base, n, COMPLETE) for n in range(7)]).planned("trial") == 7


def test_a_long_key_keeps_its_end() -> None:
    assert shortened("no_ya+no_ym/seed-12", 11) == "no_ya…ed-12"
    assert shortened("no_ya", 5) == "no_ya"


def test_changes_are_lines(record: RecordWriter, base: Config, tmp_path: Path) -> None:
    seen = [WatchedStudy.read(record, "toy", tmp_path)]

    def after(act: Callable[[], object]) -> list[str]:
        act()
        seen.append(replace(WatchedStudy.read(record, "toy", tmp_path), running=True))
        return watch.changes(seen[-2], seen[-1])

    assert after(lambda: record.add_trial(trial_row(base))) == ["toy is running"]
    assert after(lambda: record.begin("toy", "trial-0000")) == ["trial-0000 starts"]
    assert after(lambda: record.report("toy", "trial-0000", 1, 5, {ACCURACY: 0.5})) == []
    released = after(lambda: record.release("toy", "trial-0000", 1, "paused"))
    assert released == ["trial-0000 waits at step 5/20 (paused)"]
    assert after(lambda: record.begin("toy", "trial-0000")) == ["trial-0000 resumes from step 5/20"]
    command = record.add_command("toy", "1" * 32, "ann@here", "pause", {})
    assert after(lambda: None) == ["command 1 by ann@here: pause: pending"]
    assert after(lambda: record.take_command(command.id, DONE, "paused")) == [
        "command 1 by ann@here: pause: paused",
        "toy is paused by ann@here",
    ]
    ended = after(lambda: record.finish("toy", "trial-0000", 2, COMPLETE))
    assert ended[0] == "trial-0000 COMPLETE, validation accuracy 50.0%, 0 s"
    assert ended[1].startswith("best trial-0000: validation accuracy 50.0%; ")
    assert after(lambda: None) == []


def test_a_record_that_does_not_respond_is_asked_again(
    record: RecordWriter,
    base: Config,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(watch, "SECONDS", 0.0)
    first = replace(WatchedStudy.read(record, "toy", tmp_path), running=True)
    answers: list[WatchedStudy | UserError] = [
        first,
        UserError("gone"),
        UserError("gone"),
        first,
        replace(first, running=False),
    ]

    def read(*_: object) -> WatchedStudy:
        answer = answers.pop(0)
        if isinstance(answer, UserError):
            raise answer
        return answer

    monkeypatch.setattr(WatchedStudy, "read", read)
    assert main(["watch", "toy", "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == [
        "gone: trying again",
        "the record responds again",
        f"toy is not running: {first.counts()}; {first.best_text()}",
    ]
    monkeypatch.setattr(watch, "PATIENCE", -1.0)
    answers[:] = [first, UserError("gone")]
    assert main(["watch", "toy", "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err == "error: gone\n"


def test_watching_writes_nothing(record: RecordWriter, base: Config, tmp_path: Path) -> None:
    record.add_trial(trial_row(base))
    with study_lock(tmp_path / "toy" / ".lock", "toy"), record.lock_study("toy"):
        pass
    record.close()
    before = file_states(tmp_path)
    assert main(["watch", "toy", "--out", str(tmp_path)]) == 0
    assert file_states(tmp_path) == before


def test_an_unknown_study_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watch", "nosuch", "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"error: no study 'nosuch' in {tmp_path}; studies there: none\n"
