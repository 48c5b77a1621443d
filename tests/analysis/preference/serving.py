"""A study that is served in this process, and a rater's requests to it."""

from __future__ import annotations

import csv
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from analysis.preference.server.address import listen
from analysis.preference.server.app import create_app
from analysis.preference.server.links import prepare_links
from analysis.preference.server.run import make_server
from analysis.preference.server.study import ServedStudy


@dataclass
class Rater:
    """Requests with one rater's link."""

    link: str

    def get(self, path: str = "", **options: Any) -> requests.Response:
        return requests.get(self.link + path, timeout=30, **options)

    def post(self, path: str, **options: Any) -> requests.Response:
        return requests.post(self.link + path, timeout=30, **options)

    def consent(self) -> None:
        assert self.post("/consent").status_code == 200

    def question(self) -> Any:
        response = self.get("/question")
        assert response.status_code == 200
        return response.json()

    def answer(self, question: Any, **changes: Any) -> requests.Response:
        return self.post("/answer", json=body(question) | changes)


def body(question: Any) -> dict[str, Any]:
    """An answer to a question as the page sends it."""
    return {
        "position": question["position"],
        "nonce": question["nonce"],
        "answer": question["choices"][0]["value"],
        "seconds": 1.25,
        "window_width": 390,
        "window_height": 844,
    }


def links(folder: Path) -> list[str]:
    with (folder / "links.csv").open(newline="") as file:
        return [row["link"] for row in csv.DictReader(file)]


@dataclass
class Served:
    """A served study: its address, and a rater for each link."""

    study: ServedStudy
    origin: str
    raters: list[Rater]


@contextmanager
def served(folder: Path, hosts: list[str] | None = None) -> Iterator[Served]:
    """Serves a study on a free port of loopback."""
    with listen("127.0.0.1", 0) as listener, ServedStudy(folder) as study:
        origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
        prepare_links(folder, study.store, study.design.raters, origin)
        server = make_server(create_app(study, hosts or ["127.0.0.1"]))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield Served(study, origin, [Rater(link) for link in links(folder)])
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def serve_command(
    folder: Path, *options: str, stop: int = signal.SIGINT, printed: list[str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Runs `python -m analysis preference serve` on a free port, and yields it once its links can be opened."""
    command = [
        sys.executable,
        "-u",
        "-m",
        "analysis",
        "preference",
        "serve",
        str(folder),
        *(options or ("--port", "0")),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            for line in server.stdout:
                if printed is not None:
                    printed.append(line)
                if line.startswith("serving "):
                    break
            yield server
        finally:
            server.send_signal(stop)
            server.wait(30)
