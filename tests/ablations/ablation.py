"""The real command of an ablation of two arms on a toy file, and what it must have left behind, whatever happened."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import sqlalchemy as sa

from amc.evaluation.score_sheet import REAL, STILL
from analysis.record.connection.address import database_url
from analysis.record.connection.database import writing_engine
from analysis.record.reading import RecordReader
from analysis.record.rows import SheetRow
from analysis.record.schema import sheet_table
from analysis.record.states import COMPLETE
from tests.toy import write_toy_file
from tests.tuning.exactly_once import Row, violations
from tests.tuning.killing import ROOT, Look, Search, Witness, gone, headers
from tuning.engine.folder_owner import FILE as OWNER

STUDY = "squares-smoke-table4"
ARMS = ("ours", "no_ym")
SEEDS = 2
STEPS, EVERY = 40, 10  # of the smoke preset
TABLES = {f"{name}.{form}" for name in ("table4", "metrics", "recall") for form in ("md", "csv", "tex", "json")}


class Ablation(Search):
    """`run_all.py` with two arms and two seeds in `folder`; the same command each time."""

    table, arms, references = "4", ARMS, frozenset({REAL, STILL})

    def __init__(self, folder: Path, *arguments: str) -> None:
        super().__init__(folder, trials=len(self.arms) * SEEDS, steps=STEPS, every=EVERY)
        self.study = STUDY.replace("table4", f"table{self.table}")
        self.folder = self.runs / self.study
        clips = folder / "squares.h5"
        self.command = [sys.executable, str(ROOT / "ablations" / "run_all.py")]
        self.command += ["--data", str(clips if clips.exists() else write_toy_file(clips)), "--preset", "smoke"]
        self.command += [
            "--table",
            self.table,
            "--arms",
            self.arms[1],
            "--seeds",
            str(SEEDS),
            "--workers",
            "2",
            "--out",
            str(self.runs),
            *arguments,
        ]

    @property
    def keys(self) -> list[str]:
        """Of all trials, in the order in which they run."""
        return [f"{arm}-seed-{seed}" for seed in range(SEEDS) for arm in self.arms]

    def sheets(self) -> dict[str, SheetRow]:
        """The score sheets on record."""
        with RecordReader(self.record or self.folder / "record.db") as records:
            return records.score_sheets(self.study)

    def forget(self, *keys: str) -> None:
        """Removes sheets from the record, as of a study from before there were any."""
        engine = writing_engine(database_url(self.folder / "record.db"))
        with engine.begin() as connection:
            for key in keys:
                connection.execute(sa.delete(sheet_table).where(sheet_table.c.key == key))
        engine.dispose()


def check_the_end(study: Ablation, witness: Witness) -> Look:
    """Every run exactly once in record, MLflow and logs, each with its sheet, and nothing left over."""
    look = study.look()
    witness.saw(look)
    trials = look.trials
    assert sorted(trials, key=lambda key: trials[key].number) == study.keys
    assert {trial.state for trial in trials.values()} == {COMPLETE}
    curves = {
        key: [(point.step, point.metrics["val/accuracy"]) for point in look.points if point.key == key]
        for key in trials
    }
    wrong = violations(
        [Row(key=trial.key, state=trial.state, attempts=trial.attempts) for trial in trials.values()],
        study.tracked(),
        curves,
        study.executed(),
        {key: trial.attempts for key, trial in witness.ended.items()},
        trials=study.trials,
        every=study.every,
        budget=study.steps,
    )
    assert not wrong, "\n".join(wrong)
    for key, trial in trials.items():
        attempts = headers(study, key)
        assert attempts == sorted(set(attempts)), f"{key} was begun twice in one attempt: {attempts}"
        assert attempts[-1] == trial.attempts
    sheets = study.sheets()
    assert sheets.keys() == {*study.keys, *study.references}
    assert len({row.scorer for row in sheets.values()}) == 1
    for key in study.keys:
        sheet = sheets[key].sheet
        right = sum(a == b for a, b in zip(sheet.label, sheet.predicted, strict=True))
        assert trials[key].scores["test/accuracy"] == right / len(sheet.label)
        assert (study.folder / "samples" / key / "row.gif").is_file()
    assert {path.name for path in (study.folder / "tables").iterdir()} >= {
        name.replace("table4", f"table{study.table}") for name in TABLES
    }
    assert list((study.folder / "figures").glob("*.svg"))
    assert (study.folder / "report.html").stat().st_size > 10_000
    hidden = {path.name for path in study.folder.rglob(".*") if path.is_file() and not path.name.endswith(".lock")}
    assert hidden <= {OWNER}
    assert not gone(study.processes)
    return look


def unchanged(before: Mapping[str, SheetRow], after: Mapping[str, SheetRow]) -> set[str]:
    """Keys of the sheets that were not made again."""
    return {key for key, row in before.items() if after[key].created == row.created}
