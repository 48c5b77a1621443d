"""What all commands have in common."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from amc.cli.command import check_out_folder, run
from amc.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
_PRINTS = """
import sys
from amc.cli.command import check_out_folder, run
from amc.errors import UserError

def main():
    for line in range(100_000):
        print(line)
    return 0

sys.exit(run(main))
"""


def test_a_reader_that_goes_away_ends_a_command_quietly() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _PRINTS], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline() == "0\n"
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert (process.wait(), errors) == (1, "")


@pytest.mark.parametrize("lines", ["100_000", "1"])
def test_standard_output_that_is_full_is_one_line(lines: str) -> None:
    code = _PRINTS.replace("100_000", lines)
    command = ["bash", "-c", '"$0" -c "$1" >/dev/full', sys.executable, code]
    done = subprocess.run(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (2, "error: cannot write standard output: No space left on device\n")


def test_a_name_that_is_too_long_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(lambda: (tmp_path / ("x" * 300)).stat().st_size) == 2
    assert capsys.readouterr().err.startswith(f"error: the name of a file is too long: {tmp_path}"[:100])


def test_another_error_of_a_full_disk_is_not_taken_for_standard_output() -> None:
    def main() -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        run(main)


def test_another_pipe_that_breaks_is_not_taken_for_standard_output() -> None:
    def main() -> int:
        raise BrokenPipeError("to a worker")

    with pytest.raises(BrokenPipeError, match="to a worker"):
        run(main)


def test_a_folder_that_can_be_made_is_not_made(tmp_path: Path) -> None:
    check_out_folder(tmp_path)
    check_out_folder(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "says"), [("file", "is not a folder"), ("file/below", "file is not a folder")])
def test_a_file_in_the_way_is_named(name: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=says):
        check_out_folder(tmp_path / name)


def test_a_folder_without_permission_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # as root may write anywhere
    with pytest.raises(UserError, match=f"no permission for {tmp_path}"):
        check_out_folder(tmp_path / "new")


def test_letters_that_the_output_lacks_are_escaped() -> None:
    code = "from amc.cli.command import run\nimport sys\nsys.exit(run(lambda: print('caf\\xe9 \\u4e2d') or 0))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, env={**os.environ, "PYTHONIOENCODING": "ascii"}
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"caf\\xe9 \\u4e2d\n", b"")
