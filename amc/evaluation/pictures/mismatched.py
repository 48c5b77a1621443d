"""Clips generated under matched and mismatched conditions, beside the real ones (section 3.3, Figure 3)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from amc.config import Config
from amc.data.conditions import TestConditions, test_conditions
from amc.data.training_data import TrainingData
from amc.evaluation.generation import generate_clips
from amc.evaluation.pictures.figure import LabelledClip
from amc.methods import method_of

_MISMATCHED = 4  # stream of random numbers, beside those of amc.data.conditions


def matched_and_mismatched(
    generator: nn.Module,
    config: Config,
    data: TrainingData,
    clips: NDArray[np.int64],
    seed: int,
    *,
    motion: int | None = None,
    device: torch.device | None = None,
) -> list[list[LabelledClip]]:
    """For each clip: the real clip, then the clips generated from (ya, ym), (ya', ym) and (ya, ym').

    All three have the same noise, and the first two the same motion condition, so that rows differ only in what their
    labels say. ya' is the first frame of a clip of another subject (of another source if subjects are unknown), from
    the same part of the split if possible, else from the training part. ym' is another class with the velocities of a
    training clip of that class. A row is left out if the data have only one subject or class. A method that is given
    several real frames has no mismatched rows: those frames show appearance and motion together.

    Args:
        clips: (n,) positions in the data.
        seed: of all draws; each clip has its own random generator, so order and number of clips do not matter.
        motion: the class of ym' instead of a random one; it must not be the class of one of the clips.
    """
    label = data.clips.label
    seen = method_of(config).frames_seen
    about_own = ("ya, ym", "both matched") if seen == 1 else (f"first {seen} frames", "of the real clip")
    matched = test_conditions(config, data, clips, seed)
    groups = []
    for row, clip in enumerate(clips):
        rng = np.random.default_rng([seed, _MISMATCHED, int(clip)])
        own, noise, lent = int(label[clip]), matched.noise[row], int(matched.velocity_of[row])
        who, what = _who(data, int(clip)), data.clips.info.class_names
        # One entry per row: label, clip of the first frame, class, clip of the velocities.
        wanted = [((*about_own, what[own]), int(clip), own, lent)]
        others = _other_appearances(data, int(clip))
        if seen == 1 and len(others):
            other = int(rng.choice(others))
            about = ("ya', ym", "appearance mismatched", ", ".join(filter(None, [what[own], _who(data, other)])))
            wanted.append((about, other, own, lent))
        lenders = _other_motions(data, own, motion)
        if seen == 1 and len(lenders):
            lender = int(rng.choice(lenders))
            shown = int(label[lender])
            wanted.append((("ya, ym'", "motion mismatched", what[shown]), int(clip), shown, lender))
        conditions = TestConditions(
            clips=np.array([first for _, first, _, _ in wanted], np.int64),
            velocity_of=np.array([velocity for *_, velocity in wanted], np.int64),
            noise=np.tile(noise, (len(wanted), 1)),
        )
        classes = np.array([c for _, _, c, _ in wanted], np.int64)
        made = generate_clips(generator, config, data, conditions, labels=classes, device=device)
        group = [LabelledClip(("real clip", ", ".join(filter(None, [what[own], who]))), data.clips.frames[clip])]
        for (text, first, _, _), frames in zip(wanted, made, strict=True):
            group.append(LabelledClip(text, np.concatenate([data.clips.frames[first, :1], frames])))
        groups.append(group)
    return groups


def _who(data: TrainingData, clip: int) -> str:
    subject = int(data.clips.subject[clip])
    return f"subject {subject}" if subject >= 0 else ""


def _other_appearances(data: TrainingData, clip: int) -> NDArray[np.int64]:
    """Clips of other subjects (R20), from the clip's own part of the split if it has any."""
    subject, source = data.clips.subject, data.clips.source_clip
    parts = (data.split.validation, data.split.test, data.split.train)
    own = next((part for part in parts if clip in part), data.split.train)
    for pool in (own, data.split.train):
        same = subject[pool] == subject[clip] if subject[clip] >= 0 else source[pool] == source[clip]
        if not same.all():
            others: NDArray[np.int64] = pool[~same]
            return others
    return np.zeros(0, np.int64)


def _other_motions(data: TrainingData, own: int, wanted: int | None) -> NDArray[np.int64]:
    """Training clips of the class `wanted`; if it is None, of all classes except `own` (R13, R20)."""
    train = data.split.train
    label = data.clips.label[train]
    lenders: NDArray[np.int64] = train[label != own] if wanted is None else train[label == wanted]
    return lenders
