"""Compares the forecast of a search with the search itself: `python benchmarks/forecast.py --preset compact --json`.

Runs a dry run, the search, and a dry run of a second search that uses the record of the first, all in a temporary
folder. Prints forecast and actual seconds, steps and bytes; `ratio` is forecast / actual seconds of the whole command.
The dry run prepares data and classifier before anything is timed. Takes as long as the search (compact: about 20
minutes for 8 trials on two cores). Nothing else should run on the machine meanwhile.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from analysis.record.reading import RecordReader  # noqa: E402

SEARCH = ROOT / "tuning" / "run_search.py"


def main() -> int:
    """Runs the benchmark and returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="compact", choices=("paper", "compact", "smoke"))
    data = parser.add_mutually_exclusive_group()
    data.add_argument("--dataset", default="natops", choices=("natops", "mug"))
    data.add_argument("--data", type=Path, metavar="FILE.h5", help="clip file to use instead of the stand-in")
    parser.add_argument("--trials", type=int, default=8, metavar="N", help="trials of the search (default: 8)")
    parser.add_argument(
        "--space", type=Path, metavar="FILE", help="space file of the search, which may set fewer training.steps"
    )
    parser.add_argument("--workers", type=int, metavar="N", help="trials in parallel (default: the search's)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="amc-forecast-") as folder:
        facts = compared(args, Path(folder))
    print(json.dumps(facts, indent=2) if args.json else _lines(facts))
    return 0


def compared(args: argparse.Namespace, out: Path) -> dict[str, Any]:
    """Forecast and actual figures of one search."""
    data = ["--data", str(args.data)] if args.data else ["--dataset", args.dataset]
    command = [sys.executable, str(SEARCH), *data, "--preset", args.preset, "--trials", str(args.trials)]
    command += ["--out", str(out), "--json"]
    command += ["--space", str(args.space)] if args.space else []
    command += ["--workers", str(args.workers)] if args.workers else []
    before = time.monotonic()
    forecast = document([*command, "--dry-run"])
    took = time.monotonic() - before
    began = time.monotonic()
    summary = document(command)
    actual = time.monotonic() - began
    with RecordReader(out / summary["study"] / "record.db") as records:
        steps = sum(trial.step for trial in records.trials(summary["study"]))
    disk = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    again = document([*command, "--dry-run", "--study", "again"])
    low, high = forecast["wall_seconds_range"]
    return {
        "preset": args.preset,
        "trials": args.trials,
        "dry_run_seconds": took,  # includes preparing data and classifier if they are not cached
        "forecast": {name: forecast[name] for name in ("wall_seconds", "wall_seconds_range", "steps", "disk_bytes")},
        "forecast_source": forecast["source"],
        "forecast_from_record": {name: again[name] for name in ("wall_seconds", "steps", "disk_bytes", "source")},
        "actual": {"wall_seconds": actual, "steps": steps, "disk_bytes": disk},
        "ratio": forecast["wall_seconds"] / actual,
        "ratio_from_record": again["wall_seconds"] / actual,
        "in_range": low <= actual <= high,
    }


def document(command: list[str]) -> dict[str, Any]:
    """The JSON document that a command prints.

    Raises:
        SystemExit: the command failed; its standard error is the message.
    """
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        raise SystemExit(done.stderr.strip() or f"{command} ended with code {done.returncode}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _lines(facts: dict[str, Any]) -> str:
    forecast, actual, again = facts["forecast"], facts["actual"], facts["forecast_from_record"]
    low, high = forecast["wall_seconds_range"]
    return "\n".join(
        [
            f"{facts['preset']}, {facts['trials']} trials; figures from {facts['forecast_source']['text']}",
            f"seconds  forecast {forecast['wall_seconds']:.0f} ({low:.0f} to {high:.0f})   "
            f"actual {actual['wall_seconds']:.0f}   ratio {facts['ratio']:.2f}",
            f"steps    forecast {forecast['steps']}   actual {actual['steps']}",
            f"disk     forecast {forecast['disk_bytes'] / 1e6:.1f} MB   actual {actual['disk_bytes'] / 1e6:.1f} MB",
            f"a second search, from the record of this one: {again['wall_seconds']:.0f} seconds",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
