"""Table 5 of a study and its other tables, with the paper's figures beside."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from analysis.preference.design import TRUTH
from analysis.preference.results import Results
from analysis.statistics.levels import INTERVAL
from analysis.tables.layout.cells import number, p_cell, plural, span
from analysis.tables.layout.formats import Table
from analysis.tables.layout.text_table import TextTable

# Table 5 and section 4.2 of the paper, in percent: preference for AMC-GAN, by data set, and naming accuracy on MUG.
PAPER_SHOWN = {
    "mug": {"cdna": 77.2, "adv_gdl": 80.4, "mcnet": 72.4, TRUTH: 13.9},
    "natops": {"cdna": 97.1, "adv_gdl": 91.4, "mcnet": 98.2, TRUTH: 5.3},
}
PAPER_HIDDEN = {"mug": {"cdna": 80.8, "adv_gdl": 86.4, "mcnet": 55.0, TRUTH: 5.0}}
PAPER_NAMING = {"amc_gan": 66.0, "cdna": 7.0, "adv_gdl": 3.0, "mcnet": 7.0, TRUTH: 77.0}
_ALIASES = {"amc": "amc_gan", "ours": "amc_gan", "advgdl": "adv_gdl"}


def tables_of(results: Results) -> list[Table]:
    """Returns Table 5, then naming accuracies if there are any, strengths, and the raters."""
    tables = [table5(results)]
    if results.naming:
        tables.append(naming_table(results))
    if results.strengths:
        tables.append(strengths_table(results))
    return [*tables, raters_table(results)]


def table5(results: Results) -> Table:
    """How often the first source was preferred to each other one."""
    focus = results.design.focus.name
    rows: list[dict[str, Any]] = [
        {
            "other": one.comparison.other,
            "labels": _labels(one.comparison.label_shown),
            "conditions": one.conditions,
            "raters": results.counted,
            "mean": _percent(one.share),
            "ci95": _percents(one.interval),
            "p": one.p,
            "p_holm": one.p_holm,
            **{f"paper_{name}": value for name, value in _paper(one.comparison.other, one.comparison.label_shown)},
        }
        for one in results.preferences
    ]
    text = TextTable(
        f"Preference for {focus} (%), {_raters(results)}; the paper's figures: its Table 5 and section 4.2.",
        (f"prefers {focus} over", "labels", "conditions", "preference", INTERVAL, "p", "p, Holm", "paper MUG",
         "paper NATOPS"),
        tuple(
            (
                row["other"], row["labels"], str(row["conditions"]), number(row["mean"]), span(row["ci95"]),
                p_cell(row["p"]), p_cell(row["p_holm"]), number(row["paper_mug"]), number(row["paper_natops"]),
            )
            for row in rows
        ),
        notes=tuple(_notes(results)),
    )  # fmt: skip
    return Table("table5", {"caption": _caption(results), "rows": rows}, text, rows)


def naming_table(results: Results) -> Table:
    """How often the class shown by the clips of each source was named."""
    choices = len(results.design.class_names) + 1
    rows: list[dict[str, Any]] = [
        {
            "source": one.source,
            "conditions": one.conditions,
            "raters": results.counted,
            "mean": _percent(one.share),
            "ci95": _percents(one.interval),
            "paper_mug": PAPER_NAMING.get(_slug(one.source)),
        }
        for one in results.naming
    ]
    text = TextTable(
        f"Clips whose class was named correctly (%), {_raters(results)}; chance among {choices} choices is "
        f"{100 / choices:.1f}.",
        ("source", "clips", "correct", INTERVAL, "paper MUG"),
        tuple(
            (row["source"], str(row["conditions"]), number(row["mean"]), span(row["ci95"]), number(row["paper_mug"]))
            for row in rows
        ),
        notes=(f"Agreement between raters (Krippendorff's alpha): {number(results.alpha_naming, '.2f')}.",),
    )
    content = {"caption": _caption(results) | {"chance": 100 / choices, "alpha": results.alpha_naming}, "rows": rows}
    return Table("naming", content, text, rows)


def strengths_table(results: Results) -> Table:
    """Bradley-Terry strengths."""
    rows: list[dict[str, Any]] = [
        {"source": name, "labels": _labels(shown), "strength": one.value, "ci95": one.interval}
        for shown, strengths in results.strengths.items()
        for name, one in sorted(strengths.items(), key=lambda item: -item[1].value)
    ]
    text = TextTable(
        f"Bradley-Terry strengths (logits, sum 0), {_raters(results)}.",
        ("source", "labels", "strength", INTERVAL),
        tuple(
            (row["source"], row["labels"], number(row["strength"], "+.2f"), span(row["ci95"], "+.2f")) for row in rows
        ),
        notes=("A source that is 1 logit stronger than another is preferred to it in 73% of pairs.",),
    )
    return Table("strengths", {"caption": _caption(results), "rows": rows}, text, rows)


def raters_table(results: Results) -> Table:
    """What each rater did, and why a rater is excluded."""
    rows: list[dict[str, Any]] = [
        {
            "rater": record.rater,
            "answered": record.answered,
            "asked": record.asked,
            "catch_right": record.catch_right,
            "catch_answered": record.catch_answered,
            "excluded": record.excluded,
        }
        for record in results.raters
    ]
    rule = results.design.exclusion
    text = TextTable(
        f"Raters. The design excludes raters who have not finished, and those with fewer than {rule.least_right} of "
        f"{rule.catch_trials} catch trials right.",
        ("rater", "answers", "of", "catch trials right", "excluded"),
        tuple(
            (
                str(row["rater"]),
                str(row["answered"]),
                str(row["asked"]),
                f"{row['catch_right']} of {row['catch_answered']}",
                str(row["excluded"] or "-"),
            )
            for row in rows
        ),
    )
    return Table("raters", {"caption": _caption(results), "rows": rows}, text, rows)


def _caption(results: Results) -> dict[str, Any]:
    design = results.design
    return {
        "study": design.name,
        "focus": design.focus.name,
        "answers": results.answers,
        "raters": results.counted,
        "raters_planned": design.raters,
        "excluded": sum(record.excluded is not None for record in results.raters),
        "conditions": len(design.conditions),
        "alpha_pairs": results.alpha_pairs,
        "median_seconds": results.median_seconds,
    }


def _notes(results: Results) -> Iterator[str]:
    design, rule = results.design, results.design.exclusion
    yield (
        "Intervals and two-sided tests against 50% treat raters and conditions as crossed and are corrected for few "
        f"raters; Holm's correction is over {plural(len(design.comparisons), 'comparison')}, alpha {design.alpha}."
    )
    yield f"Agreement between raters (Krippendorff's alpha): {number(results.alpha_pairs, '.2f')}."
    yield (
        f"Excluded by the rule in the design: raters who have not finished or have fewer than {rule.least_right} of "
        f"{rule.catch_trials} catch trials right. A rater who answers at random is excluded with probability "
        f"{rule.coin_excluded:.1%}."
    )
    for record in results.raters:
        if record.excluded is not None:
            yield f"Rater {record.rater} is excluded: {record.excluded}."
    if results.counted < design.raters:
        yield f"NOT FINISHED: {results.counted} of {plural(design.raters, 'planned rater')} count."


def _raters(results: Results) -> str:
    return f"{plural(results.counted, 'rater')}, {plural(results.answers, 'answer')} in all"


def _labels(shown: bool) -> str:
    return "shown" if shown else "hidden"


def _paper(other: str, label_shown: bool) -> Iterator[tuple[str, float | None]]:
    figures = PAPER_SHOWN if label_shown else PAPER_HIDDEN
    for dataset in ("mug", "natops"):
        yield dataset, figures.get(dataset, {}).get(_slug(other))


def _slug(name: str) -> str:
    plain = name.lower().replace("-", "_")
    return _ALIASES.get(plain, plain)


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _percents(interval: tuple[float, float] | None) -> list[float] | None:
    return None if interval is None else [100 * end for end in interval]
