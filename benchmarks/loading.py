"""Measures how long a batch with all its conditions takes to load: `python benchmarks/loading.py --json`.

Prints milliseconds per batch of `Batches` at a preset's batch and clip size, with frames mapped from a file and with
frames in memory, in alternation with a naive loader that only reads the same number of clips from the HDF5 file. All
clips were read once before. The clip file is generated (`--clips`) or given with `--data FILE.h5`; `compression` is the
size of its frames / its own size. `ratio` is naive / mapped, and `load_seconds` is the delay before a process's first
step.

Takes about half a minute.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import h5py  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

from amc.config import Config, configure  # noqa: E402
from amc.data.clipfile import ClipInfo, ClipWriter, read_info  # noqa: E402
from amc.data.conditions import Batches, to_video  # noqa: E402
from amc.data.shared_frames import SETTING  # noqa: E402
from amc.data.training_data import TrainingData, prepare  # noqa: E402
from amc.machine.capabilities import keep_memory  # noqa: E402

SUBJECTS = 20


def main() -> int:
    """Runs the benchmark and returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="paper", choices=("paper", "compact", "smoke"), help="(default: paper)")
    parser.add_argument(
        "--data", type=Path, metavar="FILE.h5", help="clip file of the data set natops (default: a generated one)"
    )
    parser.add_argument(
        "--clips", type=int, default=512, metavar="N", help="clips of the generated file (default: 512)"
    )
    parser.add_argument("--steps", type=int, default=60, metavar="N", help="batches to time (default: 60)")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], metavar="N", help="(default: 1 2)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    args = parser.parse_args()
    keep_memory()  # as in training
    with tempfile.TemporaryDirectory() as folder:
        os.environ["AMC_CACHE"] = folder
        config = configure("natops", args.preset)
        path = args.data or made_file(Path(folder) / "made.h5", config, args.clips)
        facts = measure(config, path, args.steps, args.threads)
    print(json.dumps(facts, indent=2) if args.json else _lines(facts))
    return 0


def made_file(path: Path, config: Config, clips: int) -> Path:
    """Writes a clip file at the configuration's size: drifting smooth noise, plus a little noise in each pixel."""
    model, classes, k = config.model, config.dataset.classes, config.dataset.keypoints
    info = ClipInfo(
        "natops",
        "procedural",
        tuple(f"class {c}" for c in range(classes)),
        tuple(f"point {j}" for j in range(k)),
        (),
        {"tool": "benchmarks/loading.py"},
    )
    rng = np.random.default_rng(0)
    with ClipWriter(path, info, frames=model.frames, size=(model.size, model.size), keypoints=k) as writer:
        for i in range(clips):
            coarse = rng.integers(0, 240, (8, 8, 3)).repeat(model.size // 8, axis=0).repeat(model.size // 8, axis=1)
            frames = np.stack([np.roll(coarse, t // 2, axis=1) for t in range(model.frames)])
            frames += rng.integers(0, 3, frames.shape)
            points = rng.uniform(0, model.size, (model.frames, k, 2))
            subject = i // classes % SUBJECTS
            writer.add(frames.astype(np.uint8), points, np.ones((model.frames, k), bool), i % classes, subject, i)
    return path


def measure(config: Config, path: Path, steps: int, threads: Sequence[int]) -> dict[str, Any]:
    """Seconds to load, and milliseconds per batch of each loader at each number of threads."""
    load: dict[str, float] = {}
    _, load["lay_out"] = _loaded(config, path, "mapped")
    mapped, load["mapped"] = _loaded(config, path, "mapped")
    memory, load["memory"] = _loaded(config, path, "memory")
    size = mapped.clips.frames.nbytes
    at_threads = {}
    with _naive(path, config) as naive:
        ways: dict[str, Callable[[int], object]] = {
            "mapped": Batches(config, mapped),
            "memory": Batches(config, memory),
            "naive": naive,
        }
        int(mapped.clips.frames.max())  # reads every page
        for count in threads:
            torch.set_num_threads(count)
            at_threads[str(count)] = summary(taken(ways, steps))
    return {
        "preset": config.preset,
        "data": read_info(path).name,
        "clips": len(mapped.clips.label),
        "clip": list(mapped.clips.frames.shape[1:]),
        "batch": config.training.batch,
        "steps": steps,
        "frames_bytes": size,
        "compression": size / path.stat().st_size,
        "load_seconds": load,
        "threads": at_threads,
    }


def taken(ways: Mapping[str, Callable[[int], object]], steps: int) -> dict[str, list[float]]:
    """Seconds of each loader at each step, in alternation, after a warm-up round."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for step in range(steps + 1):
        for name, way in ways.items():
            started = time.perf_counter()
            way(step)
            seconds[name].append(time.perf_counter() - started)
    return {name: times[1:] for name, times in seconds.items()}


def summary(seconds: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """Median and 90th percentile of each loader in milliseconds, and the ratio naive / mapped."""
    times = {
        name: {
            "median_ms": 1e3 * statistics.median(values),
            "p90_ms": 1e3 * float(np.quantile(np.asarray(values), 0.9)),
        }
        for name, values in seconds.items()
    }
    ratios = [naive / mapped for naive, mapped in zip(seconds["naive"], seconds["mapped"], strict=True)]
    return {**times, "ratio": statistics.median(ratios)}


def _loaded(config: Config, path: Path, place: str) -> tuple[TrainingData, float]:
    os.environ[SETTING] = place
    started = time.perf_counter()
    return prepare(config, path), time.perf_counter() - started


@contextmanager
def _naive(path: Path, config: Config) -> Iterator[Callable[[int], object]]:
    """Reads a batch of clips drawn at random from the open HDF5 file."""
    with h5py.File(path, "r") as file:
        frames = file["frames"]

        def read(step: int) -> object:
            chosen = np.random.default_rng(step).permutation(len(frames))[: config.training.batch]
            clips: NDArray[np.uint8] = np.stack([frames[i] for i in chosen])
            return to_video(clips)

        yield read


def _lines(facts: dict[str, Any]) -> str:
    frames, height, width, _ = facts["clip"]
    load = facts["load_seconds"]
    lines = [
        f"{facts['clips']} clips of {frames} frames, {width}x{height} pixels, batches of {facts['batch']}",
        f"to load: {load['memory']:.2f} s into memory, {load['lay_out']:.2f} s to write the mapped file, "
        f"{load['mapped']:.2f} s to map it",
    ]
    for count, found in facts["threads"].items():
        ways = "   ".join(f"{name} {found[name]['median_ms']:.1f}" for name in ("mapped", "memory", "naive"))
        lines.append(f"{count} threads, ms per batch: {ways}   naive / mapped {found['ratio']:.1f}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
