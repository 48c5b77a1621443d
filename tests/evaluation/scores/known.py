"""Generators whose scores can be worked out, and judges of toy clips that are quickly made."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from amc.config import Config
from amc.data.conditions import to_video
from amc.data.training_data import TrainingData
from amc.evaluation.judges.identity import IdentityRecipe, cached_identity_classifier
from amc.evaluation.judges.motion_classifier import cached_classifier
from amc.evaluation.scores.test_judges import Judges

QUICK = IdentityRecipe(steps=60, batch=32)
Rule = Callable[[Tensor, Tensor, Tensor], Tensor]


class Known(nn.Module):
    """Stands for a generator: its clips (B, T - 1, 3, H, W) are `rule(ya, ym, z)`."""

    def __init__(self, rule: Rule) -> None:
        super().__init__()
        self.rule = rule
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, ya: Tensor, ym: Tensor, z: Tensor) -> Tensor:
        return self.rule(ya, ym, z)


def copier() -> Known:
    """Repeats the first frame."""
    return Known(lambda ya, ym, z: ya[:, None].expand(-1, ym.shape[1], -1, -1, -1))


def even(value: Callable[[Tensor, Tensor], Tensor]) -> Known:
    """All pixels of a clip are `value(ym, z)` (B,), in [-1, 1]."""

    def rule(ya: Tensor, ym: Tensor, z: Tensor) -> Tensor:
        return value(ym, z).view(-1, 1, 1, 1, 1).expand(-1, ym.shape[1], *ya.shape[1:])

    return Known(rule)


def oracle(data: TrainingData) -> Known:
    """Gives the real clip with this first frame and class (toy clips are alike where both are)."""
    firsts = data.clips.frames[:, 0]

    def rule(ya: Tensor, ym: Tensor, z: Tensor) -> Tensor:
        rows = []
        for image, condition in zip(ya, ym, strict=True):
            label = int(condition[0, : data.classes].argmax())
            same = [i for i in range(len(firsts)) if data.clips.label[i] == label]
            rows.append(min(same, key=lambda i: float((to_video(firsts[i : i + 1])[0] - image).abs().sum())))
        return to_video(data.clips.frames[rows, 1:])

    return Known(rule)


def toy_judges(config: Config, data: TrainingData) -> Judges:
    """With a subject classifier of few steps."""
    motion, second = (cached_classifier(data.clips, data.split, config, seed=seed) for seed in (0, 1))
    return Judges(motion, second, cached_identity_classifier(config, data, recipe=QUICK))
