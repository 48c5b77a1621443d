from __future__ import annotations

import io
import sys

import pytest

from amc import progress
from amc.progress import console


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_plain_lines_are_few_and_say_what_is_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 5.0, 12.0, 13.0, 40.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with console("training", "step") as report:
        for done in (1, 10, 11, 40):
            report(done, 40, f"accuracy {done}%")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "training: 10/40 steps, 36 s left, accuracy 10%",
        "training: 40/40 steps, 40 s, accuracy 40%",
    ]


def test_quick_work_gets_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    with console("training", "step") as report:
        report(40, 40)
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = _Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    with console("training", "step") as report:
        report(2, 4)
        report(4, 4, "done early")
    assert "100%" in screen.getvalue()
    assert "done early" in screen.getvalue()
