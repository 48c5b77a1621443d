"""The pages in a real browser: a whole study by keyboard, through a closed browser and a killed server, and looks."""

from __future__ import annotations

import json
import random
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from amc import __main__ as amc_main
from analysis import __main__ as analysis_main
from analysis.preference.answers import read_answers
from analysis.preference.assignment import intact_side
from analysis.preference.clips import ClipStore
from analysis.preference.design import Design, Question, read_design
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


def press(page: Page, question: Question, answer: str, rng: random.Random) -> None:
    """Chooses an answer by keyboard; Enter is not pressed."""
    if question.kind == "pair":
        page.keyboard.press(rng.choice({"left": ("1", "ArrowLeft"), "right": ("2", "ArrowRight")}[answer]))
    else:
        for _ in range(question.choices.index(answer) + 1):
            page.keyboard.press("ArrowDown")
    expect(page.locator("input:checked")).to_have_value(answer)


def study_of_smoke_methods(root: Path) -> Path:
    """Two smoke runs, and a study of 20 conditions: 40 pairs that count, a training pair, catch trials and naming."""
    sources = []
    for seed in ("0", "1"):
        train = ["train", "--dataset", "natops", "--preset", "smoke", "--steps", "3", "--seed", seed]
        assert amc_main.main([*train, "--out", str(root / f"run{seed}")]) == 0
        sources += ["--source", f"method{seed}={root / f'run{seed}'}"]
    options = ["--conditions", "20", "--raters", "1", "--labels", "both", "--naming", "--out", str(root / "study")]
    assert analysis_main.main(["preference", "create", *sources, *options]) == 0
    return root / "study"


def test_forty_pairs_by_keyboard_through_a_closed_browser_and_a_killed_server(
    browser: Browser, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = study_of_smoke_methods(tmp_path)
    with ServedStudy(folder) as study:
        questions = study.questions[0]
    design, rng = read_design(folder), random.Random(0)
    # Broken clips are recognized, so that the rater is not excluded; the rest is at random.
    given = [intact_side(design, q) if q.role == "catch" else rng.choice(q.choices) for q in questions]

    def answer(page: Page, first: int, last: int) -> None:
        for number in range(first, last + 1):
            at(page, number)
            expect(page.get_by_role("alert")).to_be_hidden()
            press(page, questions[number - 1], given[number - 1], rng)
            page.keyboard.press("Enter")

    with serve_command(folder, "--port", "0", stop=signal.SIGKILL):
        link = links(folder)[0]
        port = link.split(":")[2].split("/")[0]
        with browser.new_context() as context:
            page = context.new_page()
            start(page, link)
            answer(page, 1, 15)
            at(page, 16)
            press(page, questions[15], "left", rng)  # chosen, but not sent when the browser is closed
        context = browser.new_context()
        page = context.new_page()
        page.goto(link)
        answer(page, 16, 25)
        at(page, 26)
    # The server has been killed. The answer cannot be sent, and the page says so.
    press(page, questions[25], given[25], rng)
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("The study cannot be reached")
    expect(page.get_by_role("button", name="Try again")).to_be_focused()
    assert len(read_answers(folder)) == 25
    with serve_command(folder, "--port", port):
        page.keyboard.press("Enter")
        answer(page, 27, len(questions))
        expect(page.get_by_role("heading")).to_have_text("Thank you")
        page.goto(link)
        expect(page.get_by_role("heading")).to_have_text("Thank you")
        context.close()
    answers = read_answers(folder)
    assert [(a.position, a.question, a.answer) for a in answers] == [
        (i, question.id, chosen) for i, (question, chosen) in enumerate(zip(questions, given, strict=True))
    ]
    assert all(a.seconds and a.window == (1280, 720) for a in answers)
    counted = [q for q in questions if q.role == "main" and q.kind == "pair"]
    assert len(counted) == 40
    assert_table_counts(folder, design, counted, dict(zip((q.id for q in questions), given, strict=True)), capsys)


def assert_table_counts(
    folder: Path, design: Design, pairs: list[Question], given: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Table 5 has exactly these pairs, and in each row how often the first method was chosen."""
    capsys.readouterr()
    assert analysis_main.main(["preference", "summarize", str(folder), "--json"]) == 0
    table = json.loads(capsys.readouterr().out)
    assert table["caption"]["raters"] == 1
    assert sum(row["conditions"] * row["raters"] for row in table["rows"]) == len(pairs)
    for row in table["rows"]:
        chosen = []
        for question in pairs:
            _, other, condition = question.id.split(":")
            shown = "shown" if design.conditions[int(condition)].label_shown else "hidden"
            if (other, shown) == (row["other"], row["labels"]):
                clip = question.left if given[question.id] == "left" else question.right
                chosen.append(clip in design.focus.clips)
        assert len(chosen) == row["conditions"]
        assert row["mean"] == pytest.approx(100 * sum(chosen) / len(chosen))


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
        for number, question in enumerate(running.study.questions[0], 1):
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
        question, design, clips = running.study.questions[0][0], running.study.design, ClipStore(folder)
        assert question.right is not None
        shape = (design.frames, design.height * design.width * 3)
        frames = [
            [",".join(map(str, frame)) for frame in clips.frames(clip).reshape(shape)]
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
