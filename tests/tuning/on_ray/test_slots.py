"""What Tune's trials are told, without Ray: who goes on, who gives up its room."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from amc.config import Config
from analysis.record.states import RUNNING, WAITING
from analysis.record.writing import Record
from tests.tuning.engine.test_engine import engine
from tuning.engine.engine import UNBORN
from tuning.on_ray import runner
from tuning.on_ray.runner import Slots
from tuning.workers.resources import Resources

TWO = Resources(2, 1, 0.0)
IDLE = json.dumps(["idle", {}])


@pytest.fixture
def slots(record: Record, base: Config, tmp_path: Path) -> Slots:
    return Slots(engine(record, base, tmp_path / "toy", trials=2, seeds=0, pruner="none"), TWO, [], lambda: False)


def says(slots: Slots, name: str, kind: str, **content: object) -> bool:
    return slots.heard(name, json.dumps([kind, content]))


def test_an_idle_worker_gives_up_the_room_that_the_last_trial_waits_for(
    slots: Slots, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two nodes with room for one trial each, of which one is lost: its trial waits for the other's room."""
    assert slots.suggest("a")
    assert slots.suggest("b")
    assert says(slots, "a", "began")
    assert says(slots, "b", "began")
    slots.gone("b")
    assert slots.suggest("c")  # handed out again; its actor has nowhere to go
    # While that may just be slow to start, the worker is kept: Tune would give it away and close the other.
    assert says(slots, "a", "end", value=0.5)
    assert slots.heard("a", IDLE)
    monkeypatch.setattr(runner, "_START_SECONDS", -1.0)
    assert not slots.heard("a", IDLE)


def test_workers_that_never_come_up_end_the_study_and_fail_no_trial(slots: Slots, record: Record) -> None:
    for number in range(UNBORN):
        assert not slots.engine.trouble
        assert slots.suggest(f"x{number}")
        slots.gone(f"x{number}")
    assert "no trial can be started" in slots.engine.trouble
    assert {trial.state for trial in record.trials("toy")} == {WAITING}
    assert slots.suggest("y") is None
    assert slots.over()


def test_a_trial_that_pauses_unasked_is_not_handed_out_for_ever(slots: Slots, record: Record) -> None:
    for number in range(20):
        if slots.suggest(f"x{number}") is None:
            break
        assert says(slots, f"x{number}", "began")
        says(slots, f"x{number}", "end", paused=True)
        slots.gone(f"x{number}")
    assert record.trial("toy", "trial-0000").state == "FAILED"
    assert record.trial("toy", "trial-0000").reason == "its process was told to stop"


def test_a_trial_alone_waits_for_the_others_and_they_for_it(slots: Slots, record: Record) -> None:
    assert slots.suggest("a")
    assert slots.suggest("b")
    says(slots, "b", "began")
    says(slots, "b", "end", failure="MemoryError", cause="memory")
    slots.gone("b")
    assert slots.suggest("c") is None
    says(slots, "a", "end", value=0.5)
    given = slots.suggest("c")
    assert given is not None
    assert given["alone"]


def test_no_node_left_is_told(slots: Slots, record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    assert slots.suggest("a")
    monkeypatch.setattr(runner.ray, "nodes", lambda: [{"Alive": False}])
    assert not slots.over()
    slots.next_look = 0.0
    assert slots.over()
    assert "no node of Ray's is left" in slots.engine.trouble
    assert record.trial("toy", "trial-0000").state == RUNNING  # given back when the run ends
