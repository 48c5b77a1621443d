"""The results of a study as one HTML page, in the style of the reports."""

from __future__ import annotations

from pathlib import Path

from amc.atomic import atomic_write
from amc.errors import UserError
from analysis.preference.results import Results
from analysis.preference.table5 import tables_of
from analysis.report.formatting import number, p_value, span
from analysis.report.html_tables import html_table
from analysis.report.page import Finding, Page, Section, Summary
from analysis.report.write import render
from analysis.statistics.levels import INTERVAL
from analysis.tables.layout.cells import plural
from analysis.tables.layout.formats import Table

NAME = "preference.html"
_TITLES = {"table5": "Preference", "naming": "Naming", "strengths": "Strengths", "raters": "Raters"}
_WORDS = {"table5": {0, 1}, "naming": {0}, "strengths": {0, 1}, "raters": {0, 4}}


def write_page(results: Results, folder: Path) -> Path:
    """Writes `folder`/preference.html and returns its path.

    Raises:
        UserError: the file cannot be written.
    """
    path = folder / NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as partial:
            partial.write_text(render(preference_page(results)), encoding="utf-8", newline="\n")
    except OSError as error:
        raise UserError(f"cannot write the page to {folder}: {error.strerror}; give another --out") from error
    return path


def preference_page(results: Results) -> Page:
    """Returns the page."""
    design, rule = results.design, results.design.exclusion
    sections = [_section(table) for table in tables_of(results)]
    terms = (
        ("Comparisons", f"{design.focus.name} against each other source: {len(design.comparisons)} two-sided tests "
         f"against 50%, alpha {design.alpha}, Holm's correction."),
        ("Exclusion", f"Unfinished, or fewer than {rule.least_right} of {rule.catch_trials} catch trials right."),
        ("Clips", f"{plural(len(design.conditions), 'condition')}, {design.frames} frames of {design.width} x "
         f"{design.height} pixels at {design.rate:g} frames per second, JPEG quality {design.jpeg_quality}."),
        ("Seed", str(design.seed)),
    )  # fmt: skip
    facts = (
        ("raters", f"{results.counted} of {design.raters} planned"),
        ("answers", str(results.answers)),
        ("conditions", str(len(design.conditions))),
        ("sources", ", ".join(source.name for source in design.sources)),
    )
    unfinished = results.counted < design.raters
    banners = (f"NOT FINISHED: {results.counted} of {plural(design.raters, 'planned rater')} count.",)
    return Page(
        title=f"{design.name}: human preference",
        facts=facts,
        banners=banners if unfinished else (),
        summary=_summary(results),
        sections=(*sections, Section("design", "Design, written before anyone rated", terms=terms)),
    )


def _section(table: Table) -> Section:
    words = frozenset(_WORDS[table.name])
    return Section(table.name, _TITLES[table.name], grids=(html_table(table.text, words),))


def _summary(results: Results) -> Summary:
    focus, alpha = results.design.focus.name, results.design.alpha
    if not results.counted:
        return Summary("No results yet: no rater counts.")
    tested = [one for one in results.preferences if one.p_holm is not None]
    found = [one for one in tested if one.p_holm is not None and one.p_holm < alpha]
    answer = (
        f"{len(found)} of {plural(len(results.preferences), 'comparison')} differ from 50% after Holm's correction."
    )
    if not tested:
        answer = "One rater counts, which gives no interval and no test."
    items = _items(results)
    return Summary(answer, (Finding(f"How often {focus} was preferred", "", items),))


def _items(results: Results) -> tuple[str, ...]:
    return tuple(
        f"over {one.comparison.other}, labels {'shown' if one.comparison.label_shown else 'hidden'}: "
        f"{number(None if one.share is None else 100 * one.share)}% ({INTERVAL} "
        f"{span(None if one.interval is None else [100 * end for end in one.interval])}, "
        f"corrected p {p_value(one.p_holm)})"
        for one in results.preferences
    )
