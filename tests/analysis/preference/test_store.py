"""answers.db: written before an answer is acknowledged, once, and never half."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from amc.errors import UserError
from analysis.preference.answers import Answer, Progress, read_answers, read_progress
from analysis.preference.store import AnswerStore, NotSaved, Refused, Shown

HASHES = [b"\x01" * 32, b"\x02" * 32]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "design.json").write_text("{}")
    return tmp_path


@pytest.fixture
def store(folder: Path) -> Iterator[AnswerStore]:
    with AnswerStore(folder) as opened:
        opened.add_raters(HASHES)
        yield opened


def made(rater: int = 0, position: int = 0, answer: str = "left") -> Answer:
    return Answer(rater, position, f"q{position}", answer, 1.5, (800, 600), "2026-01-02T03:04:05+00:00")


def test_answers_come_back_as_they_were_given(store: AnswerStore, folder: Path) -> None:
    given = [made(0, 0), made(0, 1, "right"), made(1, 0, "none")]
    for answer in given:
        shown = store.show(answer.rater)
        assert shown.position == answer.position
        following = store.answer(answer, shown.nonce)
        assert following == store.show(answer.rater)
        assert following.position == answer.position + 1
    assert read_answers(folder) == given
    assert read_progress(folder) == [
        Progress(0, 2, False, given[1].answered_at),
        Progress(1, 1, False, given[2].answered_at),
    ]


def test_the_nonce_of_a_question_stays_until_it_is_answered(store: AnswerStore) -> None:
    shown = store.show(0)
    assert store.show(0) == shown
    assert store.answer(made(), shown.nonce).nonce != shown.nonce
    assert len(shown.nonce) * 6 >= 128


def test_the_same_answer_again_is_one_row(store: AnswerStore, folder: Path) -> None:
    shown = store.show(0)
    following = store.answer(made(), shown.nonce)
    assert store.answer(replace(made(), seconds=9.0), shown.nonce) == following
    assert read_answers(folder) == [made()]


@pytest.mark.parametrize(
    ("answer", "nonce"),
    [
        (made(), "wrong"),
        (made(), ""),
        (made(position=1), None),  # never shown
        (made(rater=1), None),  # another rater's, who has seen nothing
        (made(rater=7), None),
    ],
)
def test_an_answer_to_what_was_not_shown_is_refused(
    store: AnswerStore, folder: Path, answer: Answer, nonce: str | None
) -> None:
    shown = store.show(0)
    with pytest.raises(Refused):
        store.answer(answer, shown.nonce if nonce is None else nonce)
    assert read_answers(folder) == []
    assert store.show(0) == shown


def test_an_answer_cannot_be_changed(store: AnswerStore, folder: Path) -> None:
    shown = store.show(0)
    following = store.answer(made(), shown.nonce)
    for nonce in (shown.nonce, following.nonce):
        with pytest.raises(Refused):
            store.answer(made(answer="right"), nonce)
    assert read_answers(folder) == [made()]
    assert store.show(0) == following


def test_one_of_many_simultaneous_answers_is_kept(store: AnswerStore, folder: Path) -> None:
    shown, results = store.show(0), []

    def give(choice: str) -> None:
        try:
            results.append(store.answer(made(answer=choice), shown.nonce))
        except Refused:
            results.append(choice)

    threads = [threading.Thread(target=give, args=(choice,)) for choice in ("left", "right") * 8]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (kept,) = read_answers(folder)
    assert sorted(map(str, results)) == sorted(
        str(store.show(0)) if choice == kept.answer else choice for choice in ("left", "right") * 8
    )


def _give_together(store: AnswerStore, given: Sequence[tuple[Answer, str]]) -> list[Shown | BaseException]:
    """Gives answers while another one is being written, and returns what became of each."""
    with ThreadPoolExecutor(len(given)) as threads:
        waiting = []
        with store._lock:
            for answer, nonce in given:
                waiting.append(threads.submit(store.answer, answer, nonce))
                while len(store._submissions) < len(waiting):
                    time.sleep(0.001)
        return [one.exception() or one.result() for one in waiting]


def test_answers_that_arrive_together_are_written_together(store: AnswerStore, folder: Path) -> None:
    shown = store.show(0), store.show(1)
    statements: list[str] = []
    store._connection.set_trace_callback(statements.append)
    first, refused, second = _give_together(
        store, [(made(0), shown[0].nonce), (made(1), "wrong"), (made(1, answer="right"), shown[1].nonce)]
    )
    store._connection.set_trace_callback(None)
    assert statements.count("COMMIT") == 1
    assert isinstance(refused, Refused)
    assert [first, second] == [store.show(0), store.show(1)]
    assert read_answers(folder) == [made(0), made(1, answer="right")]


def test_on_a_full_disk_all_answers_that_arrive_together_are_told(store: AnswerStore, folder: Path) -> None:
    shown = store.show(0), store.show(1)
    (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
    store._connection.execute(f"PRAGMA max_page_count={pages}")
    long = replace(made(1), question="q" * 20_000)
    outcomes = _give_together(store, [(made(0), shown[0].nonce), (long, shown[1].nonce)])
    assert [type(outcome) for outcome in outcomes] == [NotSaved, NotSaved]
    assert read_answers(folder) == []
    assert (store.show(0), store.show(1)) == shown


def test_consent_is_noted_once(store: AnswerStore, folder: Path) -> None:
    assert not store.has_consented(1)
    store.consent(1)
    store.consent(1)
    assert store.has_consented(1)
    assert [rater.consented for rater in read_progress(folder)] == [False, True]


def test_a_reopened_store_continues_where_it_was(folder: Path) -> None:
    with AnswerStore(folder) as store:
        store.add_raters(HASHES)
        following = store.answer(made(), store.show(0).nonce)
    with AnswerStore(folder) as store:
        store.add_raters([b"\x03" * 32, b"\x04" * 32])  # links exist already
        assert store.raters() == {HASHES[0]: 0, HASHES[1]: 1}
        assert store.show(0) == following


WRITE_FOREVER = """
import sys
from dataclasses import replace
from pathlib import Path
from analysis.preference.answers import Answer
from analysis.preference.store import AnswerStore
with AnswerStore(Path(sys.argv[1])) as store:
    store.add_raters([b"t"])
    while True:
        shown = store.show(0)
        answer = Answer(0, shown.position, f"q{shown.position}", "left", 1.0, (8, 6), "2026-01-02T03:04:05+00:00")
        store.answer(answer, shown.nonce)
        print(shown.position, flush=True)
"""


def test_a_killed_writer_loses_no_acknowledged_answer(folder: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", WRITE_FOREVER, folder], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        for line in writer.stdout:
            if int(line) == 20:
                break
        writer.send_signal(signal.SIGKILL)
        acknowledged = [line for line in writer.stdout.read().split("\n")[:-1] if line]
    last = int(acknowledged[-1]) if acknowledged else 20
    answers = read_answers(folder)
    assert [answer.position for answer in answers] == list(range(len(answers)))
    assert last + 1 <= len(answers) <= last + 2  # the last one may have been killed before it was acknowledged
    with AnswerStore(folder) as store:
        assert store.show(0).position == len(answers)


def test_a_full_disk_changes_nothing_and_is_over_when_there_is_space(store: AnswerStore, folder: Path) -> None:
    connection = store._connection
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    long = replace(made(), question="q" * 20_000)
    shown = store.show(0)
    connection.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(NotSaved, match="full"):
        store.answer(long, shown.nonce)
    with pytest.raises(UserError, match=r"cannot write .*answers.db: .*full; nothing was added"):
        store.add([replace(long, rater=5), made(rater=6)])
    assert read_answers(folder) == []
    assert store.show(0) == shown
    assert [rater.rater for rater in read_progress(folder)] == [0, 1]
    connection.execute(f"PRAGMA max_page_count={pages + 100}")
    assert store.answer(long, shown.nonce).position == 1
    assert read_answers(folder) == [long]


def test_added_answers_are_all_or_none(store: AnswerStore, folder: Path) -> None:
    unknown = replace(made(2, 0), seconds=None, window=None)
    store.add([made(0, 0), unknown])
    assert read_answers(folder) == [made(0, 0), unknown]
    with pytest.raises(UserError, match="already has answers to these questions; nothing was added"):
        store.add([made(3, 0), made(0, 0, "right")])
    assert read_answers(folder) == [made(0, 0), unknown]
    assert store.show(0).position == 1


def test_a_rater_with_imported_answers_gets_a_link_and_continues(folder: Path) -> None:
    with AnswerStore(folder) as store:
        store.add([made(1, 0)])
        assert store.raters() == {}
        store.add_raters(HASHES)
        assert store.raters() == {HASHES[0]: 0, HASHES[1]: 1}
        assert [store.show(rater).position for rater in (0, 1)] == [0, 1]


def test_answers_to_another_design_are_refused(store: AnswerStore, folder: Path) -> None:
    store.answer(made(), store.show(0).nonce)
    (folder / "design.json").write_text('{"other": 1}')
    for use in (AnswerStore, read_answers, read_progress):
        with pytest.raises(UserError, match=r"answers.db holds answers to another design than .*design.json"):
            use(folder)
    (folder / "design.json").write_text("{}")
    assert read_answers(folder) == [made()]


def foreign(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE other (x)")
    connection.close()


def text(path: Path) -> None:
    path.write_text("rater,answer\n" * 100)


def torn(path: Path) -> None:
    with AnswerStore(path.parent) as store:
        store.add([replace(made(position=i), question="q" * 500) for i in range(50)])
    content = path.read_bytes()
    path.write_bytes(content[:8192] + b"\xff" * (len(content) - 8192))


@pytest.mark.parametrize("make", [foreign, text, torn])
def test_a_broken_file_is_one_line_and_stays_as_it_is(folder: Path, make: object) -> None:
    path = folder / "answers.db"
    make(path)  # type: ignore[operator]
    before = path.read_bytes()
    for use in (AnswerStore, read_answers):
        with pytest.raises(UserError, match=r"answers\.db (is damaged|cannot be used)"):
            use(folder)
    assert path.read_bytes() == before


def test_a_folder_without_a_design_is_no_study(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read .*design\.json"):
        AnswerStore(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_read_only_folder_can_be_read_and_not_served() -> None:
    """Also after a killed writer, whose last answers are still in the write-ahead log."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name)
        (folder / "design.json").write_text("{}")
        with AnswerStore(folder) as store:
            store.add_raters(HASHES)
            store.answer(made(), store.show(0).nonce)
            copies = {path.name: path.read_bytes() for path in folder.iterdir()}
        assert len(copies["answers.db-wal"]) > 0
        for state in ("closed", "killed"):
            if state == "killed":
                for file, content in copies.items():
                    (folder / file).write_bytes(content)
                (folder / "answers.db-shm").unlink()
            for path in folder.iterdir():
                path.chmod(0o444)
            folder.chmod(0o555)
            root = os.geteuid() == 0
            if root:  # whom permissions do not bind
                os.seteuid(65534)
            try:
                before = sorted(path.name for path in folder.iterdir())
                assert read_answers(folder) == [made()]
                with pytest.raises(UserError, match=r"answers\.db cannot be opened: no permission"):
                    AnswerStore(folder)
                assert sorted(path.name for path in folder.iterdir()) == before
            finally:
                if root:
                    os.seteuid(0)
                folder.chmod(0o755)


def test_nothing_is_kept_of_a_rater_but_a_number(store: AnswerStore) -> None:
    columns = {
        table: [row[1] for row in store._connection.execute(f"PRAGMA table_info({table})")]
        for (table,) in store._connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
    }
    assert columns == {
        "study": ["design_sha256", "version"],
        "raters": ["rater", "token_sha256", "consented_at", "nonce"],
        "answers": [
            *("rater", "position", "question", "answer", "seconds", "window_width", "window_height"),
            *("answered_at", "nonce"),
        ],
    }
