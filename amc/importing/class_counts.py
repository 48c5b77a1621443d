"""Counts of what an import wrote, per class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass
class ClassCounts:
    """Counts by class name."""

    sources: Counter[str] = field(default_factory=Counter)
    clips: Counter[str] = field(default_factory=Counter)
    points: Counter[str] = field(default_factory=Counter)  # in all frames of all clips
    valid: Counter[str] = field(default_factory=Counter)  # those that are valid

    def add(self, label: str, valid: NDArray[np.bool_]) -> None:
        """Counts a clip with its `valid` flags (T, k)."""
        self.clips[label] += 1
        self.points[label] += valid.size
        self.valid[label] += int(valid.sum())

    def table(self, classes: Sequence[str], sources: str = "videos") -> list[str]:
        """Lines for a summary: sources, clips and the share of valid keypoints of each class."""
        width = max(12, *(len(name) for name in classes))
        lines = [f"  {'class':<{width}}  {sources:>7}   clips  valid keypoints"]
        for name in classes:
            share = self.valid[name] / self.points[name] if self.points[name] else 0.0
            lines.append(f"  {name:<{width}}  {self.sources[name]:7d}  {self.clips[name]:6d}  {share:14.1%}")
        return lines
