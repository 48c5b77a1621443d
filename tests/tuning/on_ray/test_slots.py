"""What Tune's trials are told, without Ray: who goes on, who gives up its room."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from amc.config import Config
from analysis.record.states import RUNNING, WAITING
from analysis.record.writing import RecordWriter
from tests.tuning.engine.test_engine import engine
from tuning.engine.engine import MAX_FAILED_STARTS
from tuning.on_ray import runner
from tuning.on_ray.nodes import Node
from tuning.on_ray.runner import TrialSlots
from tuning.workers.resources import Resources

TWO = Resources(2, 1, 0.0)
IDLE = json.dumps(["idle", {}])


@pytest.fixture
def slots(record: RecordWriter, base: Config, tmp_path: Path) -> TrialSlots:
    return TrialSlots(engine(record, base, tmp_path / "toy", trials=2, seeds=0, pruner="none"), TWO, [], lambda: False)


def says(slots: TrialSlots, name: str, kind: str, **content: object) -> bool:
    return slots.on_message(name, json.dumps([kind, content]))


def test_an_idle_worker_gives_up_the_room_that_the_last_trial_waits_for(
    slots: TrialSlots, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two nodes with room for one trial each, of which one is lost: its trial waits for the other's room."""
    assert slots.suggest("a")
    assert slots.suggest("b")
    assert says(slots, "a", "started")
    assert says(slots, "b", "started")
    slots.on_exit("b")
    assert slots.suggest("c")  # handed out again; its actor has nowhere to go
    # While that may just be slow to start, the worker is kept: Tune would give it away and close the other.
    assert says(slots, "a", "outcome", value=0.5)
    assert slots.on_message("a", IDLE)
    monkeypatch.setattr(runner, "_START_SECONDS", -1.0)
    assert not slots.on_message("a", IDLE)


def test_no_more_trials_than_the_nodes_that_are_left_have_room_for(
    slots: TrialSlots, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A trial too many would wait for room that idle workers have, and they would wait for it to start."""
    assert slots.suggest("a")
    assert slots.suggest("b")
    assert says(slots, "a", "started")
    nodes = [Node("left", 1, 0)]
    monkeypatch.setattr(runner, "living_nodes", lambda: nodes)
    slots.next_node_check = 0.0
    assert not slots.should_stop()
    assert capsys.readouterr().err == "1 Ray nodes are alive: running up to 1 trials at once\n"
    slots.on_exit("b")
    assert slots.suggest("c") is None
    nodes.append(Node("back", 4, 0))
    slots.next_node_check = 0.0
    assert not slots.should_stop()
    assert slots.suggest("c")
    assert slots.suggest("d") is None  # two workers were asked for
    # Both nodes are lost again while "c" has not started: the worker of "a" gives up its room at once.
    nodes.clear()
    slots.next_node_check = 0.0
    assert not slots.should_stop()
    says(slots, "a", "outcome", value=0.5)
    assert not slots.on_message("a", IDLE)


def test_workers_that_never_come_up_end_the_study_and_fail_no_trial(slots: TrialSlots, record: RecordWriter) -> None:
    for number in range(MAX_FAILED_STARTS):
        assert not slots.engine.fatal_error
        assert slots.suggest(f"x{number}")
        slots.on_exit(f"x{number}")
    assert "no trial can be started" in slots.engine.fatal_error
    assert {trial.state for trial in record.trials("toy")} == {WAITING}
    assert slots.suggest("y") is None
    assert slots.should_stop()


def test_a_trial_that_pauses_unasked_is_not_handed_out_for_ever(slots: TrialSlots, record: RecordWriter) -> None:
    for number in range(20):
        if slots.suggest(f"x{number}") is None:
            break
        assert says(slots, f"x{number}", "started")
        says(slots, f"x{number}", "outcome", paused=True)
        slots.on_exit(f"x{number}")
    assert record.trial("toy", "trial-0000").state == "FAILED"
    assert record.trial("toy", "trial-0000").reason == "the trial's process received a stop signal"


def test_a_trial_alone_waits_for_the_others_and_they_for_it(slots: TrialSlots, record: RecordWriter) -> None:
    assert slots.suggest("a")
    assert slots.suggest("b")
    says(slots, "b", "started")
    says(slots, "b", "outcome", failure="MemoryError", cause="memory")
    slots.on_exit("b")
    assert slots.suggest("c") is None
    says(slots, "a", "outcome", value=0.5)
    given = slots.suggest("c")
    assert given is not None
    assert given["alone"]


def test_no_node_left_is_told(slots: TrialSlots, record: RecordWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    assert slots.suggest("a")
    monkeypatch.setattr(runner, "living_nodes", list)
    assert not slots.should_stop()
    slots.next_node_check = 0.0
    assert slots.should_stop()
    assert "no Ray node is left" in slots.engine.fatal_error
    assert record.trial("toy", "trial-0000").state == RUNNING  # given back when the run ends


def test_a_command_that_comes_as_the_last_trial_ends_is_taken(slots: TrialSlots, record: RecordWriter) -> None:
    for name in ("a", "b"):
        assert slots.suggest(name)
        says(slots, name, "started")
        says(slots, name, "outcome", value=0.5)
        slots.on_exit(name)
    slots.engine.fill()
    assert slots.engine.is_finished
    record.add_command("toy", "1" * 32, "ann@here", "add-trials", {"count": 1})
    assert not slots.is_finished()
    assert slots.suggest("c")
