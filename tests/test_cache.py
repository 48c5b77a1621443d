from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from amc.cache import cache_dir, creating, make_once
from amc.errors import UserError

# A process that makes a file slowly: says when it has begun, writes half, waits, writes the rest.
SLOW_MAKER = """
import sys, time
from pathlib import Path
from amc.cache import make_once

def make(partial):
    with open(partial, "w") as file:
        file.write("half"); file.flush()
        print("begun", flush=True)
        time.sleep(float(sys.argv[2]))
        file.write("whole")
    with open(sys.argv[1] + ".count", "a") as count:
        count.write("x")

make_once(Path(sys.argv[1]), make)
"""


def start(path: Path, seconds: float) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SLOW_MAKER, str(path), str(seconds)], stdout=subprocess.PIPE, text=True
    )


def test_the_cache_folder_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AMC_CACHE", str(tmp_path / "here"))
    assert cache_dir() == tmp_path / "here"


@pytest.mark.skipif(sys.platform != "linux", reason="the platform's own convention")
def test_the_cache_folder_follows_the_platform(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AMC_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_dir() == tmp_path / "amc-gan"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_dir() == tmp_path / ".cache" / "amc-gan"


def test_a_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    with creating(path) as partial:
        partial.write_text("content")
        assert not path.exists()
    assert path.read_text() == "content"
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_maker_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def fail() -> None:
        with creating(path) as partial:
            partial.write_text("new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_second_writer_is_told(tmp_path: Path) -> None:
    path = tmp_path / "file"
    code = "import sys, pathlib, amc.cache\nwith amc.cache.creating(pathlib.Path(sys.argv[1])): pass"
    with creating(path) as partial:
        other = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False)
        partial.write_text("mine")
    assert other.returncode == 1
    assert "UserError: another process is writing" in other.stderr.splitlines()[-1]
    assert path.read_text() == "mine"


def test_a_second_writer_with_another_cache_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    with creating(path) as partial:
        partial.write_text("mine")
        monkeypatch.setenv("AMC_CACHE", str(tmp_path / "another"))
        with pytest.raises(UserError, match=r"another process is writing .*file: wait"), creating(path):
            pytest.fail("both write")
    assert path.read_text() == "mine"


def test_a_disk_that_fills_up_is_one_line_with_what_to_do(tmp_path: Path) -> None:
    def fail() -> None:
        with creating(tmp_path / "file"):
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(UserError, match=r"cannot write .*file: No space left on device; free some space"):
        fail()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("path", ["taken/file", "folder"])
def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path, path: str) -> None:
    (tmp_path / "taken").write_text("a file where a folder should be")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match="cannot write"), creating(tmp_path / path):
        pass
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder", "taken"]


def test_several_processes_make_it_once(tmp_path: Path) -> None:
    path = tmp_path / "file"
    makers = [start(path, 0.3) for _ in range(4)]
    assert [maker.wait(30) for maker in makers] == [0, 0, 0, 0]
    for maker in makers:
        assert maker.stdout is not None
        maker.stdout.close()
    assert path.read_text() == "halfwhole"
    assert (tmp_path / "file.count").read_text() == "x"


def test_a_long_wait_for_another_process_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("amc.cache.TELL_SECONDS", 0.1)
    path = tmp_path / "file"
    with start(path, 1.0) as maker:
        assert maker.stdout is not None
        assert maker.stdout.readline() == "begun\n"
        make_once(path, lambda partial: pytest.fail("made twice"))
    assert path.read_text() == "halfwhole"
    assert capsys.readouterr().err == f"waiting for another process, which is making {path}\n"


def test_a_killed_maker_blocks_nobody(tmp_path: Path) -> None:
    path = tmp_path / "file"
    maker = start(path, 60)
    assert maker.stdout is not None
    assert maker.stdout.readline() == "begun\n"
    os.kill(maker.pid, signal.SIGKILL)
    maker.wait(10)
    maker.stdout.close()
    assert [p.name for p in tmp_path.iterdir()] == [".file.partial"]
    make_once(path, lambda partial: partial.write_text("mine") and None)
    assert path.read_text() == "mine"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_an_unusable_file_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("rotten")
    make_once(path, lambda partial: partial.write_text("fresh") and None, usable=lambda p: p.read_text() == "fresh")
    assert path.read_text() == "fresh"
    make_once(path, lambda partial: pytest.fail("made twice"), usable=lambda p: p.read_text() == "fresh")


def test_what_is_no_ordinary_file_is_left_as_it_is(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(UserError, match="it is not an ordinary file"), creating(pipe):
        raise AssertionError("never asked for")
    assert pipe.is_fifo()


def test_a_relative_cache_is_one_folder_for_all_processes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AMC_CACHE", "here/cache")
    assert cache_dir() == tmp_path / "here" / "cache"


@pytest.mark.skipif(os.getuid() != 0 or shutil.which("setpriv") is None, reason="needs root and setpriv")
def test_a_complete_cache_that_may_not_be_written_is_used(tmp_path: Path) -> None:
    """Root may write anything, so it gives up that capability."""
    (tmp_path / "made").write_text("complete")
    tmp_path.chmod(0o555)
    code = (
        "import sys; sys.path[:0] = sys.argv[2:]\n"
        "from pathlib import Path; from amc.cache import make_once\n"
        "for name in ('made', 'new'):\n"
        "    try: print(make_once(Path(sys.argv[1]) / name, lambda path: path.write_text('')).read_text())\n"
        "    except Exception as error: print(error)"
    )
    without = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    done = subprocess.run(
        [*without, sys.executable, "-c", code, str(tmp_path), *sys.path],
        env=os.environ | {"AMC_CACHE": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    tmp_path.chmod(0o755)
    first, second = done.stdout.splitlines()
    assert first == "complete"
    assert second == f"cannot write the cache folder {tmp_path}: Permission denied; set AMC_CACHE to another folder"
