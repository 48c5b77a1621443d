"""What raters see: HTML pages from templates, and questions in words for the page's script."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markdown_it import MarkdownIt

from analysis.preference.design import Design, Question
from analysis.preference.store import Shown
from analysis.preference.texts import Texts

NONE = "none"  # the choice of a naming question that names no class


class Pages:
    """Renders the pages of a study in its own words."""

    def __init__(self, texts: Texts, design: Design) -> None:
        self._say = texts.messages
        markdown = MarkdownIt("commonmark", {"html": False})
        self._consent = markdown.render(texts.consent)
        self._instructions = markdown.render(texts.instructions)
        self._design = design
        self._templates = Environment(
            loader=PackageLoader("analysis.preference.server"), autoescape=True, undefined=StrictUndefined
        )

    def consent(self, base: str) -> str:
        """The consent text with a button that accepts it."""
        say = self._say["consent"]
        return self._text(say["heading"], self._consent, button=say["accept"], post=f"{base}/consent")

    def instructions(self, base: str, answered: int) -> str:
        """The instructions with a link to the questions."""
        say = self._say["instructions"]
        button = say["continue" if answered else "start"]
        return self._text(say["heading"], self._instructions, button=button, link=f"{base}/questions")

    def finished(self) -> str:
        """The page after the last question."""
        return self._plain("finished")

    def not_found(self) -> str:
        """The page for every address that does not exist or that the visitor may not see."""
        return self._plain("not_found")

    def not_saved(self) -> str:
        """The page for a disk that is full before the first question."""
        return self._text(
            self._say["page"]["title"], self._render("paragraph.html", text=self._say["trouble"]["not_saved"])
        )

    def question(self, base: str) -> str:
        """The page whose script shows one question after the other."""
        design = self._design
        clip = {"frames": design.frames, "height": design.height, "width": design.width, "rate": design.rate}
        words = dict(self._say["question"]) | dict(self._say["trouble"])
        return self._render("question.html", base=base, clip=clip, words=words)

    def in_words(self, question: Question, shown: Shown, total: int) -> dict[str, Any]:
        """A question for the page's script. Nothing in it depends on the methods that are compared."""
        say = self._say["question"]
        pair = question.kind == "pair"
        if not pair:
            prompt = say["naming"]
        elif question.label is None:
            prompt = say["pair"]
        else:
            prompt = say["pair_labelled"].format(label=self._class_name(question.label))
        sides = ("left", "right") if pair else ("left",)
        return {
            "finished": False,
            "position": shown.position,
            "nonce": shown.nonce,
            "total": total,
            "progress": say["progress"].format(number=shown.position + 1, total=total),
            "training": question.role == "training",
            "kind": question.kind,
            "prompt": prompt,
            "keys": say["keys_pair" if pair else "keys_naming"],
            "videos": [{"side": side, "text": say[f"{side}_video" if pair else "video"]} for side in sides],
            "choices": [{"value": value, "text": self._choice(value, pair)} for value in question.choices],
        }

    def _choice(self, value: str, pair: bool) -> str:
        return self._say["question"][value] if pair or value == NONE else self._class_name(value)

    def _class_name(self, name: str) -> str:
        return self._say["classes"].get(name, name)

    def _plain(self, section: str) -> str:
        say = self._say[section]
        return self._text(say["heading"], self._render("paragraph.html", text=say["text"]))

    def _text(self, heading: str, html: str, **more: str) -> str:
        return self._render("text.html", heading=heading, html=html, **{"button": "", "post": "", "link": "", **more})

    def _render(self, name: str, **values: Any) -> str:
        return self._templates.get_template(name).render(say=self._say, **values)
