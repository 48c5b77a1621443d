"""The report page of a search."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from analysis.figures.draw_all import draw_search
from analysis.record.reading import RecordReader
from analysis.record.rows import StudyRow, TrialRow
from analysis.record.states import PRUNED
from analysis.report.embed import BUDGET, animation, data_uri, embedded_figure, first_frame, unreadable_animations
from analysis.report.formatting import NONE, listed, number, span
from analysis.report.html_tables import split_table
from analysis.report.page import Finding, HtmlTable, Page, Picture, Section, Summary
from analysis.report.sections.commands import commands_section
from analysis.report.sections.cost import cost_section
from analysis.report.sections.definitions import definitions_section
from analysis.report.sections.limitations import PROCEDURAL, limits_section
from analysis.report.sections.provenance import provenance_section
from analysis.statistics.levels import INTERVAL
from analysis.tables.layout.cells import plural
from analysis.tables.search import race_note, search_table

COLUMNS = 7  # columns per table of trials, besides trial and rank
LIMITS = (
    "The finalists were selected by their validation scores, which are therefore biased upwards. Their scores with new "
    "seeds are not, but the winner of a race is chosen by these seeds, so its mean is still a few points too high.",
    "Importance and parallel coordinates describe the trials that were run. The sampler does not draw uniformly, "
    "pruned trials were evaluated early, and correlated parameters share their importance.",
)


def search_page(records: RecordReader, study: str, folder: Path, out: Path) -> Page:
    """Returns the page; figures are saved in `out`/figures."""
    row, trials = records.study(study), records.trials(study)
    table = search_table(records, study)
    content = table.content
    figures = draw_search(records, study, out / "figures")
    pictures = tuple(embedded_figure(one.title, one.caption, one.alt, one.path_svg, one.path_png) for one in figures)
    sections = [
        Section("trials", "Trials", grids=split_table(table.text, COLUMNS)),
        *_best(row, content),
        Section("figures", "Figures", pictures=pictures, notes=() if pictures else ("There are no figures yet.",)),
        _clips(content, folder),
        definitions_section(row, (), clipwise=None),
        limits_section(row, further=LIMITS),
        cost_section(row, trials),
        provenance_section(row),
        commands_section(records, row),
    ]
    return Page(
        title=f"{row.name}: hyperparameter search",
        facts=tuple(_facts(row, trials, content)),
        banners=tuple(_banners(row, content)),
        summary=summarize_search(content),
        sections=tuple(sections),
    )


def summarize_search(content: Mapping[str, Any]) -> Summary:
    """Summarizes the results of the search, from the content of its table."""
    caption, rows, confirm = content["caption"], content["rows"], content["confirm"]
    complete = [row for row in rows if row["rank"] is not None and row["state"] != PRUNED]
    if not complete:
        return Summary("No results yet: no trial is complete.")
    best, name = winner_row(content) or complete[0], caption["objectives"][0]
    value = number(best["values"].get(name))
    answer = f"The search of {plural(caption['trials'], 'trial')} returns {best['key']}: validation {name} {value}%."
    again = confirm if confirm is not None and confirm["mean"] is not None else None
    if again is None:
        answer += " No confirming run is complete, so its accuracy with other seeds and on test clips is unknown."
    else:
        interval = f"{INTERVAL} {span(again['ci95'])}, {again['method']}" if again["ci95"] else "one seed, no interval"
        answer += (
            f" Confirmed with {plural(again['n_seeds'], 'new seed')}, it reaches {number(again['mean'])}% on the test "
            f"clips ({interval})."
        )
    findings = [Finding("Chance and real clips", _chance_and_real(caption))]
    if best["keeps_constraints"] is False:
        findings.append(Finding("Constraints", f"No complete trial satisfies {listed(caption['constraints'])}."))
    if content["race"] is not None:
        findings.append(Finding("New seeds", race_note(content["race"])))
    others = [row for row in complete if row["key"] != best["key"]]
    runners = [f"{row['key']}: {number(row['values'].get(name))}%" for row in others[:3]]
    if runners:
        text = "Each trial ran with one seed, which cannot distinguish close values."
        findings.append(Finding("Next best trials", text, tuple(runners)))
    front = [row["key"] for row in rows if row["front"]]
    if len(caption["objectives"]) > 1 and front:
        findings.append(Finding("Pareto front", f"{listed(front)}, by {listed(caption['objectives'])}."))
    return Summary(answer, tuple(findings))


def winner_row(content: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The row of the trial that the search returns; None if there is none."""
    return next((row for row in content["rows"] if row["key"] == content["winner"]), None)


def _chance_and_real(caption: Mapping[str, Any]) -> str:
    real = caption["real_accuracy"]
    text = f"Chance is {number(caption['chance'])}% accuracy"
    return f"{text}." if real is None else f"{text}; real validation clips reach {number(real)}%."


def _best(row: StudyRow, content: Mapping[str, Any]) -> Iterator[Section]:
    """The settings of the trial that the search returns, and its runs with new seeds."""
    best = winner_row(content) or next((one for one in content["rows"] if one["rank"] == 1), None)
    if best is None:
        return
    rows = tuple(
        (name, _setting(value), _setting(_lookup(row.config, name))) for name, value in sorted(best["params"].items())
    )
    grids = [HtmlTable(("setting", best["key"], "initial value"), rows, f"Settings of {best['key']}.")]
    confirm = content["confirm"]
    if confirm is not None and confirm["values"]:
        runs = tuple((key, number(value)) for key, value in confirm["values"].items())
        caption = "Test accuracy (%) of its runs with new seeds, each scored once."
        grids.append(HtmlTable(("run", "accuracy"), runs, caption))
    yield Section("best", "The best trial", grids=tuple(grids))


def _lookup(config: Mapping[str, Any], name: str) -> Any:
    found: Any = config
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _setting(value: Any) -> str:
    if value is None:
        return NONE
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _clips(content: Mapping[str, Any], folder: Path) -> Section:
    """Animated clips of the trial that the search returns and of its runs with new seeds."""
    best = winner_row(content)
    keys = [best["key"]] if best else [row["key"] for row in content["rows"] if row["rank"] == 1]
    keys += list(content["confirm"]["values"]) if content["confirm"] else []
    found, spent = [], 0
    for key in keys:
        path = animation(folder / "samples" / key)
        if path is None or spent + path.stat().st_size > BUDGET:
            continue
        spent += path.stat().st_size
        still, (width, height) = first_frame(path)
        found.append(Picture(key, data_uri(path), f"Animated clips generated by {key}", "", still, width, height))
    notes = [] if found else ["The study's folder has no animated clips of the best trial."]
    unread = [f"{key}/{name}" for key in keys for name in unreadable_animations(folder / "samples" / key)]
    if unread:
        notes.append(f"Skipped because they cannot be read: {listed(unread)} in samples/.")
    return Section("clips", "Animated clips", clips=tuple(found), notes=tuple(notes))


def _facts(row: StudyRow, trials: list[TrialRow], content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    caption = content["caption"]
    yield "data", f"{row.dataset['name']}, origin={row.dataset['origin']}"
    yield "preset", row.preset
    yield "trials", ", ".join(f"{caption[name]} {name}" for name in ("complete", "pruned", "failed"))
    yield "sampler", str(row.settings.get("sampler", NONE))
    yield "pruner", str(row.settings.get("pruner", NONE))
    yield "seed", str(row.seed)


def _banners(row: StudyRow, content: Mapping[str, Any]) -> Iterator[str]:
    caption, confirm = content["caption"], content["confirm"]
    ended = caption["complete"] + caption["pruned"] + caption["failed"]
    planned = max(caption["trials_planned"] or 0, caption["trials"])
    if ended < planned:
        yield f"NOT FINISHED: {ended} of {plural(planned, 'trial')} have finished. The best trial may change."
    if confirm is not None and confirm["n_seeds"] < confirm["runs"]:
        yield f"NOT FINISHED: {confirm['n_seeds']} of {plural(confirm['runs'], 'confirming run')} are complete."
    if row.dataset["origin"] == "procedural":
        yield PROCEDURAL
