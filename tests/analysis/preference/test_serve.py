"""`python -m analysis preference serve` as a process: links, restarts, and one line for what is wrong."""

from __future__ import annotations

import os
import resource
import signal
import socket
import stat
import tempfile
from pathlib import Path

import pytest

from analysis.__main__ import main
from analysis.preference.answers import read_answers
from tests.analysis.preference.served_study import make_study
from tests.analysis.preference.serving import Rater, links, serve_command


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_study(tmp_path / "study", raters=3)


def serve(*arguments: object) -> int:
    return main(["preference", "serve", *map(str, arguments)])


def test_links_are_secret_and_stay_valid_after_a_killed_server(folder: Path) -> None:
    with serve_command(folder, stop=signal.SIGKILL):
        before = links(folder)
        rater = Rater(before[1])
        rater.consent()
        following = rater.answer(rater.question()).json()
    assert stat.S_IMODE((folder / "links.csv").stat().st_mode) == 0o600
    tokens = [link.rpartition("/")[2] for link in before]
    assert len(set(tokens)) == 3
    assert all(len(token) * 6 >= 128 for token in tokens)
    stored = b"".join(path.read_bytes() for path in folder.glob("answers.db*"))
    assert not any(token.encode() in stored for token in tokens)

    with serve_command(folder) as server:
        after = links(folder)
        assert [link.rpartition("/")[2] for link in after] == tokens
        rater = Rater(after[1])  # the port has changed, and so has links.csv
        assert rater.question() == following
        rater.answer(following)
    assert server.returncode in (0, 130, -signal.SIGINT)
    assert [answer.position for answer in read_answers(folder)] == [0, 1]
    assert not (folder / "answers.db-wal").exists()

    (folder / "links.csv").unlink()  # a lab may keep it elsewhere
    with serve_command(folder) as server:
        assert not (folder / "links.csv").exists()


def test_what_the_server_prints_names_no_rater(folder: Path) -> None:
    with serve_command(folder) as server:
        rater = Rater(links(folder)[0])
        rater.consent()
        rater.answer(rater.question())
        rater.get("/none", headers={"Host": "evil.example", "X-Forwarded-For": "192.0.2.7"})
        server.send_signal(signal.SIGINT)
        printed = "".join(server.communicate(timeout=30))
    assert "127.0.0.1" not in printed
    assert "192.0.2.7" not in printed
    assert rater.link.rpartition("/")[2] not in printed
    stored = b"".join(path.read_bytes() for path in folder.glob("answers.db*"))
    assert b"127.0.0.1" not in stored
    assert b"192.0.2.7" not in stored


def test_a_full_disk_is_told_and_nothing_is_lost(folder: Path) -> None:
    """The server may write no more bytes to any file, as on a full disk; later it may."""
    with serve_command(folder) as server:
        rater = Rater(links(folder)[0])
        rater.consent()
        question = rater.answer(rater.question()).json()
        full = (folder / "answers.db-wal").stat().st_size
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (full, resource.RLIM_INFINITY))
        for _ in range(3):
            assert rater.answer(question).status_code == 503
            assert rater.question() == question
            assert len(read_answers(folder)) == 1
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        following = rater.answer(question)
        assert following.status_code == 200
    assert [answer.position for answer in read_answers(folder)] == [0, 1]


def test_status_shows_each_rater(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert serve(folder, "--status") == 0
    assert capsys.readouterr().out.count("not started") == 3
    assert not (folder / "answers.db").exists()
    with serve_command(folder):
        rater = Rater(links(folder)[1])
        rater.consent()
        rater.answer(rater.answer(rater.question()).json())
        assert serve(folder, "--status") == 0  # while it is served
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:3] == ["rater", "answers", "state"]
    assert "not started" in lines[1]
    assert "started" in lines[2]
    assert "1.2 s" in lines[2]
    assert lines[-1].startswith("2 of ")


def test_a_port_in_use_is_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(path.name for path in folder.iterdir())
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert serve(folder, "--port", port) == 2
    assert capsys.readouterr().err == f"error: port {port} of 127.0.0.1 is in use: choose another one with --port\n"
    assert sorted(path.name for path in folder.iterdir()) == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--host", "192.0.2.1"], "would send links and answers unencrypted: use --public"),
        (["--host", "0.0.0.0"], "would send links and answers unencrypted: use --public"),
        (["--host", "0.0.0.0", "--insecure"], "needs the name or address that raters will use: add --host-name"),
        (["--host", "192.0.2.1", "--insecure"], "cannot listen on port 8770 of 192.0.2.1"),
        (["--host", "example.org"], "is not an IP address"),
        (["--public"], "--public needs the name that raters will use: add --host-name"),
        (["--public", "--host-name", "a b"], "is not a host name"),
        (["--host-name", "*"], "is not a host name"),
        (["--port", "70000"], "from 0 to 65535"),
    ],
)
def test_a_wrong_address_is_one_line(
    folder: Path, options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(path.name for path in folder.iterdir())
    assert serve(folder, *options) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert message in error
    assert sorted(path.name for path in folder.iterdir()) == before


def test_public_prints_the_proxys_lines_and_listens_on_loopback_alone(folder: Path) -> None:
    printed = []
    with serve_command(folder, "--port", "0", "--public", "--host-name", "study.example.org", printed=printed):
        text = "".join(printed)
        port = text.partition("reverse_proxy 127.0.0.1:")[2].split()[0]
        assert f"proxy_pass http://127.0.0.1:{port};" in text
        assert "access_log off;" in text
        assert "listen 443 ssl;" in text
        link = links(folder)[0]
        assert link.startswith("https://study.example.org/r/")
        rater = Rater(link.replace("https://study.example.org", f"http://127.0.0.1:{port}"))
        assert rater.get(headers={"Host": "study.example.org"}).status_code == 200
        assert rater.get(headers={"Host": "other.example.org"}).status_code == 400
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.2", int(port)), timeout=5)  # another address of the same machine


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda folder: (folder / "answers.db").write_bytes(b"no database" * 1000), "answers.db is damaged"),
        (lambda folder: (folder / "links.csv").write_text("rater,link\n0,x\n"), "links.csv does not hold 3 links"),
        (lambda folder: (folder / "links.csv").write_text("nothing"), "links.csv does not hold 3 links"),
        (lambda folder: (folder / "links.csv").write_bytes(b"rater,link\n\xff"), "links.csv cannot be read"),
        (lambda folder: (folder / "texts" / "messages.toml").unlink(), "cannot read"),
        (lambda folder: (folder / "design.json").write_text("{"), "design.json"),
        (lambda folder: (folder / "design.json").unlink(), "design.json"),
    ],
)
def test_a_broken_study_is_one_line(
    folder: Path, break_it: object, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    break_it(folder)  # type: ignore[operator]
    assert serve(folder, "--port", "0") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert message in error


def test_links_of_another_study_are_refused(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = make_study(tmp_path / "other", raters=3)
    for each in (folder, other):
        with serve_command(each):
            pass
    (folder / "links.csv").write_bytes((other / "links.csv").read_bytes())
    assert serve(folder, "--port", "0") == 2
    assert "links.csv does not match the links in answers.db" in capsys.readouterr().err


def test_a_start_that_was_killed_between_links_and_answers_keeps_its_links(folder: Path) -> None:
    with serve_command(folder):
        before = [link.rpartition("/")[2] for link in links(folder)]
    for path in folder.glob("answers.db*"):
        path.unlink()
    with serve_command(folder):
        after = links(folder)
        assert Rater(after[0]).get().status_code == 200
    assert [link.rpartition("/")[2] for link in after] == before


def test_a_read_only_folder_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        Path(name).chmod(0o755)
        folder = make_study(Path(name) / "study", raters=1)
        folder.chmod(0o555)
        root = os.geteuid() == 0
        if root:  # whom permissions do not bind
            os.seteuid(65534)
        try:
            assert serve(folder, "--port", "0") == 2
        finally:
            if root:
                os.seteuid(0)
            folder.chmod(0o755)
        assert "answers.db cannot be opened: no permission" in capsys.readouterr().err
