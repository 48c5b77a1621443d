"""Table 3: one row per data set and method with its accuracy, the paper's value, and its difference to AMC-GAN.

The statistics are those of Table 4 (`analysis.tables.table4`); Holm's correction covers all rows of the table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from amc.errors import UserError
from analysis.scores.study_scores import TABLE_3, StudyScores
from analysis.statistics.levels import CONFIDENCE, INTERVAL
from analysis.tables.layout.caption import facts, failures, spread_of, unscored
from analysis.tables.layout.cells import compared_cells, number, p_cell, plural, span
from analysis.tables.layout.formats import Table
from analysis.tables.layout.text_table import TextTable
from analysis.tables.table3_notes import methods_notes, tuned_methods, tuning_statement
from analysis.tables.table4 import WHAT, compared_rows, correct_for_family, paper_order
from analysis.tables.table4_notes import paper_notes

_REFERENCES = (
    ("chance", "chance"),
    ("first frame repeated", "first_frame_accuracy"),
    ("last seen frame repeated", "last_seen_accuracy"),
    ("real clips", "real_accuracy"),
)
_PAPER_CHANCE: Mapping[str, float] = {"mug": 16.67, "natops": 4.17}  # "Random" in the paper's Table 3, in percent
_PAPER_HEAD = (  # short, so that the table fits a page
    "model",
    "data",
    "frames",
    "paper",
    "mean",
    "SD",
    f"{CONFIDENCE:.0%} CI",
    "minus AMC-GAN",
    f"{CONFIDENCE:.0%} CI",
    "p",
)


def check_joinable(studies: Sequence[StudyScores]) -> None:
    """Checks that studies of methods can be in one Table 3.

    Raises:
        UserError: one is no study of methods, two have the same data set, their presets or tuning differ, or only some
            of their clips are procedural.
    """
    names = " and ".join(repr(scores.row.name) for scores in studies)
    for scores in studies:
        if scores.row.kind != TABLE_3:
            raise UserError(f"study {scores.row.name!r} is not a comparison of methods: leave it out of Table 3")
    rows = [scores.row for scores in studies]
    if len({row.dataset["name"] for row in rows}) < len(rows):
        raise UserError(f"studies {names} have the same data set: give one study per data set")
    for what, values in (
        ("presets", {row.preset for row in rows}),
        ("numbers of tuning trials", {row.settings.get("tune") for row in rows}),
        ("origins", {row.dataset["origin"] == "procedural" for row in rows}),
    ):
        if len(values) > 1:
            raise UserError(f"studies {names} cannot be in one table: their {what} differ")


def methods_content(studies: Sequence[StudyScores], name: str | None = None) -> dict[str, Any]:
    """Returns the content of `table3.json`.

    Args:
        studies: one for each data set.
        name: of the table's study; by default that of the studies.

    Raises:
        UserError: see `check_joinable`.
    """
    check_joinable(studies)
    rows: list[dict[str, Any]] = []
    tested, captions = [], []
    for scores in studies:
        mine, some = compared_rows(scores)
        for row in mine:
            arm = scores.by_slug[row["arm"]]
            # What the method changes of AMC-GAN with the settings of its preset.
            row |= {"dataset": scores.row.dataset["name"], "frames_seen": arm.frames_seen, "changes": dict(arm.changes)}
        rows += mine
        tested += some
        last = scores.last_seen_accuracy
        more = {"last_seen_accuracy": None if last is None else 100 * last, "order": paper_order(mine)}
        captions.append(facts(scores) | more)
    first = captions[0]
    caption = {
        "study": name or " + ".join(scores.row.name for scores in studies),
        "dataset": ",".join(one["dataset"] for one in captions),
        "origin": ",".join(dict.fromkeys(one["origin"] for one in captions)),
        "preset": first["preset"],
        "seeds": max(one["seeds"] for one in captions),
        "runs": sum(one["runs"] for one in captions),
        "runs_planned": sum(one["runs_planned"] for one in captions),
        "tuned": tuned_methods(studies),
        "datasets": captions,
        **correct_for_family(tested),
    }
    caption["notes"] = methods_notes(studies, rows, caption)
    return {"caption": caption, "rows": rows}


def methods_text(content: Mapping[str, Any]) -> TextTable:
    """Returns the table as text, from its content."""
    caption = content["caption"]
    head = (
        "method",
        "data set",
        "frames seen",
        "paper",
        f"mean ± SD of {spread_of(*caption['datasets'])}, %",
        INTERVAL,
        "seeds",
        "minus AMC-GAN",
        INTERVAL,
        "p (Holm)",
        "exact p",
        "second classifier",
        "validation",
    )
    return TextTable(
        caption=_sentence(caption),
        head=head,
        rows=tuple(map(_cells, content["rows"])),
        references=_references(caption, len(head)),
        notes=tuple(caption["notes"]),
    )


def methods_table(studies: Sequence[StudyScores], name: str | None = None) -> Table:
    """Returns the table in all its forms; see `methods_content`."""
    content = methods_content(studies, name)
    same = {one["dataset"]: _shared(one) for one in content["caption"]["datasets"]}
    records = [{"kind": "method", **row, **same[row["dataset"]]} for row in content["rows"]]
    records += [
        {
            "kind": "reference",
            "arm": key,
            "title": title,
            "paper": _paper_reference(key, data),
            "mean": one[key],
            "dataset": data,
            **same[data],
        }
        for one in content["caption"]["datasets"]
        for data in (one["dataset"],)
        for title, key in _REFERENCES
        if one[key] is not None
    ]
    return Table(TABLE_3, content, methods_text(content), records, paper=_paper_text(content))


def _shared(caption: Mapping[str, Any]) -> dict[str, Any]:
    """Facts about the data that every row of the CSV file repeats."""
    found = {name: caption[name] for name in ("study", "origin", "preset", "fingerprint")}
    return found | {"test_clips": caption["clips"], "split_rule": caption["split"]["rule"]}


def _references(caption: Mapping[str, Any], columns: int) -> tuple[tuple[str, ...], ...]:
    return tuple(
        (
            title,
            one["dataset"],
            "-",
            number(_paper_reference(key, one["dataset"]), ".2f"),
            number(one[key]),
            *["-"] * (columns - 5),
        )
        for one in caption["datasets"]
        for title, key in _REFERENCES
        if one[key] is not None
    )


def _paper_reference(key: str, dataset: str) -> float | None:
    return _PAPER_CHANCE.get(dataset) if key == "chance" else None


def _sentence(caption: Mapping[str, Any]) -> str:
    data = "; ".join(
        f"{one['dataset']}, origin={one['origin']}, split by {one['split']['rule']}, "
        f"{plural(one['clips'], 'test clip')}, data {one['fingerprint'][:12]}"
        for one in caption["datasets"]
    )
    how = tuning_statement(caption["tuned"])
    text = f"{caption['study']}: {WHAT}; {data}; preset {caption['preset']}, {plural(caption['seeds'], 'seed')}; {how}."
    if caption["runs"] < caption["runs_planned"]:
        text += f" NOT FINISHED: {caption['runs']} of {caption['runs_planned']} runs."
    text += "".join(f" {unscored(one)}" for one in caption["datasets"] if one["unscored"])
    return text + "".join(map(failures, caption["datasets"]))


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        row["title"],
        row["dataset"],
        number(row["frames_seen"], "d"),
        *compared_cells(row),
        p_cell(row["p_exact"]),
        number(row["second_mean"]),
        number(row["validation_mean"]),
    )


def _paper_text(content: Mapping[str, Any]) -> TextTable:
    """The table as an author prints it: without what serves to check it."""
    caption = content["caption"]
    return TextTable(
        caption=_sentence(caption),
        head=_PAPER_HEAD,
        rows=tuple(
            (
                row["title"],
                row["dataset"],
                number(row["frames_seen"], "d"),
                number(row["paper"], ".2f"),
                number(row["mean"]),
                number(row["sd_seeds"]),
                span(row["ci95"]),
                number(row["difference"], "+.1f"),
                span(row["difference_ci95"], "+.1f"),
                p_cell(row["p_holm"]),
            )
            for row in content["rows"]
        ),
        references=tuple(
            (title.removesuffix(" repeated"), *cells) for title, *cells in _references(caption, len(_PAPER_HEAD))
        ),
        notes=paper_notes(caption["notes"], spread_of(*caption["datasets"])),
    )
