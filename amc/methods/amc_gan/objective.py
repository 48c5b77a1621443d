"""Tables 1 and 2 as data, and the loss terms of Eqs. 3 to 8.

The ablation switches are resolved here, once: `resolve` returns the rows and terms of a run, and the step iterates
over them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from amc.config import Config, Readings, RowWeights
from amc.data.conditions import Batch

Condition = Literal["matched", "appearance", "motion"]  # which condition is a mismatched one
Critic = Literal["appearance", "motion"]


@dataclass(frozen=True)
class GeneratorRow:
    """A row of Table 1: the video made under it is G(z | ya or ya', ym or ym')."""

    output: Condition


@dataclass(frozen=True)
class DiscriminatorRow:
    """A row of Table 2 for one discriminator."""

    clip: Literal["real"] | Condition  # the real video, or the generator's output of that row
    mismatched: bool  # the discriminator is shown y' instead of y
    real: bool  # label in the discriminator's step
    weight: float  # Alg. 1 line 7 (R12)
    counts_for_generator: bool  # is scored in the generator's update, with label real
    auxiliary: bool  # class and velocity losses apply (R19)


TABLE_1 = (GeneratorRow("matched"), GeneratorRow("appearance"), GeneratorRow("motion"))


def table_2(weights: RowWeights) -> dict[Critic, tuple[DiscriminatorRow, ...]]:
    """Table 2 with the weights of its rows (R12), one column for each discriminator."""
    return {"appearance": _column("appearance", weights), "motion": _column("motion", weights)}


def _column(critic: Critic, weights: RowWeights) -> tuple[DiscriminatorRow, ...]:
    aux = critic == "motion"
    return (
        DiscriminatorRow(
            "real", mismatched=False, real=True, weight=weights.real, counts_for_generator=False, auxiliary=aux
        ),
        DiscriminatorRow(
            "real",
            mismatched=True,
            real=False,
            weight=weights.real_mismatched,
            counts_for_generator=False,
            auxiliary=False,
        ),
        DiscriminatorRow(
            "matched", mismatched=False, real=False, weight=weights.generated, counts_for_generator=True, auxiliary=aux
        ),
        DiscriminatorRow(
            critic,
            mismatched=True,
            real=False,
            weight=weights.generated_mismatched,
            counts_for_generator=True,
            auxiliary=aux,
        ),
    )


TABLE_2 = table_2(RowWeights())  # as printed


@dataclass(frozen=True)
class Terms:
    """The rows and terms of the objective that a run has.

    Attributes:
        critics: the discriminators present, each with its rows of Table 2 and its margin rho.
        outputs: the rows of Table 1 that some loss uses, in Table 1's order.
        l1, gram, aux: whether the run has each term.
        rank: the discriminators with a ranking term.
    """

    critics: dict[Critic, tuple[DiscriminatorRow, ...]]
    outputs: tuple[Condition, ...]
    l1: bool
    gram: bool
    rank: frozenset[Critic]
    aux: bool


def resolve(config: Config) -> Terms:
    """The rows and terms that `config.switches` leave on (Table 4)."""
    on = config.switches
    present: dict[Critic, bool] = {"appearance": on.da, "motion": on.dm}
    sees: dict[Critic, bool] = {"appearance": on.ya, "motion": on.ym}
    aux = on.ldaux and on.dm
    critics: dict[Critic, tuple[DiscriminatorRow, ...]] = {}
    for critic, rows in table_2(config.rows).items():
        if present[critic]:
            # A discriminator without a condition cannot be given a mismatched one.
            kept = rows if on.mismatched and sees[critic] else tuple(row for row in rows if not row.mismatched)
            critics[critic] = _rescaled(kept, rows) if config.readings.rescale_fake_rows else kept
    used = {row.clip for rows in critics.values() for row in rows} | {"matched"}
    return Terms(
        critics=critics,
        outputs=tuple(row.output for row in TABLE_1 if row.output in used),
        l1=on.lgaux,
        gram=on.lgaux and bool(critics),
        rank=frozenset(c for c, rows in critics.items() if on.lrank and any(r.mismatched for r in rows)),
        aux=aux,
    )


def _rescaled(kept: tuple[DiscriminatorRow, ...], rows: tuple[DiscriminatorRow, ...]) -> tuple[DiscriminatorRow, ...]:
    """The rows kept, their fake ones scaled to the total weight of all fake rows: 1 as printed (R12)."""
    total, left = (sum(row.weight for row in some if not row.real) for some in (rows, kept))
    scale = total / left if left else 1.0
    return tuple(row if row.real else replace(row, weight=row.weight * scale) for row in kept)


def smoothing(readings: Readings, step: int | Tensor) -> float | Tensor:
    """Label smoothing of real rows at a step (R6): it decreases with every mini-batch, to 0."""
    if isinstance(step, Tensor):  # in a CUDA graph, which reads the step number on the device
        return (readings.smoothing_start - readings.smoothing_decrement * step).clamp(min=0)
    return max(0.0, readings.smoothing_start - readings.smoothing_decrement * step)


def cross_entropy(logits: Tensor, target: float | Tensor) -> Tensor:
    """Mean of -[target log s + (1 - target) log(1 - s)] with s = sigmoid(logits), (N,) to ()."""
    return (target * F.softplus(-logits) + (1 - target) * F.softplus(logits)).mean()


def adversarial(logits: Tensor, kind: Literal["non_saturating", "saturating"]) -> Tensor:
    """The generator's loss on scores of a row, (N,) to (): the mean of -log D, or of log(1 - D) (R23)."""
    return cross_entropy(logits, 1.0) if kind == "non_saturating" else -cross_entropy(logits, 0.0)


def reconstruction(clip: Tensor, generated: Tensor, reduction: Literal["sum_frames", "mean"]) -> Tensor:
    """L1 term of Eq. 8 (R4).

    Args:
        clip, generated: (B, T-1, 3, H, W), frames 2 ... T.
        reduction: `sum_frames` sums over frames the mean over pixels and channels; `mean` takes the mean of all.
    """
    difference = F.l1_loss(generated, clip)
    return difference * clip.shape[1] if reduction == "sum_frames" else difference


def ranking(closer: Tensor, farther: Tensor, margin: float) -> Tensor:
    """Mean over clips of max(0, rho - d- + d+) (Eq. 3), (B,) and (B,) to ()."""
    return F.relu(margin - farther + closer).mean()


def target(row: DiscriminatorRow, batch: Batch, reading: Literal["mismatched", "printed"]) -> Tensor:
    """The motion condition that a row's classes and velocities should show (R19), (B, T-1, q).

    It is the condition that the row's video was generated from. `printed` takes row 4's label from the matched
    condition, as in Alg. 1 line 9, and its velocities from the mismatched one.
    """
    if not row.mismatched:
        return batch.motion
    if reading == "mismatched":
        return batch.other_motion
    return torch.cat([batch.motion[..., : batch.classes], batch.other_motion[..., batch.classes :]], dim=-1)


def auxiliary(
    velocity: Tensor, classes: Tensor, motion: Tensor, class_count: int, reduction: Literal["mean", "sum"]
) -> tuple[Tensor, Tensor]:
    """Class and velocity losses of one row (Eq. 7, R5).

    Args:
        velocity: (B, T-1, 2k), predicted.
        classes: (B, c), logits.
        motion: (B, T-1, q), the condition they should show.
        class_count: c.
        reduction: of the squared error over time and coordinates; over clips it is a mean.

    Returns:
        cross entropy and squared error, both ().
    """
    label, steps = motion[:, 0, :class_count], motion[..., class_count:]
    error = F.mse_loss(velocity, steps)
    return F.cross_entropy(classes, label), error * steps[0].numel() if reduction == "sum" else error
