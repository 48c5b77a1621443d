"""The pages in a real browser: a whole study by keyboard, through a closed browser and a killed server, and looks."""

from __future__ import annotations

import random
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from analysis.preference.answers import read_answers
from analysis.preference.server.study import ServedStudy
from tests.analysis.preference.browser import axe_core, chromium, faults
from tests.analysis.preference.served_study import make_study
from tests.analysis.preference.serving import links, serve_command, served

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


def start(page: Page, link: str) -> None:
    """From the link to the first question, by keyboard alone."""
    page.goto(link)
    for name in ("I have read this and agree to take part", "Start"):
        expect(page.get_by_text(name)).to_be_visible()
        page.keyboard.press("Tab")
        expect(page.get_by_text(name)).to_be_focused()
        page.keyboard.press("Enter")
    at(page, 1)


def at(page: Page, number: int) -> None:
    """Waits for a question, by its number from 1."""
    expect(page.locator("#progress-text")).to_have_text(re.compile(rf"Question {number} of \d+"), timeout=30_000)
    expect(page.locator("#question")).to_be_visible()


def press(page: Page, question: Any, rng: random.Random) -> str:
    """Chooses an answer by keyboard and returns it; Enter is not pressed."""
    if question.kind == "pair":
        key, answer = rng.choice([("1", "left"), ("2", "right"), ("ArrowLeft", "left"), ("ArrowRight", "right")])
        page.keyboard.press(key)
    else:
        steps = rng.randrange(len(question.choices))
        answer = question.choices[steps]
        for _ in range(steps + 1):
            page.keyboard.press("ArrowDown")
    expect(page.locator("input:checked")).to_have_value(answer)
    return answer


def test_forty_pairs_by_keyboard_through_a_closed_browser_and_a_killed_server(browser: Browser, tmp_path: Path) -> None:
    folder = make_study(tmp_path / "study", raters=1)
    with ServedStudy(folder) as study:
        questions = study.questions(0)
    rng, given = random.Random(0), []
    with serve_command(folder, "--port", "0", stop=signal.SIGKILL):
        link = links(folder)[0]
        port = link.split(":")[2].split("/")[0]
        with browser.new_context() as context:
            page = context.new_page()
            start(page, link)
            for number in range(1, 16):
                at(page, number)
                given.append(press(page, questions[number - 1], rng))
                page.keyboard.press("Enter")
            at(page, 16)
            press(page, questions[15], rng)  # chosen, but not sent when the browser is closed
        context = browser.new_context()
        page = context.new_page()
        page.goto(link)
        for number in range(16, 26):
            at(page, number)
            given.append(press(page, questions[number - 1], rng))
            page.keyboard.press("Enter")
        at(page, 26)
    # The server has been killed. The answer cannot be sent, and the page says so.
    given.append(press(page, questions[25], rng))
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("There is no connection")
    expect(page.get_by_role("button", name="Try again")).to_be_focused()
    assert len(read_answers(folder)) == 25
    with serve_command(folder, "--port", port):
        page.keyboard.press("Enter")
        for number in range(27, len(questions) + 1):
            at(page, number)
            expect(page.get_by_role("alert")).to_be_hidden()
            given.append(press(page, questions[number - 1], rng))
            page.keyboard.press("Enter")
        expect(page.get_by_role("heading")).to_have_text("Thank you")
        page.goto(link)
        expect(page.get_by_role("heading")).to_have_text("Thank you")
        context.close()
    answers = read_answers(folder)
    assert [(a.position, a.question, a.answer) for a in answers] == [
        (i, question.id, answer) for i, (question, answer) in enumerate(zip(questions, given, strict=True))
    ]
    assert len(answers) == len(questions)
    assert sum(question.role == "main" and question.kind == "pair" for question in questions) == 40
    assert all(answer.seconds and answer.window == (1280, 720) for answer in answers)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_study(tmp_path / "study", raters=1)


VIEWS: dict[str, dict[str, Any]] = {
    "laptop": {"viewport": {"width": 1280, "height": 720}},
    "phone": {
        "viewport": {"width": 390, "height": 844},
        "device_scale_factor": 3,
        "is_mobile": True,
        "has_touch": True,
    },
    "narrow": {"viewport": {"width": 320, "height": 568}, "device_scale_factor": 2},
    "dark": {"viewport": {"width": 1280, "height": 720}, "color_scheme": "dark"},
    "zoom": {"viewport": {"width": 640, "height": 360}, "device_scale_factor": 2},  # a laptop at 200%
    "still": {"viewport": {"width": 1280, "height": 720}, "reduced_motion": "reduce"},
}


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    return axe_core(tmp_path_factory.mktemp("axe"))


@pytest.mark.parametrize("view", VIEWS)
def test_no_page_has_an_accessibility_fault(browser: Browser, folder: Path, axe: str, view: str) -> None:
    """Also none scrolls sideways, loads from elsewhere or logs an error."""
    with served(folder) as running, browser.new_context(**VIEWS[view]) as context:
        page, link, seen = context.new_page(), running.raters[0].link, []
        problems: list[str] = []
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda request: seen.append(request.url))

        def check() -> None:
            assert faults(page, axe) == []
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")

        page.goto(link)
        check()
        page.get_by_role("button").click()
        check()
        page.get_by_role("link").click()
        shown = set()
        for number, question in enumerate(running.study.questions(0), 1):
            at(page, number)
            if view == "still":
                page.get_by_role("button", name="Play").click()
            if (question.kind, question.role, question.label is None) not in shown:
                shown.add((question.kind, question.role, question.label is None))
                check()
                page.get_by_role("radio").last.check()
                check()
                if len(shown) == 1:
                    page.screenshot(path=folder / f"{view}.png")
            page.get_by_role("radio").last.check()
            page.get_by_role("button", name="Next").click()
        expect(page.get_by_role("heading")).to_have_text("Thank you")
        check()
        assert problems == []
        assert all(url.startswith(running.origin) for url in seen)
        page.goto(f"{running.origin}/r/none")
        check()


FRAME_OF = """([canvas, frames]) => {
  const { width, height } = canvas, pixels = canvas.getContext("2d").getImageData(0, 0, width, height).data;
  const rgb = [...pixels].filter((_, i) => i % 4 !== 3).join();
  return frames.indexOf(rgb);
}"""


def test_both_clips_play_the_same_frame_sharp_edged_and_large(browser: Browser, folder: Path) -> None:
    with served(folder) as running, browser.new_context(**VIEWS["laptop"]) as context:
        page = context.new_page()
        start(page, running.raters[0].link)
        question, design = running.study.questions(0)[0], running.study.design
        shape = (design.frames, design.height * design.width * 3)
        frames = [
            [",".join(map(str, frame)) for frame in np.frombuffer(running.study.clip(clip), np.uint8).reshape(shape)]
            for clip in (question.left, question.right)
        ]
        script = f"(frames) => [...document.querySelectorAll('canvas')].map((c, i) => ({FRAME_OF})([c, frames[i]]))"
        seen = set()
        for _ in range(40):
            left, right = page.evaluate(script, frames)
            assert left == right >= 0
            seen.add(left)
            page.wait_for_timeout(30)
        assert len(seen) > 1
        canvas = page.locator("canvas").first
        assert canvas.evaluate("c => getComputedStyle(c).imageRendering") == "pixelated"
        box = canvas.bounding_box()
        assert box is not None
        assert box["width"] % design.width == 0
        assert box["width"] >= 300


def test_reduced_motion_gives_a_play_button(browser: Browser, folder: Path) -> None:
    with served(folder) as running, browser.new_context(**VIEWS["still"]) as context:
        page = context.new_page()
        start(page, running.raters[0].link)
        before = page.evaluate("document.querySelector('canvas').toDataURL()")
        page.keyboard.press("1")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("Please play the videos first.")
        assert page.evaluate("document.querySelector('canvas').toDataURL()") == before
        page.get_by_role("button", name="Play").click()
        page.wait_for_function("before => document.querySelector('canvas').toDataURL() !== before", arg=before)
        page.get_by_role("button", name="Pause").click()
        page.get_by_role("button", name="Next").click()
        at(page, 2)
        expect(page.get_by_role("button", name="Play")).to_be_visible()


def test_touch_and_a_screen_readers_view(browser: Browser, folder: Path) -> None:
    with served(folder) as running, browser.new_context(**VIEWS["phone"]) as context:
        page = context.new_page()
        page.goto(running.raters[0].link)
        page.get_by_role("button").tap()
        page.get_by_role("link").tap()
        at(page, 1)
        expect(page.get_by_role("status")).to_have_text(re.compile(r"Question 1 of \d+\. Practice"))
        expect(page.locator("h1")).to_be_focused()
        expect(page.get_by_role("img", name="Left video")).to_be_visible()
        expect(page.get_by_role("progressbar")).to_have_accessible_name(re.compile("Question 1"))
        page.get_by_role("button", name="Next").tap()
        expect(page.get_by_role("alert")).to_contain_text("Please choose an answer first.")
        page.get_by_role("img", name="Right video").tap()
        expect(page.get_by_role("radio", name="Right")).to_be_checked()
        expect(page.get_by_role("alert")).to_be_hidden()
        for button in (page.get_by_role("button", name="Next"), page.get_by_text("Left", exact=True)):
            box = button.bounding_box()
            assert box is not None
            assert box["height"] >= 44
        page.get_by_role("button", name="Next").tap()
        at(page, 2)
        (answer,) = read_answers(folder)
        assert answer.answer == "right"
        assert answer.window == (390, 844)


def test_a_question_answered_in_another_window_is_passed_over(browser: Browser, folder: Path) -> None:
    with served(folder) as running, browser.new_context() as context:
        first, second = context.new_page(), context.new_page()
        start(first, running.raters[0].link)
        second.goto(running.raters[0].link + "/questions")
        at(second, 1)
        first.keyboard.press("1")
        first.keyboard.press("Enter")
        at(first, 2)
        second.keyboard.press("2")
        second.keyboard.press("Enter")
        at(second, 2)
        expect(second.get_by_role("alert")).to_contain_text("This question was already answered")
        (answer,) = read_answers(folder)
        assert answer.answer == "left"


def test_an_answer_that_cannot_be_saved_is_told_and_sent_again(browser: Browser, folder: Path) -> None:
    with served(folder) as running, browser.new_context() as context:
        page = context.new_page()
        start(page, running.raters[0].link)
        running.study.store._connection.execute("PRAGMA query_only=ON")
        page.keyboard.press("1")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("This could not be saved")
        running.study.store._connection.execute("PRAGMA query_only=OFF")
        page.keyboard.press("Enter")
        at(page, 2)
        assert len(read_answers(folder)) == 1
