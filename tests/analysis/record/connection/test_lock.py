from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from pathlib import Path

import pytest

from amc.config import Config
from amc.errors import UserError
from analysis.record.connection import lock
from analysis.record.connection.lock import exclusive_lock, local_locks, lock_holder, record_lock_path, study_lock
from analysis.record.writing import RecordWriter
from tests.tuning.toy_rows import study_row

ROOT = Path(__file__).resolve().parents[3]

# mount id, parent, device, root, mount point, options, optional fields, "-", type, source, options of the file system
MOUNTS = r"""
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
40 22 0:40 / /home rw,relatime shared:2 - nfs4 files:/home rw,vers=4.2,local_lock=none,addr=10.0.0.1
41 22 0:41 / /old rw,relatime - nfs files:/old rw,vers=3,nolock,local_lock=all
42 22 0:42 / /my\040data rw,relatime - fuse.sshfs me@there: rw,user_id=0
43 42 8:2 / /my\040data/disk rw - xfs /dev/sdb1 rw
44 22 0:44 / /scratch rw,flock - lustre mds@tcp:/scratch rw,flock
45 22 0:45 / /lustre rw - lustre mds@tcp:/lustre rw,localflock
""".strip()


def hold(path: Path) -> subprocess.Popen[str]:
    """A process that holds the lock at `path`."""
    script = textwrap.dedent(f"""
        import sys, time
        sys.path[:0] = {[str(ROOT), *sys.path]!r}
        from pathlib import Path
        from analysis.record.connection.lock import study_lock
        with study_lock(Path({str(path)!r}), "toy"):
            print("held", flush=True)
            time.sleep(600)
    """)
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def test_a_released_lock_names_no_holder(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "lock"
    assert lock_holder(path) is None
    with study_lock(path, "toy"):
        assert lock_holder(path) == f"process {os.getpid()} on {os.uname().nodename}"
    assert lock_holder(path) is None
    assert path.read_text() == ""


def test_the_lock_names_its_holder_and_is_free_once_that_is_killed(tmp_path: Path) -> None:
    process = hold(tmp_path / "lock")
    holder = f"process {process.pid} on {os.uname().nodename}"
    assert lock_holder(tmp_path / "lock") == holder
    with (
        pytest.raises(UserError, match=f"study 'toy' is being run by {holder}: wait for it, or stop that process"),
        study_lock(tmp_path / "lock", "toy"),
    ):
        pass
    kill(process)
    assert (tmp_path / "lock").read_text().startswith(f"process {process.pid} on ")
    assert lock_holder(tmp_path / "lock") is None
    with study_lock(tmp_path / "lock", "toy"):
        pass


def test_a_user_who_cannot_write_the_lock_file_sees_its_holder() -> None:
    nobody = 65534
    with tempfile.TemporaryDirectory() as folder:  # those of `tmp_path` are closed to other users
        Path(folder).chmod(0o755)
        path = Path(folder) / "lock"
        with study_lock(path, "toy"):
            path.chmod(0o444)
            user = os.geteuid()
            if user == 0:  # whom file modes do not stop
                os.seteuid(nobody)
            try:
                with pytest.raises(PermissionError):
                    path.open("r+")
                assert lock_holder(path) == f"process {os.getpid()} on {os.uname().nodename}"
            finally:
                os.seteuid(user)
        assert lock_holder(path) is None


def test_two_who_ask_at_once_do_not_see_each_other(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        assert lock_holder(path) is None


def test_asking_for_the_holder_keeps_no_driver_out(tmp_path: Path) -> None:
    """`python -m tuning list` shares the lock for a moment; a driver that starts just then waits for it."""
    with (
        exclusive_lock(tmp_path / "lock"),
        pytest.raises(UserError, match="study 'toy' is being run by another process"),
        study_lock(tmp_path / "lock", "toy"),
    ):
        pass
    asking = threading.Event()

    def ask() -> None:
        with exclusive_lock(tmp_path / "lock"):
            asking.set()
            time.sleep(0.05)

    thread = threading.Thread(target=ask)
    thread.start()
    assert asking.wait(10)
    with study_lock(tmp_path / "lock", "toy"):
        pass
    thread.join()


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_locks_is_an_error(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with (
        pytest.raises(UserError, match=r"the file system of .*lock has no file locks"),
        study_lock(tmp_path / "lock", "a"),
    ):
        pass
    with pytest.raises(UserError, match="has no file locks"), exclusive_lock(tmp_path / "lock"):
        pass
    assert lock_holder(tmp_path / "lock") is None


def test_a_lock_file_can_be_deleted_with_its_study(tmp_path: Path) -> None:
    """`python -m tuning delete` deletes the folder while it holds the lock."""
    path = tmp_path / "lock"
    with study_lock(path, "toy"):
        path.unlink()
        with study_lock(path, "toy"):  # a new study of that name
            assert lock_holder(path) is not None
    assert lock_holder(path) is None


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/runs", ""),
        ("/home/runs", ""),
        ("/homes", ""),
        ("/old/runs", "nfs at /old, nolock"),
        ("/my data/runs", "fuse.sshfs at /my data"),
        ("/my data/disk/runs", ""),
        ("/scratch/runs", ""),
        ("/lustre/runs", "lustre at /lustre, localflock"),
    ],
)
def test_file_systems_whose_locks_other_hosts_do_not_see(path: str, found: str) -> None:
    assert local_locks(Path(path), MOUNTS) == found


def test_a_name_left_by_another_host_is_an_error_if_its_lock_would_not_be_visible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lock"
    path.write_text("process 7 on elsewhere")
    with study_lock(path, "toy"):  # a lock of elsewhere would be seen here, so nobody is there
        pass
    path.write_text("process 7 on elsewhere")
    monkeypatch.setattr(lock, "local_locks", lambda path, mounts: "fuse.sshfs at /mnt")
    with pytest.raises(UserError, match="was left by process 7 on elsewhere, and locks of other hosts are not visible"):  # noqa: SIM117
        with study_lock(path, "toy"):
            pass
    assert path.read_text() == "process 7 on elsewhere"
    path.write_text(f"process 7 on {os.uname().nodename}")
    with study_lock(path, "toy"):
        pass


def test_a_sqlite_record_has_one_driver_per_study_through_any_link(tmp_path: Path, base: Config) -> None:
    database = tmp_path / "record.db"
    link = tmp_path / "elsewhere.db"
    link.symlink_to(database)
    with RecordWriter(database) as record, RecordWriter(link) as same:
        record.create_study(study_row(base))
        with record.lock_study("toy"):
            assert lock_holder(record_lock_path(link, "toy")) is not None
            with pytest.raises(UserError, match="study 'toy' is being run by process"), same.lock_study("toy"):
                pass
            with same.lock_study("another"):
                pass
        with same.lock_study("toy"):
            pass


def test_two_studies_write_one_sqlite_record_at_the_same_time(tmp_path: Path, base: Config) -> None:
    """SQLite has one writer at a time, and the others wait: no write is lost or refused."""
    troubles: list[BaseException] = []

    def drive(name: str) -> None:
        try:
            with RecordWriter(tmp_path / "record.db") as record, record.lock_study(name):
                record.create_study(study_row(base, name))
                for number in range(60):
                    record.update_study(name, settings={"number": number})
        except BaseException as error:
            troubles.append(error)

    threads = [threading.Thread(target=drive, args=(name,)) for name in ("a", "b", "c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not troubles
    with RecordWriter(tmp_path / "record.db") as record:
        assert {study.name: study.settings["number"] for study in record.studies()} == {"a": 59, "b": 59, "c": 59}
