"""`python -m tuning export`: a study as an Optuna study, CSV or Parquet."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amc.atomic import atomic_write
from amc.errors import UserError, cannot_write
from analysis.record.connection.address import without_password
from analysis.record.reading import RecordReader

if TYPE_CHECKING:
    import pandas as pd

CONTENTS = ("trials", "reports", "scores", "clips")


def add_options(action: argparse.ArgumentParser) -> None:
    """The options of `export` besides those of all commands on a study."""
    action.add_argument(
        "--optuna",
        metavar="URL",
        help="database of Optuna, such as sqlite:///optuna.db; a study that was exported there before is replaced",
    )
    action.add_argument("--csv", type=Path, metavar="FILE", help="CSV file to write or replace")
    action.add_argument("--parquet", type=Path, metavar="FILE", help="Parquet file to write or replace")
    action.add_argument(
        "--content",
        choices=CONTENTS,
        default=CONTENTS[0],
        help="rows of the CSV or Parquet file: trials; reports, one per evaluation; scores, one per run scored on the "
        f"test split; or clips, one per run and test clip (default: {CONTENTS[0]})",
    )


def run(args: argparse.Namespace, address: str | Path) -> int:
    """Exports the study in `args.study` from the record at `address`."""
    files: dict[Path, Callable[[pd.DataFrame, Path], None]] = {}
    if args.csv is not None:
        _check_file("--csv", args.csv, ".csv")
        files[args.csv] = _write_csv
    if args.parquet is not None:
        _check_file("--parquet", args.parquet, ".parquet")
        files[args.parquet] = _write_parquet
    if not files and args.optuna is None:
        raise UserError("nothing to export: give --optuna URL, --csv FILE or --parquet FILE")
    with RecordReader(address) as records:
        snapshot = records.snapshot(args.study)
    written: dict[str, Any] = {"study": args.study}
    if args.optuna is not None:
        from tuning.tracking.optuna_export import optuna_studies, write_studies  # Optuna takes a second to import

        studies = optuna_studies(snapshot)
        write_studies(studies, args.optuna)
        written["optuna"] = without_password(args.optuna)
        written["optuna_studies"] = {study.name: len(study.trials) for study in studies}
    if files:
        from analysis.data_frames import StudyData

        frame = getattr(StudyData(address, snapshot), args.content)
        for path, write in files.items():
            try:
                with atomic_write(path) as partial:
                    write(frame, partial)
            except OSError as error:
                raise cannot_write(path, error) from error
        written |= {"content": args.content, "rows": len(frame), "files": [str(path) for path in files]}
    print(json.dumps(written, indent=2) if args.json else "\n".join(_lines(written)))
    return 0


def _lines(written: dict[str, Any]) -> list[str]:
    lines = [f"{written['rows']} {written['content']}: {path}" for path in written.get("files", ())]
    if "optuna" in written:
        studies = ", ".join(f"{name} ({count} trials)" for name, count in written["optuna_studies"].items())
        lines.append(f"Optuna studies in {written['optuna']}: {studies}")
        lines.append(f"to open them: pip install optuna-dashboard, then optuna-dashboard {written['optuna']}")
    return lines


def _check_file(option: str, path: Path, suffix: str) -> None:
    if path.suffix != suffix:
        raise UserError(f"{option} {path}: the name must end in {suffix}")  # so that no record or store is replaced
    if path.is_dir() or not path.absolute().parent.is_dir():
        why = "it is a folder" if path.is_dir() else f"there is no folder {path.absolute().parent}"
        raise UserError(f"{option} {path}: {why}")


def _write_csv(frame: pd.DataFrame, path: Path) -> None:
    frame.to_csv(path, index=False)


def _write_parquet(frame: pd.DataFrame, path: Path) -> None:
    # A parameter may have values of several types, such as numbers and strings; a column of Parquet has one.
    mixed = [name for name in frame if frame[name].dropna().map(type).nunique() > 1]
    frame.astype(dict.fromkeys(mixed, "string")).to_parquet(path, index=False)
