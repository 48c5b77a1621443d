"""Measures how fast a preference study answers many raters at once: `python benchmarks/preference_server.py STUDY`.

Serves a copy of STUDY with `python -m analysis preference serve` in a process of its own. Each rater has a thread of
this process, which fetches the question and its clips, waits as a rater does, and posts an answer.

Prints JSON. For each mean waiting time it has percentiles of the milliseconds from sending an answer to having the next
question, the same for a clip, answers per second, and how many acknowledged answers are lost or stored twice.

STUDY is made by `python -m analysis preference create` with at least as many raters as `--raters`.
"""

from __future__ import annotations

import argparse
import csv
import http.client
import json
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from amc.argument_types import integer, number  # noqa: E402
from amc.errors import UserError  # noqa: E402
from analysis.preference.answers import read_answers  # noqa: E402


def main() -> int:
    """Runs the benchmark and returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path, metavar="STUDY", help="folder of a preference study")
    parser.add_argument("--raters", type=integer(1), default=40, metavar="N", help="raters at once (default: 40)")
    parser.add_argument("--answers", type=integer(1), default=20, metavar="N", help="answers a rater (default: 20)")
    parser.add_argument(
        "--wait",
        type=number(0),
        nargs="+",
        default=[2.0, 0.0],
        metavar="SECONDS",
        help="mean of the exponential waiting times before an answer; one measurement for each (default: 2 0)",
    )
    args = parser.parse_args()
    try:
        print(json.dumps([measure(args.study, args.raters, args.answers, wait) for wait in args.wait], indent=2))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def measure(study: Path, raters: int, answers: int, wait: float) -> dict[str, Any]:
    """Lets raters answer at once.

    Args:
        study: a study, of which a copy is served.
        raters: number of raters, each in a thread.
        answers: answers that each gives, at most as many as there are questions.
        wait: mean of the exponential waiting times before an answer, in seconds.

    Returns:
        The settings, milliseconds of answers and clips, answers per second, and lost and doubled answers.

    Raises:
        UserError: the study has fewer raters.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "study"
        shutil.copytree(study, folder, ignore=shutil.ignore_patterns("answers.db*", "links.csv"))
        with serving(folder) as links:
            if len(links) < raters:
                raise UserError(f"{study} has {len(links)} raters, fewer than {raters}: give --raters")
            people = [SimulatedRater(link, answers, wait, seed) for seed, link in enumerate(links[:raters])]
            start = time.perf_counter()
            for person in people:
                person.start()
            for person in people:
                person.join()
            seconds = time.perf_counter() - start
        stored = [(answer.rater, answer.position) for answer in read_answers(folder)]
    given = {(rater, position) for rater, person in enumerate(people) for position in person.acknowledged}
    answer_times = [1000 * value for person in people for value in person.answer_seconds]
    return {
        "raters": raters,
        "answers": len(given),
        "mean_wait_seconds": wait,
        "answer_ms": percentiles(answer_times),
        "clip_ms": percentiles([1000 * value for person in people for value in person.clip_seconds]),
        "answers_per_second": round(len(given) / seconds, 1),
        "lost": len(given - set(stored)),
        "doubled": len(stored) - len(set(stored)),
        "failed_raters": sum(person.error is not None for person in people),
    }


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """Median, 95th and 99th percentile, and the maximum."""
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return {
        "p50": round(cuts[49], 1),
        "p95": round(cuts[94], 1),
        "p99": round(cuts[98], 1),
        "max": round(max(values), 1),
    }


@contextmanager
def serving(folder: Path) -> Iterator[list[str]]:
    """Serves a study in another process and yields its links."""
    command = [sys.executable, "-u", "-m", "analysis", "preference", "serve", str(folder), "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        try:
            if not any(line.startswith("serving ") for line in server.stdout):
                raise UserError(f"cannot serve {folder}: run {' '.join(command)} to see why")
            with (folder / "links.csv").open(newline="") as file:
                yield [row["link"] for row in csv.DictReader(file)]
        finally:
            server.send_signal(signal.SIGINT)


class SimulatedRater(threading.Thread):
    """A rater who consents and answers, over one connection that is kept open as browsers do."""

    def __init__(self, link: str, answers: int, wait: float, seed: int) -> None:
        super().__init__()
        address = urlsplit(link)
        self.base = address.path
        self.connection = http.client.HTTPConnection(address.netloc, timeout=60)
        self.answers = answers
        self.wait = wait
        self.rng = random.Random(seed)
        self.answer_seconds: list[float] = []
        self.clip_seconds: list[float] = []
        self.acknowledged: list[int] = []
        self.error: Exception | None = None

    def run(self) -> None:
        """Answers until the number of answers is reached or the study is finished."""
        try:
            self._ask("POST", "/consent")
            question = json.loads(self._ask("GET", "/question"))
            while not question["finished"] and len(self.acknowledged) < self.answers:
                question = self._answer(question)
        except Exception as error:
            self.error = error
            print(f"a rater failed: {error!r}", file=sys.stderr)

    def _answer(self, question: dict[str, Any]) -> dict[str, Any]:
        for video in question["videos"]:
            start = time.perf_counter()
            self._ask("GET", f"/clip/{question['position']}/{video['side']}")
            self.clip_seconds.append(time.perf_counter() - start)
        if self.wait:
            time.sleep(self.rng.expovariate(1 / self.wait))
        body = {
            "position": question["position"],
            "nonce": question["nonce"],
            "answer": self.rng.choice(question["choices"])["value"],
            "seconds": self.wait,
            "window_width": 1280,
            "window_height": 720,
        }
        start = time.perf_counter()
        following: dict[str, Any] = json.loads(self._ask("POST", "/answer", json.dumps(body)))
        self.answer_seconds.append(time.perf_counter() - start)
        self.acknowledged.append(question["position"])
        return following

    def _ask(self, method: str, path: str, body: str | None = None) -> bytes:
        self.connection.request(method, self.base + path, body, {"Content-Type": "application/json"})
        response = self.connection.getresponse()
        content = response.read()
        if response.status not in (200, 303):
            raise RuntimeError(f"{method} {path}: {response.status}")
        return content


if __name__ == "__main__":
    sys.exit(main())
