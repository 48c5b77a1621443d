"""A Ray session of this machine."""

from __future__ import annotations

import gc
import weakref

import pytest
import ray

from tuning.on_ray import ray_session


class Circle:
    def __init__(self) -> None:
        self.itself = self


def test_leaving_lets_no_other_thread_collect_what_held_references(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray's shutdown ends the process with code 1 where a thread lets go of an object reference in that moment."""
    seen = []
    monkeypatch.setattr(ray, "shutdown", lambda: seen.append((left() is None, gc.isenabled())))
    circle = Circle()
    left = weakref.ref(circle)
    del circle
    ray_session._shut_down()
    assert seen == [(True, False)]
    assert gc.isenabled()


def test_what_nodes_say_about_their_end_is_not_printed(capfd: pytest.CaptureFixture[str]) -> None:
    """The function is Ray's own, which Ray looks up at each message."""
    code = ray._private.worker.listen_error_messages.__code__
    assert "print_to_stdstream" in code.co_names
    ray._private.worker.print_to_stdstream({"lines": ["*** StackTrace"], "pid": "raylet", "is_err": False}, False)
    assert capfd.readouterr() == ("", "")


def test_collecting_goes_on_where_the_shutdown_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(ray, "shutdown", fail)
    with pytest.raises(RuntimeError, match="no"):
        ray_session._shut_down()
    assert gc.isenabled()
