from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ablations.arms import TABLE_4
from ablations.cli import _parser
from analysis.record.reading import RecordReader
from analysis.record.states import DONE, REFUSED
from analysis.record.writing import RecordWriter
from analysis.report.page import Section
from analysis.report.sections.commands import commands_section
from tests.analysis.made_study import write_study


def commands(path: Path, study: str) -> tuple[str, ...]:
    with RecordReader(path) as records:
        return commands_section(records, records.study(study)).commands


def test_the_command_asks_for_the_same_study(tmp_path: Path) -> None:
    write_study(tmp_path / "record.db", name="mine", arms=(TABLE_4[0], TABLE_4[2], TABLE_4[5]), seeds=2, seed=7)
    checkout, run, tables, report = commands(tmp_path / "record.db", "mine")
    assert checkout == "git checkout 0123456"
    program, script, *words = shlex.split(run)
    assert (program, script) == ("python", "ablations/run_all.py")
    args = _parser().parse_args(words)
    assert (args.dataset, args.preset, args.split_rule, args.data) == ("natops", "smoke", "subject", None)
    assert (args.arms, args.seeds, args.seed, args.study, args.workers) == ("no_ym,no_da", 2, 7, "mine", 2)
    assert tables == "python -m analysis tables --study mine"
    assert report == "python -m analysis report --study mine"


@pytest.mark.parametrize("name", ["$(touch x)", "a b", "it's", "; rm -r ."])
def test_names_are_quoted_for_the_shell(tmp_path: Path, name: str) -> None:
    write_study(tmp_path / "record.db", name=name, done=0)
    for line in commands(tmp_path / "record.db", name)[1:]:
        assert name in shlex.split(line)


def section_of(path: Path, **changes: Any) -> Section:
    """Of a study whose settings or versions are changed."""
    with RecordReader(path) as records:
        row = records.study("made-smoke-table4")
        row = replace(row, settings={**row.settings, **changes.pop("settings", {})}, **changes)
        return commands_section(records, row)


def test_weights_are_asked_for_again_by_their_name_and_digest(tmp_path: Path) -> None:
    write_study(tmp_path / "record.db", done=0)
    given = {"lpips": "/srv/me/weights/lpips v1.safetensors", "fvd": "/srv/me/i3d.safetensors"}
    section = section_of(tmp_path / "record.db", settings={**given, "digests": {"lpips": "ab" * 32}})
    words = shlex.split(section.commands[1])[2:]
    args = _parser().parse_args(words)
    assert (args.lpips, args.fvd) == (Path("lpips v1.safetensors"), Path("i3d.safetensors"))
    assert f"lpips v1.safetensors holds the weights of LPIPS (SHA-256 {'ab' * 32})." in section.notes
    assert "i3d.safetensors holds the weights of FVD; its digest is not recorded." in section.notes
    assert "/home" not in str(section)


def test_the_revision_checked_out_is_the_one_that_scored(tmp_path: Path) -> None:
    write_study(tmp_path / "record.db", done=0)
    assert not [note for note in section_of(tmp_path / "record.db").notes if "revision" in note]
    section = section_of(tmp_path / "record.db", settings={"versions_last": {"git": "89abcde+"}})
    assert section.commands[0] == "git checkout 89abcde"
    assert any("started at revision 0123456" in note and "reported at 89abcde" in note for note in section.notes)
    assert any("uncommitted changes when the study was last scored and reported" in note for note in section.notes)


def test_other_data_are_named_by_their_fingerprint(tmp_path: Path) -> None:
    write_study(tmp_path / "record.db", done=0)
    with RecordReader(tmp_path / "record.db") as records:
        row = records.study("made-smoke-table4")
        row = type(row)(**{**vars(row), "dataset": {**row.dataset, "origin": "natops"}})
        section = commands_section(records, row)
    assert "--data FILE.h5" in section.commands[1]
    assert f"FILE.h5 is the clip file with fingerprint {'ab' * 32}." in section.notes


def test_what_persons_changed_while_it_ran_is_noted_without_their_hosts(tmp_path: Path) -> None:
    path = tmp_path / "record.db"
    write_study(path, done=0)
    with RecordWriter(path) as record:
        for number, outcome in enumerate((DONE, REFUSED)):
            change = {"changes": f"--freeze weights.gan={number}"}
            row = record.add_command("made-smoke-table4", str(number) * 32, "ann@lab7", "space", change)
            record.take_command(row.id, outcome, f"weights.gan is frozen at {number}")
    section = section_of(path, settings={"tried": [{"weights.gan": 3.0}]})
    (note,) = (note for note in section.notes if "freeze" in note)
    assert note.startswith("While the study ran, ann gave the command space --freeze weights.gan=0 (20")
    assert note.endswith(": weights.gan is frozen at 0.")
    assert "lab7" not in str(section)
    assert "1 point given with --try; the settings list them under tried." in section.notes
