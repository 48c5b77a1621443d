"""The report of a search."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from analysis.figures.draw_all import draw_search
from analysis.record.reading import RecordReader
from analysis.record.rows import StudyRow, TrialRow
from analysis.record.states import PRUNED
from analysis.report.embed import BUDGET, broken, data_uri, first_frame, moving, shown
from analysis.report.formatting import NONE, counted, listed, number, span
from analysis.report.html_tables import parts
from analysis.report.page import Finding, HtmlTable, Page, Picture, Section, Summary
from analysis.report.sections.commands import commands_section
from analysis.report.sections.cost import cost_section
from analysis.report.sections.definitions import definitions_section
from analysis.report.sections.limitations import PROCEDURAL, limits_section
from analysis.report.sections.provenance import provenance_section
from analysis.tables.search import search_table

COLUMNS = 7  # of a table of trials, beside their names and ranks
LIMITS = (
    "The best trial is best by validation clips, of which it was chosen: its validation score flatters it. The "
    "confirming runs' test accuracy does not.",
    "Importance and parallel coordinates describe the trials that were run. The sampler does not draw evenly, stopped "
    "trials were judged early, and parameters that go together share their importance.",
)


def search_page(records: RecordReader, study: str, folder: Path, out: Path) -> Page:
    """The page's content; figures are drawn into `out`."""
    row, trials = records.study(study), records.trials(study)
    table = search_table(records, study)
    content = table.content
    figures = draw_search(records, study, out / "figures")
    pictures = tuple(shown(one.title, one.caption, one.alt, one.path_svg, one.path_png) for one in figures)
    sections = [
        Section("trials", "Trials", grids=parts(table.text, COLUMNS)),
        *_best(row, content),
        Section("figures", "Figures", pictures=pictures, notes=() if pictures else ("There is nothing to draw yet.",)),
        _clips(content, folder),
        definitions_section(row, (), clipwise=None),
        limits_section(row, seeds=None, said=LIMITS),
        cost_section(row, trials),
        provenance_section(row),
        commands_section(records, row),
    ]
    return Page(
        title=f"{row.name}: a search of AMC-GAN's settings",
        facts=tuple(_facts(row, trials, content)),
        banners=tuple(_banners(row, content)),
        summary=summarized(content),
        sections=tuple(sections),
    )


def summarized(content: Mapping[str, Any]) -> Summary:
    """What the search found, from the content of its table."""
    caption, rows, confirm = content["caption"], content["rows"], content["confirm"]
    complete = [row for row in rows if row["rank"] is not None and row["state"] != PRUNED]
    if not complete:
        return Summary("Nothing has been found yet: no trial is complete.")
    best, name = complete[0], caption["objectives"][0]
    value = number(best["values"].get(name))
    answer = f"The best of {counted(caption['trials'], 'trial')} is {best['key']}: validation {name} {value}%."
    again = confirm if confirm is not None and confirm["mean"] is not None else None
    if again is None:
        answer += " No confirming run is complete, so how it does with other seeds and on test clips is not known."
    else:
        how = "other seeds and other clips" if again["crossed"] else "other seeds alone"
        interval = f"95% interval {span(again['ci95'])}, for {how}" if again["ci95"] else "one seed, no interval"
        answer += (
            f" Run again with {counted(again['n_seeds'], 'fresh seed')}, it reaches {number(again['mean'])}% on the "
            f"test clips ({interval})."
        )
    findings = [Finding("Against chance and real clips", _level(caption))]
    if best["keeps_constraints"] is False:
        findings.append(Finding("Constraints", f"No complete trial keeps {listed(caption['constraints'])}."))
    runners = [f"{row['key']}: {number(row['values'].get(name))}%" for row in complete[1:4]]
    if runners:
        text = "Trials ran once each: close values are not told apart by one seed."
        findings.append(Finding("Next to it", text, tuple(runners)))
    front = [row["key"] for row in rows if row["front"]]
    if len(caption["objectives"]) > 1 and front:
        findings.append(Finding("Dominated by none", f"{listed(front)}, in {listed(caption['objectives'])}."))
    return Summary(answer, tuple(findings))


def _level(caption: Mapping[str, Any]) -> str:
    real = caption["real_accuracy"]
    text = f"Guessing reaches {number(caption['chance'])}% accuracy"
    return f"{text}." if real is None else f"{text}, real validation clips {number(real)}%."


def _best(row: StudyRow, content: Mapping[str, Any]) -> Iterator[Section]:
    """What the best trial was set to, and the runs that confirm it."""
    best = next((one for one in content["rows"] if one["rank"] == 1), None)
    if best is None:
        return
    rows = tuple(
        (name, _setting(value), _setting(_at(row.config, name))) for name, value in sorted(best["params"].items())
    )
    grids = [HtmlTable(("setting", best["key"], "where the search began"), rows, f"Settings of {best['key']}.")]
    confirm = content["confirm"]
    if confirm is not None and confirm["values"]:
        runs = tuple((key, number(value)) for key, value in confirm["values"].items())
        caption = "Test accuracy in % of the confirming runs: each with a seed of its own, scored once."
        grids.append(HtmlTable(("run", "accuracy"), runs, caption))
    yield Section("best", "The best trial", grids=tuple(grids))


def _at(config: Mapping[str, Any], name: str) -> Any:
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
    """Moving clips of the best trial and the runs that confirm it."""
    keys = [row["key"] for row in content["rows"] if row["rank"] == 1]
    keys += list(content["confirm"]["values"]) if content["confirm"] else []
    found, spent = [], 0
    for key in keys:
        path = moving(folder / "samples" / key)
        if path is None or spent + path.stat().st_size > BUDGET:
            continue
        spent += path.stat().st_size
        still, (width, height) = first_frame(path)
        found.append(Picture(key, data_uri(path), f"Moving clips generated by {key}", "", still, width, height))
    notes = [] if found else ["The study's folder has no moving clips of the best trial."]
    unread = [f"{key}/{name}" for key in keys for name in broken(folder / "samples" / key)]
    if unread:
        notes.append(f"Not readable, and so as if they were not there: {listed(unread)} under samples/.")
    return Section("clips", "Moving clips", clips=tuple(found), notes=tuple(notes))


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
        yield f"NOT FINISHED: {ended} of {counted(planned, 'trial')} have ended. What is best may change."
    if confirm is not None and confirm["n_seeds"] < confirm["runs"]:
        yield f"NOT FINISHED: {confirm['n_seeds']} of {counted(confirm['runs'], 'confirming run')} are complete."
    if row.dataset["origin"] == "procedural":
        yield PROCEDURAL
