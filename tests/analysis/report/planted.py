"""Tables with planted numbers, a search's record, samples of clips, and a reader of the page."""

from __future__ import annotations

from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from amc.config import natops, with_overrides
from analysis.record.rows import StudyRow, TrialRow
from analysis.record.writing import RecordWriter

CAPTION: Mapping[str, Any] = {
    "dataset": "natops",
    "origin": "procedural",
    "preset": "compact",
    "chance": 16.7,
    "guessing": [16.7, 16.7],
    "real_accuracy": 100.0,
    "first_frame_accuracy": 16.7,
    "order": {"tau": 0.6, "p": 0.02, "arms": 4},
}


def row(
    arm: str,
    paper: float | None,
    mean: float | None,
    difference: float | None = None,
    p: float | None = None,
    **changes: Any,
) -> dict[str, Any]:
    """A row of Table 4 whose intervals reach 5 points to both sides."""
    values: dict[str, Any] = {
        "arm": arm,
        "title": arm.replace("_", " ").title(),
        "paper": paper,
        "mean": mean,
        "ci95": None if mean is None else [mean - 5, mean + 5],
        "n_seeds": 0 if mean is None else 3,
        "n_pairs": 0 if difference is None else 3,
        "difference": difference,
        "difference_ci95": None if difference is None else [difference - 5, difference + 5],
        "p": p,
        "p_holm": p,
        "second_mean": None,
        "detectable": None if difference is None else 8.0,
    }
    return values | changes


def table(*rows: Mapping[str, Any], **caption: Any) -> dict[str, Any]:
    """The content of a table of these rows."""
    return {"caption": {**CAPTION, **caption}, "rows": list(rows)}


def write_search(address: Path, *, name: str = "made-smoke-search", reason: str = "") -> None:
    """A search of four trials (two complete, one pruned, one failed for `reason`), its best run again with two "
    "seeds."""
    base = natops("smoke")
    dataset = {
        "name": "natops",
        "origin": "procedural",
        "fingerprint": "cd" * 32,
        "clips": 240,
        "split": {"rule": "subject", "seed": 0, "train": 150, "validation": 30, "test": 60},
        "chance": 1 / 3,
        "real_accuracy": {"validation": 1.0, "test": 0.99},
    }
    study = StudyRow(
        name=name,
        uid="",
        kind="search",
        preset="smoke",
        seed=0,
        dataset=dataset,
        config=base.to_dict(),
        space={"parameters": {"weights.l1": {"kind": "log", "low": 0.3, "high": 30.0, "when": []}}, "fixed": {}},
        settings={"trials": 4, "confirm_seeds": 2, "sampler": "tpe", "pruner": "halving", "workers": 2},
        versions={"git": "0123456", "torch": "2.13.0"},
        created=1_790_000_000.0,
    )
    ends = (("COMPLETE", 0.6), ("PRUNED", 0.3), ("COMPLETE", 0.8), ("FAILED", None))
    with RecordWriter(address) as record, record.lock_study(name):
        record.create_study(study)
        trials = [(f"trial-{number}", "trial", None, state, value) for number, (state, value) in enumerate(ends)]
        trials += [(f"confirm-{number}", "confirm", "trial-2", "COMPLETE", 0.7) for number in range(2)]
        for number, (key, role, parent, state, value) in enumerate(trials):
            params = {"weights.l1": 1.0 + number}
            config = with_overrides(base, params).to_dict()
            record.add_trial(
                TrialRow(name, key, role, number, parent, "WAITING", params, config, number, base.training.steps)
            )
            attempt = record.begin(name, key).attempts
            record.mark_started(name, key, attempt)
            if value is not None:
                record.report(name, key, attempt, 40, {"val/accuracy": value})
            scores = {"test/accuracy": 0.65 + 0.1 * (key == "confirm-1")} if role == "confirm" else {}
            said = reason if state == "FAILED" else ""
            record.finish(name, key, attempt, state, value=value, scores=scores, reason=said)


def write_gif(path: Path, side: int = 16) -> None:
    """Three different frames."""
    draw = np.random.default_rng(0)
    frames = [Image.fromarray(draw.integers(0, 255, (side, side * 3, 3), dtype=np.uint8)) for _ in range(3)]
    path.parent.mkdir(parents=True, exist_ok=True)
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=100, loop=0)


class Reader(HTMLParser):
    """What a browser sees: tags with their attributes, and the text outside of style sheets."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in ("meta", "img", "input", "br", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> closes another tag"

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.texts.append(data)

    @property
    def text(self) -> str:
        """All text, white space closed up."""
        return " ".join(" ".join(self.texts).split())

    def all(self, tag: str) -> list[dict[str, str]]:
        """The attributes of every such tag."""
        return [attributes for name, attributes in self.tags if name == tag]
