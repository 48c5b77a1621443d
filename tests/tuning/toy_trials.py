"""Trials without a network: a known learning curve that sleeps a little, checkpoints and resumes."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amc.evaluation.score_sheet import ScoreSheet
from tuning.workers.job import Job, Outcome, Reporter

leaked: list[str] = []  # a trial that finds something here was given another one's memory


def accuracy(params: Mapping[str, object], step: int, budget: int) -> float:
    """Rises with the steps towards a height that depends on one parameter: best where it is 1."""
    rate = float(params.get("weights.gan", 1.0))  # type: ignore[arg-type]
    return round((1.0 / (1.0 + abs(rate - 1.0))) * step / budget, 6)


def learn(job: Job, report: Reporter, directory: Path) -> Outcome:
    """Reports every `every` steps; the job's extra values may make it slow, fail, leak or die."""
    settings = job.extra
    every, pause = int(settings.get("every", 5)), float(settings.get("pause", 0.0))
    if leaked:
        return Outcome(failure=f"memory of {leaked} leaked into {job.key}")
    leaked.append(job.key)
    if job.key in settings.get("diverges", ()):
        raise FloatingPointError("loss/gan not finite by step 3")
    if job.key in settings.get("hungry", ()) and not (job.alone and settings.get("fits_alone", True)):
        raise MemoryError("a tensor of 80 GB")
    path = directory / "checkpoint.json"
    saved = json.loads(path.read_text()) if path.exists() else {"step": 0, "curve": []}
    curve: list[tuple[int, dict[str, float]]] = saved["curve"]
    go_on = True
    for at, metrics in curve:
        go_on = report(at, metrics) and go_on
    step = int(saved["step"])
    while step < job.budget and go_on:
        if report.pausing():
            _save(path, step, curve)
            return Outcome(paused=True)
        time.sleep(pause)
        step += 1
        _executed(job, step)
        if step == settings.get("full_at"):
            Path("/dev/full").write_text("no disk is as full")
        if step == settings.get("dies_at") and job.attempt <= int(settings.get("deaths", 1)):
            os.kill(os.getpid(), signal.SIGKILL)
        if step % every == 0 or step == job.budget:
            extra = {f"loss/{index}": index / step for index in range(int(settings.get("metrics", 2)))}
            extra.pop(settings.get("lacks", {}).get(job.key), None)
            curve.append((step, {"val/accuracy": accuracy(job.params, step, job.budget), **extra}))
            _save(path, step, curve)
            go_on = report(*curve[-1])
    samples = Path(job.samples)
    samples.mkdir(parents=True, exist_ok=True)
    (samples / "strip.png").write_bytes(b"not really a picture")
    scores = {"test/accuracy": curve[-1][1]["val/accuracy"]} if job.role == "confirm" else {}
    made = sheet(int(settings["clips"])) if "clips" in settings else None
    return Outcome(value=curve[-1][1]["val/accuracy"], scores=scores, sheet=made, scorer="toy" if made else "")


def sheet(clips: int) -> dict[str, Any]:
    """A score sheet of so many clips, as JSON values."""
    label = tuple(clip % 4 for clip in range(clips))
    psnr = tuple(20 + 1 / (3 + clip) for clip in range(clips))
    return ScoreSheet(label, (0,) * clips, label, label[::-1], {"psnr": psnr}).to_dict()


def _save(path: Path, step: int, curve: list[tuple[int, dict[str, float]]]) -> None:
    partial = path.with_name(".partial")
    partial.write_text(json.dumps({"step": step, "curve": curve}))
    os.replace(partial, path)


def _executed(job: Job, step: int) -> None:
    path = Path(job.log).parents[1] / "steps.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(f"{job.key}:{step}\n")
