"""Data of the page, as passed to its template; texts are not escaped yet."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class HtmlTable:
    """A table of the page.

    Attributes:
        head: column titles.
        rows: cells; the first cell of a row is its name.
        caption: shown above the table.
        words: indices of the columns that hold text and are left-aligned; the others hold numbers.
        notes: sentences below the table.
        aside: indices of reference rows, such as real clips, which are set apart from the arms.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    words: frozenset[int] = frozenset({0})
    notes: tuple[str, ...] = ()
    aside: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Finding:
    """A part of the summary: title, text, and list items."""

    title: str
    text: str
    items: tuple[str, ...] = ()


@dataclass(frozen=True)
class Summary:
    """The main result in one or two sentences, and the findings behind it."""

    answer: str
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Picture:
    """A figure or an animated clip, as data URIs.

    Attributes:
        source: the picture.
        still: picture for print and for readers who prefer reduced motion; empty if `source` is not animated.
        alt: text for readers who cannot see the picture.
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
    """A section of the page.

    Attributes:
        anchor: id in the page.
        lead: first paragraphs.
        terms: (term, explanation) pairs.
        commands: shell commands.
        notes: remarks, for example on what is missing and why.
        folded: (title, text) of collapsed parts.
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
        facts: (name, value) pairs below the title.
        banners: warnings, such as an unfinished study or procedural data.
    """

    title: str
    facts: tuple[tuple[str, str], ...]
    banners: tuple[str, ...]
    summary: Summary
    sections: tuple[Section, ...] = field(default_factory=tuple)
