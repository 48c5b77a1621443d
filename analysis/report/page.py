"""What the page's template is given: plain values, every text still unescaped."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class HtmlTable:
    """A table of the page.

    Attributes:
        head: a title a column.
        rows: a cell a column each; the first names the row.
        caption: what is shown.
        words: columns that hold words and so stand to the left; the others hold numbers.
        notes: lines below it.
        aside: rows, by their place, that are no arm: references, which are set apart.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    words: frozenset[int] = frozenset({0})
    notes: tuple[str, ...] = ()
    aside: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Finding:
    """A statement of the summary: its title, a sentence or more, and what it lists."""

    title: str
    text: str
    items: tuple[str, ...] = ()


@dataclass(frozen=True)
class Summary:
    """The answer in a sentence or two, and what stands behind it."""

    answer: str
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Picture:
    """A figure, strip or moving clip as data URIs.

    Attributes:
        source: what the screen shows.
        still: what print and readers who want no motion get; empty where `source` does not move.
        alt: what it shows, for those who cannot see it.
    """

    title: str
    source: str
    alt: str
    caption: str = ""
    still: str = ""
    width: int = 0
    height: int = 0


@dataclass(frozen=True)
class Section:
    """A part of the page under a heading.

    Attributes:
        anchor: its identifier, a word.
        lead: paragraphs before all else.
        terms: (term, explanation).
        commands: lines for a shell.
        notes: of what is missing, and why.
        folded: (title, text) that is shown when asked for.
    """

    anchor: str
    title: str
    lead: tuple[str, ...] = ()
    grids: tuple[HtmlTable, ...] = ()
    pictures: tuple[Picture, ...] = ()
    clips: tuple[Picture, ...] = ()
    terms: tuple[tuple[str, str], ...] = ()
    commands: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    folded: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Page:
    """The report.

    Attributes:
        facts: (name, value) at its head.
        banners: what nobody may overlook: that it is not finished, that the data are made.
    """

    title: str
    facts: tuple[tuple[str, str], ...]
    banners: tuple[str, ...]
    summary: Summary
    sections: tuple[Section, ...] = field(default_factory=tuple)
