"""The web application by HTTP: a rater's way through it, and what it refuses."""

from __future__ import annotations

import contextlib
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from analysis.preference.answers import read_answers, read_progress
from analysis.preference.clips import ClipStore
from analysis.preference.server import study
from analysis.preference.server.app import router
from analysis.preference.server.security import BODY_LIMIT, HEADERS
from tests.analysis.preference.served_study import SECRETS, make_study
from tests.analysis.preference.serving import Rater, Served, body, served


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_study(tmp_path / "study", raters=2)


@pytest.fixture
def running(folder: Path) -> Iterator[Served]:
    with served(folder) as opened:
        yield opened


@pytest.fixture
def rater(running: Served) -> Rater:
    running.raters[0].consent()
    return running.raters[0]


def test_a_rater_answers_every_question_once(running: Served, folder: Path) -> None:
    rater, questions, clips = running.raters[0], running.study.questions[0], ClipStore(folder)
    assert "/consent" in rater.get().text
    assert rater.get("/question").status_code == 403
    rater.consent()
    assert "/questions" in rater.get().text
    question = rater.question()
    for position, expected in enumerate(questions):
        assert question["position"] == position
        assert question["training"] == (expected.role == "training")
        assert [choice["value"] for choice in question["choices"]] == list(expected.choices)
        for video in question["videos"]:
            pixels = rater.get(f"/clip/{position}/{video['side']}")
            assert pixels.headers["Content-Type"] == "application/octet-stream"
            assert pixels.content == clips.frames(getattr(expected, video["side"])).tobytes()
        response = rater.answer(question, answer=expected.choices[-1])
        assert response.status_code == 200
        question = response.json()
    assert question == {"finished": True}
    assert rater.question() == {"finished": True}
    assert "Thank you" in rater.get().text
    answers = read_answers(folder)
    assert [(a.rater, a.position, a.question, a.answer) for a in answers] == [
        (0, i, question.id, question.choices[-1]) for i, question in enumerate(questions)
    ]
    assert {(a.seconds, a.window) for a in answers} == {(1.25, (390, 844))}


def test_clips_that_do_not_fit_in_memory_are_decoded_on_request(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "CLIP_MEMORY", 0)
    with served(folder) as running:
        rater = running.raters[0]
        rater.consent()
        left = ClipStore(folder).frames(running.study.questions[0][0].left)
        assert rater.get("/clip/0/left").content == left.tobytes()


def test_a_rater_comes_back_to_the_same_question(rater: Rater, folder: Path, running: Served) -> None:
    following = rater.answer(rater.question()).json()
    assert "data-base" in rater.get().text  # straight to the questions
    assert rater.question() == following
    assert "Continue" in rater.get("/instructions").text


def test_a_link_opens_no_other_raters_pages(running: Served, folder: Path) -> None:
    first, second = running.raters
    assert first.link != second.link
    for opened in running.raters:
        opened.consent()
    first.answer(first.question())
    mine, theirs = first.question(), second.question()
    assert (mine["position"], theirs["position"]) == (1, 0)
    assert mine["nonce"] != theirs["nonce"]
    assert first.get("/clip/0/left").status_code == 404
    assert first.get("/clip/1/left").status_code == second.get("/clip/0/left").status_code == 200
    assert second.get("/clip/1/left").status_code == 404
    for question in (theirs, mine | {"nonce": theirs["nonce"]}):
        assert first.answer(question).status_code == 409
    assert second.answer(mine).status_code == 409
    assert [answer.rater for answer in read_answers(folder)] == [0]
    assert (first.question(), second.question()) == (mine, theirs)


PATHS = [
    ("GET", ""),
    ("GET", "/question"),
    ("GET", "/questions"),
    ("GET", "/instructions"),
    ("GET", "/clip/0/left"),
    ("POST", "/consent"),
    ("POST", "/answer"),
]


def test_unknown_and_malformed_tokens_look_alike(running: Served, folder: Path) -> None:
    token = running.raters[0].link.rpartition("/")[2]
    guesses = [
        "A" * 32,
        token[:-1],
        token.swapcase(),
        token + "A",
        "x",
        "A" * 4000,
        "%00",
        "%ff%fe",
        "..",
        "' OR 1=1--",
    ]
    seen = set()
    for guess in guesses:
        for method, path in PATHS:
            url = f"{running.origin}/r/{guess}{path}"
            response = requests.request(method, url, json={}, timeout=30)
            headers = {name: value for name, value in response.headers.items() if name.lower() != "date"}
            seen.add((response.status_code, response.text, str(headers)))
    assert len(seen) == 1
    assert seen.pop()[0] == 404
    assert not any(rater.consented for rater in read_progress(folder))


def changed(folder: Path) -> object:
    return read_answers(folder), read_progress(folder)


def test_double_submission_and_replay_are_one_answer(rater: Rater, folder: Path) -> None:
    question = rater.question()
    following = rater.answer(question).json()
    assert rater.answer(question, seconds=9.0).json() == following
    rater.answer(following)
    before = changed(folder)
    third = rater.question()
    assert rater.answer(question).json() == third  # an old answer, replayed as it was
    assert rater.answer(question, answer="right").status_code == 409
    assert changed(folder) == before
    assert rater.question() == third


@pytest.mark.parametrize("position", [1, 2, 5, 10**6, 10**30])
def test_answers_to_questions_never_shown_are_refused(rater: Rater, folder: Path, position: int) -> None:
    question = rater.question()
    before = changed(folder)
    assert rater.answer(question, position=position).status_code in (400, 409)
    assert rater.get(f"/clip/{position}/left").status_code == 404
    assert changed(folder) == before
    assert rater.question() == question


def test_nothing_can_be_answered_before_consent_or_before_the_question_was_asked_for(
    running: Served, folder: Path
) -> None:
    rater = running.raters[0]
    guess = {"position": 0, "nonce": "", "choices": [{"value": "left"}]}
    assert rater.answer(guess).status_code == 403
    rater.consent()
    before = changed(folder)
    assert rater.answer(guess).status_code == 409
    assert changed(folder) == before


WRONG: list[dict[str, Any]] = [
    {"answer": "middle"},
    {"answer": None},
    {"answer": "x" * 300},
    {"nonce": "x"},
    {"nonce": ["x"]},
    {"position": -1},
    {"position": "0"},
    {"position": 0.5},
    {"position": True},
    {"seconds": -1},
    {"seconds": 1e9},
    {"seconds": "1"},
    {"seconds": float("nan")},
    {"window_width": 0},
    {"window_height": 10**9},
    {"more": 1},
]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_malformed_answers_are_refused(rater: Rater, folder: Path, wrong: dict[str, Any]) -> None:
    question = rater.question()
    before = changed(folder)
    text = json.dumps(body(question) | wrong)
    response = rater.post("/answer", data=text, headers={"Content-Type": "application/json"})
    assert response.status_code in (400, 409)
    assert list(response.json()) == ["error"]
    assert changed(folder) == before
    assert rater.answer(question).status_code == 200


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 1000, b'{"position": 0}'])
def test_what_is_not_an_answer_is_refused(rater: Rater, folder: Path, text: bytes) -> None:
    before = changed(folder)
    response = rater.post("/answer", data=text, headers={"Content-Type": "application/json"})
    assert response.status_code == 400
    assert changed(folder) == before


def test_a_form_of_another_site_cannot_answer(rater: Rater, folder: Path) -> None:
    """Forms can send these three types without the browser asking this server first; JSON they cannot."""
    question = rater.question()
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        response = rater.post("/answer", data=json.dumps(body(question)), headers={"Content-Type": kind})
        assert response.status_code == 415
    assert read_answers(folder) == []


def test_oversized_requests_are_refused(rater: Rater, folder: Path, running: Served) -> None:
    question = rater.question()
    text = json.dumps(body(question)).encode()
    padded = text + b" " * (BODY_LIMIT + 1 - len(text))
    kind = {"Content-Type": "application/json"}
    assert rater.post("/answer", data=padded, headers=kind).status_code == 413
    assert rater.post("/answer", data=iter([padded[:500], padded[500:]]), headers=kind).status_code == 413  # chunked
    with contextlib.suppress(requests.RequestException):  # the server may hang up while the header is still coming
        assert rater.get(headers={"X-Long": "x" * 1_000_000}).status_code == 400
    assert read_answers(folder) == []
    assert rater.post("/answer", data=padded[:-1], headers=kind).status_code == 200


def test_a_body_without_end_is_cut_off(rater: Rater, running: Served, folder: Path) -> None:
    """The answer comes while the sender is still sending: the server does not read on."""
    host, port = running.origin.removeprefix("http://").split(":")
    path = rater.link.removeprefix(running.origin)
    with socket.create_connection((host, int(port)), timeout=30) as sender:
        sender.sendall(
            f"POST {path}/answer HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
            f"Content-Length: 1000000000\r\n\r\n{' ' * 2 * BODY_LIMIT}".encode()
        )
        assert sender.recv(100).startswith(b"HTTP/1.1 413")
    assert read_answers(folder) == []


@pytest.mark.parametrize("name", ["answers.db", "answers.db-wal", "links.csv", "design.json", "texts/consent.md"])
def test_files_of_the_study_are_not_reachable(rater: Rater, running: Served, folder: Path, name: str) -> None:
    assert (folder / name).exists()
    token = rater.link.removeprefix(running.origin)
    host, port = running.origin.removeprefix("http://").split(":")
    for base in ("/", "/static/", f"{token}/", f"{token}/clip/0/", "/r/"):
        for up in ("", "../", "../../", "../../../../", "%2e%2e/", "..%2f", "..%5c", "/", str(folder.absolute()) + "/"):
            with socket.create_connection((host, int(port)), timeout=30) as raw:  # clients would tidy the path
                raw.sendall(f"GET {base}{up}{name} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
                assert raw.recv(100).startswith(b"HTTP/1.1 404"), (base, up)


def test_there_are_no_other_addresses(running: Served) -> None:
    assert sorted(route.path for route in router.routes) == [  # type: ignore[attr-defined]
        "/r/{token}",
        "/r/{token}/answer",
        "/r/{token}/clip/{position}/{side}",
        "/r/{token}/consent",
        "/r/{token}/instructions",
        "/r/{token}/question",
        "/r/{token}/questions",
        "/static/{name}",
    ]
    for path in ("", "/docs", "/redoc", "/openapi.json", "/r", "/r/", "/static", "/static/", "/results", "/tables"):
        assert requests.get(running.origin + path, timeout=30).status_code == 404


def test_every_response_forbids_framing_foreign_content_and_caching(
    running: Served, rater: Rater, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = rater.question()
    responses = [rater.get(path) for path in ("", "/question", "/questions", "/instructions", "/clip/0/left", "/none")]
    responses += [requests.get(f"{running.origin}/static/{name}", timeout=30) for name in ("style.css", "question.js")]
    responses += [rater.answer(question, answer="middle"), rater.post("/answer"), rater.post("")]
    responses += [rater.get(headers={"Host": "evil.example"})]
    monkeypatch.setattr(running.study.store, "position", lambda rater: 1 / 0)
    responses += [rater.get()]
    assert [response.status_code for response in responses] == [200] * 5 + [404, 200, 200, 409, 415, 404, 400, 500]
    for response in responses:
        assert {name: response.headers.get(name) for name in HEADERS} == HEADERS
        assert "server" not in response.headers
        assert "set-cookie" not in response.headers
    policy = HEADERS["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "ZeroDivisionError" not in responses[-1].text


def test_a_foreign_name_does_not_reach_the_server(folder: Path) -> None:
    with served(folder, ["127.0.0.1", "study.example.org"]) as running:
        rater = running.raters[0]
        for host, status in {
            "127.0.0.1": 200,
            "127.0.0.1:99": 200,
            "study.example.org": 200,
            "STUDY.example.org:443": 200,
            "evil.example": 400,
            "study.example.org.evil.example": 400,
            "127.0.0.1.evil.example": 400,
            "": 400,
        }.items():
            assert rater.get(headers={"Host": host}).status_code == status, host


def test_pages_load_nothing_from_elsewhere_and_need_no_inline_code(running: Served, rater: Rater) -> None:
    pages = [running.raters[1].get().text, rater.get("/instructions").text, rater.get("/questions").text]
    pages += [rater.get("/none").text]
    for page in pages:
        assert set(re.findall(r'(?:src|href|action)="([^"/]*)', page)) == {""}  # paths of this server
        assert "//" not in re.sub(r"<!DOCTYPE[^>]*>", "", page)
        assert not re.search(r"<style|style=|<script(?! src)|\son\w+=", page)


def test_nothing_that_a_rater_gets_tells_a_method(running: Served, rater: Rater) -> None:
    """Neither the names of sources, nor ids of clips and questions, nor the role of a catch trial, nor a length."""
    lengths, shapes, question = set(), {}, rater.question()
    token = rater.link.rpartition("/")[2]
    while not question["finished"]:
        expected = running.study.questions[0][question["position"]]
        sent = [json.dumps(question | {"nonce": ""}), rater.get("/questions").text.replace(token, "")]
        for video in question["videos"]:
            response = rater.get(f"/clip/{question['position']}/{video['side']}")
            lengths.add((len(response.content), tuple(sorted(set(response.headers) - {"date"}))))
        # That the first pair is for training is said on its page.
        for secret in {*SECRETS, expected.id, expected.left, expected.right} - {None, "training"}:
            assert not any(str(secret) in text for text in sent), secret
        assert not any("catch" in text for text in sent)
        shapes.setdefault(question["kind"], set()).add(tuple(sorted(question)))
        question = rater.answer(question).json()
    assert len(lengths) == 1
    assert all(len(keys) == 1 for keys in shapes.values())


def test_an_answer_that_cannot_be_saved_can_be_sent_again(running: Served, rater: Rater, folder: Path) -> None:
    question = rater.question()
    rater.answer(question)
    question, before = rater.question(), changed(folder)
    running.study.store._connection.execute("PRAGMA query_only=ON")  # test_serve.py has a disk that is full
    assert rater.answer(question).status_code == 503
    assert changed(folder) == before
    assert rater.question() == question
    running.study.store._connection.execute("PRAGMA query_only=OFF")
    assert rater.answer(question).status_code == 200
    assert [answer.position for answer in read_answers(folder)] == [0, 1]


def test_pages_show_a_page_where_the_script_gets_an_error(running: Served) -> None:
    rater, browser = running.raters[0], {"Accept": "text/html,*/*"}
    for path in ("/questions", "/instructions"):
        assert rater.get(path).json() == {"error": 403}
        assert "/consent" in rater.get(path, headers=browser).text  # sent on to the consent text
    running.study.store._connection.execute("PRAGMA query_only=ON")
    response = rater.post("/consent", headers=browser)
    assert response.status_code == 503
    assert "<p>This could not be saved." in response.text
    running.study.store._connection.execute("PRAGMA query_only=OFF")
    assert "/consent" in rater.get().text


def test_words_come_from_the_studys_files(folder: Path) -> None:
    path = folder / "texts" / "messages.toml"
    text = path.read_text().replace('language = "en"', 'language = "ar"').replace('"ltr"', '"rtl"')
    path.write_text(text.replace('heading = "Instructions"', 'heading = "<b>Hinweise & mehr</b>"'))
    (folder / "texts" / "instructions.md").write_text("*Hier* <script>alert(1)</script> [x](javascript:alert(1))")
    with served(folder) as running:
        rater = running.raters[0]
        rater.consent()
        page = rater.get("/instructions").text
    assert '<html lang="ar" dir="rtl">' in page
    assert "<h1>&lt;b&gt;Hinweise &amp; mehr&lt;/b&gt;</h1>" in page
    assert "<em>Hier</em>" in page
    assert "<script" not in page
    assert 'href="javascript' not in page
