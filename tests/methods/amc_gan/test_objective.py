"""Tables 1 and 2 as data, what each arm of Table 4 leaves of them, and the loss terms by hand (Eqs. 3 to 8)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from amc.config import Readings, RowWeights, with_overrides
from amc.methods.amc_gan.objective import (
    TABLE_1,
    TABLE_2,
    Critic,
    adversarial,
    auxiliary,
    cross_entropy,
    ranking,
    reconstruction,
    resolve,
    smoothing,
    table_2,
    target,
)
from amc.reference.examples import ARMS, random_batch, small
from amc.reference.step import TABLE_2 as LITERAL_TABLE_2


def test_table_1() -> None:
    assert [row.output for row in TABLE_1] == ["matched", "appearance", "motion"]


@pytest.mark.parametrize("critic", ["appearance", "motion"])
def test_table_2(critic: Critic) -> None:
    """Video, condition, the discriminator's label, weight (Alg. 1 line 7), the generator's label."""
    rows = [(row.clip, row.mismatched, row.real, row.weight, row.counts_for_generator) for row in TABLE_2[critic]]
    assert rows == [
        ("real", False, True, 1.0, False),  # x|y, y
        ("real", True, False, 0.5, False),  # x|y, y'
        ("matched", False, False, 0.25, True),  # x^|y, y
        (critic, True, False, 0.25, True),  # x^|y', y'
    ]
    # R19: L_Daux is Dm's, on rows 1, 3 and 4.
    assert [row.auxiliary for row in TABLE_2[critic]] == [critic == "motion" and i != 1 for i in range(4)]


@pytest.mark.parametrize("critic", ["appearance", "motion"])
def test_the_literal_table_2_says_the_same(critic: Critic) -> None:
    video = {"real": "x", "matched": "x^|y", critic: "x^|y'"}
    for row, case in zip(TABLE_2[critic], LITERAL_TABLE_2, strict=True):
        assert video[row.clip] == case.video
        assert row.mismatched == (case.condition == "y'")
        assert row.real == (case.label == "real")
        assert (row.weight, row.counts_for_generator) == (getattr(RowWeights(), case.weight), case.generator)


@dataclass(frozen=True)
class Left:
    """What an arm leaves, as the notes' table says: Table 1's rows, Table 2's rows (from 1) and their fake weights."""

    outputs: tuple[str, ...]
    rows: Mapping[str, tuple[int, ...]]
    l1: bool = True
    gram: bool = True
    rank: tuple[str, ...] = ()
    aux: bool = True


ALL, MATCHED = (1, 2, 3, 4), (1, 3)
BOTH = {"appearance": ALL, "motion": ALL}
LEFT = {
    "ours": Left(("matched", "appearance", "motion"), BOTH, rank=("appearance", "motion")),
    "no_ya": Left(("matched", "motion"), {"motion": ALL}, rank=("motion",)),
    "no_ym": Left(("matched", "appearance"), {"appearance": ALL}, rank=("appearance",), aux=False),
    "no_y": Left(("matched",), {"appearance": MATCHED, "motion": MATCHED}, aux=False),
    "no_yprime": Left(("matched",), {"appearance": MATCHED, "motion": MATCHED}),
    "no_da": Left(("matched", "motion"), {"motion": ALL}, rank=("motion",)),
    "no_dm": Left(("matched", "appearance"), {"appearance": ALL}, rank=("appearance",), aux=False),
    "no_ldaux": Left(("matched", "appearance", "motion"), BOTH, rank=("appearance", "motion"), aux=False),
    "no_lgaux": Left(("matched", "appearance", "motion"), BOTH, l1=False, gram=False, rank=("appearance", "motion")),
    "no_lrank": Left(("matched", "appearance", "motion"), BOTH),
}


def test_every_arm_is_listed() -> None:
    assert LEFT.keys() == ARMS.keys()


@pytest.mark.parametrize("arm", ARMS)
def test_what_an_arm_leaves(arm: str) -> None:
    terms, left = resolve(small("natops", arm)), LEFT[arm]
    assert terms.outputs == left.outputs
    assert terms.critics.keys() == left.rows.keys()
    for critic, numbers in left.rows.items():
        rows = terms.critics[critic]  # type: ignore[index]
        table = TABLE_2[critic]  # type: ignore[index]
        assert [(row.clip, row.mismatched) for row in rows] == [
            (table[i - 1].clip, table[i - 1].mismatched) for i in numbers
        ]
        assert [row.weight for row in rows] == ([1.0, 0.5, 0.25, 0.25] if numbers == ALL else [1.0, 1.0])  # R12
    assert (terms.l1, terms.gram, terms.aux) == (left.l1, left.gram, left.aux)
    assert sorted(terms.rank) == sorted(left.rank)


def test_weights_of_table_2_are_settings() -> None:
    """R12: both discriminators take theirs from the configuration."""
    for rows in table_2(RowWeights(real=2.0, real_mismatched=0.2, generated=0.6, generated_mismatched=0.4)).values():
        assert [row.weight for row in rows] == [2.0, 0.2, 0.6, 0.4]
    own = {"rows.real": 2.0, "rows.real_mismatched": 0.2, "rows.generated": 0.6, "rows.generated_mismatched": 0.4}
    for rows in resolve(with_overrides(small("natops"), own)).critics.values():
        assert [row.weight for row in rows] == [2.0, 0.2, 0.6, 0.4]
    # Without y' the one fake row left weighs what all three do, or what it does by itself.
    for rescale, weight in ((True, 1.2), (False, 0.6)):
        config = with_overrides(small("natops", "no_yprime", rescale_fake_rows=rescale), own)
        for rows in resolve(config).critics.values():
            assert [row.weight for row in rows] == [2.0, pytest.approx(weight)]


def test_rows_without_weight_are_not_scaled() -> None:
    config = with_overrides(small("natops", "no_yprime"), {"rows.generated": 0.0})
    assert [row.weight for row in resolve(config).critics["motion"]] == [1.0, 0.0]


def test_without_discriminators_there_is_no_perceptual_distance() -> None:
    terms = resolve(with_overrides(small("natops", "no_dm"), {"switches.da": False}))
    assert (terms.outputs, terms.critics, terms.gram, terms.rank) == (("matched",), {}, False, frozenset())
    assert terms.l1


# Cross entropy and its smoothing (Alg. 1 lines 7 and 14, R6)


def test_cross_entropy_by_hand() -> None:
    logits = torch.tensor([0.0, math.log(3)], dtype=torch.float64)  # s = 1/2 and 3/4
    assert cross_entropy(logits, 1.0).item() == pytest.approx((math.log(2) + math.log(4 / 3)) / 2)
    assert cross_entropy(logits, 0.0).item() == pytest.approx((math.log(2) + math.log(4)) / 2)
    smooth = (math.log(2) + 0.9 * math.log(4 / 3) + 0.1 * math.log(4)) / 2
    assert cross_entropy(logits, 0.9).item() == pytest.approx(smooth)


def test_the_generators_adversarial_term_by_hand() -> None:
    """R23: -log D, or log(1 - D) as Eq. 5 has it; s = 1/2 and 3/4."""
    logits = torch.tensor([0.0, math.log(3)], dtype=torch.float64)
    assert adversarial(logits, "non_saturating").item() == pytest.approx((math.log(2) + math.log(4 / 3)) / 2)
    assert adversarial(logits, "saturating").item() == pytest.approx((math.log(1 / 2) + math.log(1 / 4)) / 2)


def test_which_adversarial_term_saturates() -> None:
    """Where D is sure that a video is generated, -log D still pulls with slope 1, and log(1 - D) with none."""
    for kind, slope in (("non_saturating", -1.0), ("saturating", 0.0)):
        logits = torch.tensor([-20.0], dtype=torch.float64, requires_grad=True)
        adversarial(logits, kind).backward()  # type: ignore[arg-type]
        assert logits.grad is not None
        assert logits.grad.item() == pytest.approx(slope, abs=1e-6)


@given(st.floats(-30, 30), st.floats(0, 1))
def test_cross_entropy_is_the_formula(logit: float, target: float) -> None:
    s = 1 / (1 + math.exp(-logit))
    fake = 1 / (1 + math.exp(logit))  # 1 - s without cancellation
    expected = -(target * math.log(s) + (1 - target) * math.log(fake))
    # softplus is taken as linear beyond 20, where it is by 2e-9.
    assert cross_entropy(torch.tensor([logit], dtype=torch.float64), target).item() == pytest.approx(expected, abs=3e-9)


def test_cross_entropy_of_extreme_logits_is_finite() -> None:
    for label in (0.0, 0.9, 1.0):
        assert cross_entropy(torch.tensor([-1e4, 1e4]), label).isfinite()


def test_smoothing() -> None:
    """R6: starts at 0.1, falls by 1e-5 a mini-batch, ends at 0."""
    assert smoothing(Readings(), 0) == 0.1
    assert smoothing(Readings(), 1) == pytest.approx(0.09999)
    assert smoothing(Readings(), 5_000) == pytest.approx(0.05)
    assert smoothing(Readings(), 10_001) == 0.0
    assert smoothing(Readings(smoothing_start=0.3, smoothing_decrement=0.1), 2) == pytest.approx(0.1)


# Ranking (Eq. 3)


def test_ranking_hinge_by_hand() -> None:
    closer = torch.tensor([1.0, 2.0, 3.0, 3.0], dtype=torch.float64, requires_grad=True)
    farther = torch.tensor([3.0, 2.4, 3.0, 1.0], dtype=torch.float64, requires_grad=True)
    loss = ranking(closer, farther, 0.5)  # max(0, -1.5), max(0, 0.1), 0.5, 2.5
    assert loss.item() == pytest.approx((0 + 0.1 + 0.5 + 2.5) / 4)
    loss.backward()
    assert closer.grad is not None
    assert farther.grad is not None
    assert closer.grad.tolist() == [0, 0.25, 0.25, 0.25]  # draws x^|y towards x ...
    assert farther.grad.tolist() == [0, -0.25, -0.25, -0.25]  # ... and pushes x^|y' away


# Reconstruction (Alg. 1 line 15, R4)


def test_reconstruction_by_hand() -> None:
    clip = torch.zeros(2, 3, 3, 2, 2, dtype=torch.float64)
    generated = clip.clone()
    generated[0, 0] = 1.0  # the first frame of the first clip is off by 1 everywhere
    generated[1, 2, 0, 0, 0] = -6.0  # one of twelve values of the other's last frame
    # Pixel means of the frames: 1, 0, 0 and 0, 0, 1/2; summed over frames 1 and 1/2; mean over the batch.
    assert reconstruction(clip, generated, "sum_frames").item() == pytest.approx(0.75)
    assert reconstruction(clip, generated, "mean").item() == pytest.approx(0.25)


@given(st.integers(1, 5), st.integers(1, 4))
def test_reductions_differ_by_the_number_of_frames(frames: int, clips: int) -> None:
    clip, generated = torch.rand(2, clips, frames, 3, 2, 2, dtype=torch.float64)
    mean = reconstruction(clip, generated, "mean").item()
    assert reconstruction(clip, generated, "sum_frames").item() == pytest.approx(frames * mean)


# Class and velocity losses (Eq. 7, R5)


def test_class_and_velocity_losses_by_hand() -> None:
    # Two clips, T - 1 = 2 steps, c = 2 classes, one keypoint.
    motion = torch.zeros(2, 2, 4, dtype=torch.float64)
    motion[0, :, 0] = motion[1, :, 1] = 1  # classes 0 and 1
    motion[0, :, 2:] = torch.tensor([[1.0, 0.0], [0.0, 0.5]])
    logits = torch.tensor([[math.log(3), 0.0], [math.log(3), 0.0]], dtype=torch.float64)  # (3/4, 1/4) both times
    velocity = torch.zeros(2, 2, 2, dtype=torch.float64)
    velocity[1, 0, 0] = 2.0
    ce, mse = auxiliary(velocity, logits, motion, 2, "mean")
    assert ce.item() == pytest.approx((math.log(4 / 3) + math.log(4)) / 2)
    assert mse.item() == pytest.approx((1 + 0.25 + 4) / 8)
    _, squared = auxiliary(velocity, logits, motion, 2, "sum")  # the norm of line 9, mean over the two clips
    assert squared.item() == pytest.approx((1.25 + 4) / 2)


@pytest.mark.parametrize(("row", "label"), [(1, "y"), (3, "y"), (4, "y'")])
def test_targets_of_the_auxiliary_losses(row: int, label: str) -> None:
    """R19: rows 1 and 3 of Table 2 should show (yl, yv), row 4 (y'l, y'v); as printed row 4 has (yl, y'v)."""
    batch = random_batch(small("natops"), clips=2)
    c, own, other = batch.classes, batch.motion, batch.other_motion
    case = TABLE_2["motion"][row - 1]
    assert torch.equal(target(case, batch, "mismatched"), {"y": own, "y'": other}[label])
    printed = target(case, batch, "printed")
    assert torch.equal(printed[..., :c], own[..., :c])
    assert torch.equal(printed[..., c:], (other if row == 4 else own)[..., c:])
