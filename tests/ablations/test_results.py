"""Tables and figures in a study's folder: those from an earlier run that are no longer made are removed."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ablations.arms import TABLE_4
from ablations.cli import show
from ablations.results import FORMS, TABLE_NAMES, write_results
from analysis.figures.draw_all import NAMES
from analysis.record.reading import RecordReader
from analysis.scores.load_study import load_study
from analysis.tables.layout.formats import PAPER
from analysis.tables.write_tables import write_ablation_tables
from tests.analysis.made_study import write_study
from tuning.engine.study import Ending

STUDY = "made-smoke-table4"
OF_OTHERS = {"table3", "keypoints"}  # tables of other studies


def results(folder: Path) -> None:
    with RecordReader(folder / "record.db") as records:
        write_results(records, STUDY, folder)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_what_is_no_longer_made_is_removed_and_nothing_else(tmp_path: Path) -> None:
    whole, bare = tmp_path / "whole", tmp_path / "bare"
    write_study(whole / "record.db", arms=TABLE_4[:2], seeds=2)
    write_study(bare / "record.db", arms=TABLE_4[:2], seeds=2, sheets=False)
    results(whole)
    tables, figures = names(whole / "tables"), names(whole / "figures")
    assert tables == {f"{name}.{form}" for name in TABLE_NAMES - OF_OTHERS for form in FORMS}
    assert figures <= {f"{name}.{suffix}" for name in NAMES for suffix in ("svg", "png")}
    for part, old in (("tables", tables), ("figures", figures)):
        (bare / part).mkdir()
        for name in (*old, "mine.md", "mine.svg"):
            (bare / part / name).write_text("old")
    results(bare)
    made = names(bare / "tables")
    assert {"table4.md", "mine.md"} <= made
    assert not [name for name in made if name.startswith(("metrics", "recall", "confusion", "judges"))]
    made = names(bare / "figures")
    assert {"accuracies.svg", "mine.svg"} <= made
    assert not [name for name in made if name.startswith(("confusion", "behaviour", "ssim"))]
    assert (bare / "figures" / "accuracies.svg").read_text() != "old"


def test_latex_files_keep_their_style_and_no_body_is_outdated(tmp_path: Path) -> None:
    tables = tmp_path / "tables"
    write_study(tmp_path / "record.db", arms=TABLE_4[:2], seeds=2, sheets=False)
    with RecordReader(tmp_path / "record.db") as records:
        write_ablation_tables(load_study(records, STUDY), tables, PAPER)
    for name in ("table4_body.tex", "subjects_body.tex", "table3_body.tex", "mine_body.tex"):
        (tables / name).write_text("old")
    results(tmp_path)
    assert "booktabs" in (tables / "table4.tex").read_text()
    bodies = {name: (tables / name).read_text() == "old" for name in names(tables) if name.endswith("_body.tex")}
    assert bodies == {"table4_body.tex": False, "mine_body.tex": True}  # there are no subjects, and it is no Table 3


@pytest.mark.parametrize("fresh", [True, False])
def test_results_from_an_earlier_run_are_marked(
    tmp_path: Path, fresh: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    write_study(tmp_path / "record.db", arms=TABLE_4[:2], seeds=1)
    (tmp_path / "tables").mkdir()
    study: Any = SimpleNamespace(
        record_address=tmp_path / "record.db",
        folder=tmp_path,
        row=SimpleNamespace(name=STUDY),
        target=f"sqlite:///{tmp_path}/mlflow.db",
    )
    show(study, Ending(130, {}, fresh), as_json=False)
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("tables: ")]
    assert line.endswith("tables") == fresh
    assert ("from an earlier run" in line) != fresh
