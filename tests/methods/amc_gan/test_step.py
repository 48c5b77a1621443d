"""The step: which network gets gradient from which row of Table 2, what is shown to whom, and what arms leave out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from amc.config import OptimizerConfig, natops, with_overrides
from amc.data.conditions import Batch
from amc.methods.amc_gan.critics import CriticOutput
from amc.methods.amc_gan.objective import TABLE_2, Critic, DiscriminatorRow
from amc.methods.amc_gan.step import AMCStep
from amc.models.motion_discriminator import MotionDiscriminator
from amc.models.perceptual import distance, gram
from amc.reference.examples import ARMS, random_batch, shake, small

CRITICS: tuple[Critic, Critic] = ("appearance", "motion")
NETWORK = {"appearance": "appearance_discriminator", "motion": "motion_discriminator"}
VIDEOS = ("matched", "appearance", "motion")


def shaken(arm: str = "ours", **overrides: object) -> AMCStep:
    config = with_overrides(small("natops", arm), {name.replace("__", "."): value for name, value in overrides.items()})
    step = AMCStep(config)
    for i, network in enumerate(step.networks.values()):
        shake(network.double(), seed=i)
    return step


def leaves(batch: Batch) -> dict[str, Tensor]:
    """Videos that stand for the generator's, so that gradients can be read off them."""
    g = torch.Generator().manual_seed(3)
    shape = batch.clip[:, 1:].shape
    return {name: (torch.rand(shape, generator=g, dtype=torch.float64) * 2 - 1).requires_grad_() for name in VIDEOS}


@pytest.mark.parametrize("row", range(4))
@pytest.mark.parametrize("critic", CRITICS)
def test_what_a_row_of_table_2_reaches(critic: Critic, row: int) -> None:
    """The generated videos that a row's score depends on: none for rows 1 and 2, which show x."""
    step = shaken()
    batch = random_batch(step.config, clips=3)
    videos = leaves(batch)
    case = TABLE_2[critic][row]
    (logits,) = step.critics[critic].score_rows(batch, {**videos, "real": batch.clip[:, 1:]}, (case,)).logits
    logits.sigmoid().log().sum().backward()
    reached = {name for name, video in videos.items() if video.grad is not None and video.grad.any()}
    assert reached == [set(), set(), {"matched"}, {critic}][row]
    assert any(p.grad is not None and p.grad.any() for p in step.networks[NETWORK[critic]].parameters())


@pytest.mark.parametrize("row", range(4))
def test_which_condition_a_row_shows_da(row: int) -> None:
    step = shaken()
    batch = random_batch(step.config, clips=3)
    batch = replace(batch, centres=torch.full_like(batch.centres, 3))  # triplets without x_1
    case = TABLE_2["appearance"][row]

    def score(batch: Batch) -> Tensor:
        shown = {**leaves(batch), "real": batch.clip[:, 1:]}
        return step.critics["appearance"].score_rows(batch, shown, (case,)).logits[0]

    clip = batch.clip.clone()
    clip[:, 0] = clip[:, 0].flip(0)
    base = score(batch)
    assert torch.equal(score(replace(batch, clip=clip)), base) == case.mismatched
    assert torch.equal(score(replace(batch, other_appearance=-batch.other_appearance)), base) != case.mismatched


@pytest.mark.parametrize("row", range(4))
def test_which_condition_a_row_shows_dm(row: int) -> None:
    """Dm sees the label alone; velocities are for it to predict (section 3.2)."""
    step = shaken()
    batch = random_batch(step.config, clips=3)
    case, c = TABLE_2["motion"][row], batch.classes

    def score(batch: Batch) -> Tensor:
        shown = {**leaves(batch), "real": batch.clip[:, 1:]}
        return step.critics["motion"].score_rows(batch, shown, (case,)).logits[0]

    def changed(motion: Tensor, part: slice) -> Tensor:
        motion = motion.clone()
        motion[..., part] = motion[..., part].roll(1, -1)
        return motion

    base, label, velocity = score(batch), slice(0, c), slice(c, None)
    assert torch.equal(score(replace(batch, motion=changed(batch.motion, label))), base) == case.mismatched
    assert torch.equal(score(replace(batch, other_motion=changed(batch.other_motion, label))), base) != case.mismatched
    for motion in ("motion", "other_motion"):
        same = score(replace(batch, **{motion: changed(getattr(batch, motion), velocity)}))
        assert torch.equal(same, base)


def test_a_triplet_starts_with_the_image_the_video_was_made_from() -> None:
    """R8: at t = 2 Da sees x_1, which is ya' for x^|ya',ym and ya for all others."""
    step = shaken()
    batch = random_batch(step.config, clips=2)
    batch = replace(batch, centres=torch.ones_like(batch.centres))
    for row, reads_other in ((TABLE_2["appearance"][2], False), (TABLE_2["appearance"][3], True)):
        ya, other = (x.clone().requires_grad_() for x in (batch.clip, batch.other_appearance))
        again = replace(batch, clip=ya, other_appearance=other)
        # Without ya as a condition only the triplet can tell.
        blind = AMCStep(with_overrides(step.config, {"switches.ya": False}))
        blind.networks["appearance_discriminator"].double()
        blind.critics["appearance"].score_rows(again, leaves(batch), (row,)).logits[0].square().sum().backward()
        reached = (ya.grad is not None and bool(ya.grad.any()), other.grad is not None and bool(other.grad.any()))
        assert reached == (not reads_other, reads_other)


class Told:
    """A discriminator that gives each row of Table 2 the score it is told, and no more."""

    def __init__(self, scores: Sequence[float]) -> None:
        self.scores = scores

    def score_rows(
        self, batch: Batch, videos: object, rows: Sequence[DiscriminatorRow], *_: object, **__: object
    ) -> CriticOutput:
        order = [(row.clip, row.mismatched) for row in TABLE_2["appearance"] + TABLE_2["motion"]]
        scores = [self.scores[order.index((row.clip, row.mismatched)) % 4] for row in rows]
        logits = [torch.full((3,), math.log(s / (1 - s)), dtype=torch.float64) for s in scores]
        return CriticOutput(logits, [None] * len(rows), {})


def told(scores: Sequence[float], **overrides: Any) -> AMCStep:
    """A step with the adversarial terms alone and two discriminators that say the same."""
    step = shaken(switches__lgaux=False, switches__lrank=False, weights__gan=3.0, **overrides)
    step.critics = {name: Told(scores) for name in CRITICS}  # type: ignore[misc]
    return step


@pytest.mark.parametrize(
    ("weights", "start"), [((1.0, 0.5, 0.25, 0.25), 0.1), ((1.0, 0.5, 0.25, 0.25), 0.0), ((0.7, 0.2, 0.5, 0.4), 0.3)]
)
def test_the_discriminators_loss_by_hand(weights: tuple[float, ...], start: float) -> None:
    """Alg. 1 line 7 with its weights (R12), and one-sided smoothing of the real label (R6), for Da and Dm."""
    names = ("real", "real_mismatched", "generated", "generated_mismatched")
    overrides = {f"rows__{name}": weight for name, weight in zip(names, weights, strict=True)}
    step = told((0.8, 0.6, 0.3, 0.1), readings__smoothing_start=start, **overrides)
    batch = random_batch(step.config, clips=3)
    total, terms = step.discriminator_loss(batch, leaves(batch), 1_000)
    soft = max(0.0, start - 0.01)  # 1e-5 less after each of 1,000 mini-batches
    r, m, f, g = weights
    real = r * ((1 - soft) * math.log(0.8) + soft * math.log(0.2))
    expected = -(real + m * math.log(0.4) + f * math.log(0.7) + g * math.log(0.9))
    assert [terms[f"loss/d_{name}"].item() for name in CRITICS] == pytest.approx([expected, expected])
    assert total.item() == pytest.approx(3 * 2 * expected)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("non_saturating", -math.log(0.3) - math.log(0.1)), ("saturating", math.log(0.7) + math.log(0.9))],
)
def test_the_generators_adversarial_loss_by_hand(kind: str, expected: float) -> None:
    """Line 14 without smoothing: rows 3 and 4 alone, each with weight 1 (R23)."""
    step = told((0.8, 0.6, 0.3, 0.1), readings__adversarial=kind)
    batch = random_batch(step.config, clips=3)
    total, terms = step.generator_loss(batch, leaves(batch))
    assert [terms[f"loss/g_{name}"].item() for name in CRITICS] == pytest.approx([expected, expected])
    assert total.item() == pytest.approx(3 * 2 * expected)


@pytest.mark.parametrize("scores", ["updated", "printed"])
def test_when_the_generator_is_scored(scores: str) -> None:
    """R23: by the discriminators as the step has left them, or as line 5 found them; both players move either way."""
    before, step = shaken(), shaken(readings__generator_scores=scores)
    batch = random_batch(step.config, clips=3)
    _, expected = before.generator_loss(batch, before.generate(batch))
    found = step(batch, 0)
    same = [torch.allclose(found[f"loss/g_{name}"], expected[f"loss/g_{name}"], rtol=1e-9) for name in CRITICS]
    assert same == [scores == "printed"] * 2
    for name, network in step.networks.items():
        start = dict(before.networks[name].named_parameters())
        assert any(not torch.equal(p, start[key]) for key, p in network.named_parameters()), name


@pytest.mark.parametrize("arm", ARMS)
def test_the_generator_takes_the_scores_of_the_discriminators_mini_batch(arm: str) -> None:
    """Alg. 1 line 14: s_f and s_f' are those of line 5, of the mini-batch that mixes all rows of Table 2 (R23)."""
    step = shaken(arm)
    batch = random_batch(step.config, clips=3)
    videos = step.generate(batch)
    _, terms = step.generator_loss(batch, videos)
    for name, critic in step.critics.items():
        rows = step.terms.critics[name]
        logits = critic.score_rows(batch, {**videos, "real": batch.clip[:, 1:]}, rows).logits
        line_14 = [-s.sigmoid().log().mean().item() for row, s in zip(rows, logits, strict=True) if row.clip != "real"]
        assert len(line_14) == (2 if any(row.mismatched for row in rows) else 1)
        assert terms[f"loss/g_{name}"].item() == pytest.approx(sum(line_14), rel=1e-9)


def test_adam() -> None:
    """R7: 2e-4 and betas 0.5 and 0.999, each a setting, for both players."""
    assert natops().optimizer == OptimizerConfig(2e-4, 2e-4, 0.5, 0.999)
    step = shaken(optimizer__lr_generator=1e-3, optimizer__lr_discriminator=3e-3, optimizer__beta1=0.3)
    found = {name: (o.param_groups[0]["lr"], o.param_groups[0]["betas"]) for name, o in step.optimizers.items()}
    assert found == {"generator": (1e-3, (0.3, 0.999)), "discriminator": (3e-3, (0.3, 0.999))}


@pytest.mark.parametrize("layers", [1, 2])
def test_which_maps_are_compared(layers: int) -> None:
    """R2: outputs of the first blocks of the tower, after activation, of all frames (Eqs. 1 and 2)."""
    step = shaken(readings__gram_layers=layers)
    batch = random_batch(step.config, clips=3)
    videos = leaves(batch)
    dm = step.networks["motion_discriminator"].eval()
    assert isinstance(dm, MotionDiscriminator)
    _, terms = step.generator_loss(batch, videos)

    def blocks(video: Tensor) -> list[Tensor]:
        first = F.leaky_relu(dm.conv1(video.flatten(0, 1)), 0.2)
        second = F.leaky_relu(dm.bn2(dm.conv2(first)), 0.2)
        return [maps.unflatten(0, (len(video), -1)) for maps in (first, second)][:layers]

    pairs = zip(blocks(batch.clip[:, 1:]), blocks(videos["matched"]), strict=True)
    expected = [distance(gram(real), gram(made)).mean().item() for real, made in pairs]
    assert [terms.pop(f"distance/motion_{j + 1}").item() for j in range(layers)] == pytest.approx(expected)
    assert not [name for name in terms if name.startswith("distance/motion")]
    assert len([name for name in terms if name.startswith("loss/rank_motion")]) == layers


@pytest.mark.parametrize("centres", [0, 1, 3])
def test_a_distance_is_zero_between_a_clip_and_itself(centres: int) -> None:
    """R8: the triplets of all inputs of a Gram distance are taken around the same t."""
    step = shaken(readings__centres=centres)
    batch = random_batch(step.config, clips=3)
    videos = leaves(batch) | {"matched": batch.clip[:, 1:]}
    _, terms = step.generator_loss(batch, videos)
    for name in CRITICS:
        assert [terms[f"distance/{name}_{j}"].item() for j in (1, 2)] == [0.0, 0.0]


@pytest.mark.parametrize(("arm", "reached"), [("no_dm", {"matched", "appearance"}), ("no_da", {"matched", "motion"})])
def test_a_discriminator_ranks_by_its_own_mismatch(arm: str, reached: set[str]) -> None:
    """R3: Da serves y' = [ya', ym], Dm y' = [ya, ym']."""
    zero: dict[str, Any] = {f"weights__{name}": 0.0 for name in ("gan", "ce", "mse", "l1", "gram")}
    step = shaken(arm, readings__bn_rows="per_row", margins__appearance=10.0, margins__motion=10.0, **zero)
    batch = random_batch(step.config, clips=3)
    videos = leaves(batch)
    step.generator_loss(batch, videos)[0].backward()
    assert {name for name, video in videos.items() if video.grad is not None and video.grad.any()} == reached


def test_each_discriminator_has_its_margin() -> None:
    """R3: open hinges grow by what is added to rho, once for each of the two layers; Eq. 6 is their sum."""
    found, totals = [], []
    for rho in ((10.0, 20.0), (12.5, 21.0)):
        step = shaken(margins__appearance=rho[0], margins__motion=rho[1])
        batch = random_batch(step.config, clips=3)
        total, terms = step.generator_loss(batch, leaves(batch))
        found.append([terms[f"loss/rank_{name}_{j}"].item() for name in CRITICS for j in (1, 2)])
        totals.append(total.item())
    assert [b - a for a, b in zip(*found, strict=True)] == pytest.approx([2.5, 2.5, 1.0, 1.0])
    assert totals[1] - totals[0] == pytest.approx(100.0 * 7.0)


def test_the_discriminators_loss_leaves_the_generator_alone() -> None:
    step = shaken()
    batch = random_batch(step.config, clips=3)
    videos = leaves(batch)
    step.discriminator_loss(batch, videos, 0)[0].backward()
    assert all(video.grad is None for video in videos.values())
    for name in NETWORK.values():
        assert all(p.grad is not None for p in step.networks[name].parameters())


@pytest.mark.parametrize(
    ("weight", "reached"),
    [
        ("gan", {"matched", "appearance", "motion"}),  # C2: every generated video is to look real
        ("rank", {"matched", "appearance", "motion"}),  # C3
        ("l1", {"matched"}),
        ("gram", {"matched"}),
        ("ce", set()),  # R11
        ("mse", set()),  # R11
    ],
)
def test_which_videos_a_term_of_the_generators_loss_moves(weight: str, reached: set[str]) -> None:
    others = {f"weights__{name}": 0.0 for name in ("gan", "rank", "ce", "mse", "l1", "gram") if name != weight}
    # Row by row, as statistics of a mixed mini-batch would pass gradients from one row to all.
    step = shaken(readings__bn_rows="per_row", margins__appearance=10.0, margins__motion=10.0, **others)
    batch = random_batch(step.config, clips=3)
    videos = leaves(batch)
    loss, _ = step.generator_loss(batch, videos)
    loss.backward()
    assert {name for name, video in videos.items() if video.grad is not None and video.grad.any()} == reached


def test_auxiliary_losses_move_the_generator_where_asked() -> None:
    """R11 as a setting: rows 3 and 4 of Dm."""
    zero = {f"weights__{name}": 0.0 for name in ("gan", "rank", "l1", "gram")}
    step = shaken(readings__bn_rows="per_row", readings__aux_updates_generator=True, **zero)
    batch = random_batch(step.config, clips=3)
    videos = leaves(batch)
    step.generator_loss(batch, videos)[0].backward()
    reached = {name for name, video in videos.items() if video.grad is not None and video.grad.any()}
    assert reached == {"matched", "motion"}


def test_a_step_moves_every_network_and_leaves_every_parameter_trainable() -> None:
    step = shaken()
    before = {name: [p.detach().clone() for p in network.parameters()] for name, network in step.networks.items()}
    step(random_batch(step.config, clips=3), 0)
    for name, network in step.networks.items():
        assert any(not torch.equal(a, b) for a, b in zip(before[name], network.parameters(), strict=True)), name
        assert all(p.requires_grad for p in network.parameters())


def test_the_generators_step_leaves_no_gradient_in_the_discriminators() -> None:
    """Theirs are of their own loss, which the generator's must not add to."""
    step = shaken()
    batch = random_batch(step.config, clips=3)
    step.discriminator_loss(batch, step.generate(batch), 0)[0].backward()
    expected = [p.grad.clone() for p in step.networks["motion_discriminator"].parameters() if p.grad is not None]
    again = shaken()
    again(batch, 0)
    actual = [p.grad for p in again.networks["motion_discriminator"].parameters() if p.grad is not None]
    for a, b in zip(expected, actual, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("arm", [arm for arm, off in ARMS.items() if {"ya", "ym"} & set(off)])
def test_a_removed_condition_changes_no_loss(arm: str) -> None:
    """Da's triplets and the L1 term are of the clip itself, so ya' is changed but not the clip's first frame."""
    step = shaken(arm)
    batch = random_batch(step.config, clips=3)
    changed = batch
    if "ya" in ARMS[arm]:
        changed = replace(changed, other_appearance=-batch.other_appearance)
        if "appearance" not in step.critics:  # nothing sees x_1 then
            clip = batch.clip.clone()
            clip[:, 0] = -clip[:, 0]
            changed = replace(changed, clip=clip)
    if "ym" in ARMS[arm]:
        changed = replace(changed, motion=batch.other_motion, other_motion=batch.motion.flip(0))
    losses = []
    for given in (batch, changed):
        step = shaken(arm)
        videos = step.generate(given)
        d, g = step.discriminator_loss(given, videos, 0), step.generator_loss(given, videos)
        losses.append((videos, d, g))
    (first, d1, g1), (second, d2, g2) = losses
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert torch.equal(d1[0], d2[0])
    assert torch.equal(g1[0], g2[0])


@pytest.mark.parametrize("arm", ARMS)
def test_networks_and_videos_of_an_arm(arm: str) -> None:
    step = shaken(arm)
    batch = random_batch(step.config, clips=2)
    off = ARMS[arm]
    expected = ["generator"] + [NETWORK[c] for c, s in zip(CRITICS, ("da", "dm"), strict=True) if s not in off]
    assert list(step.networks) == expected
    assert tuple(step.generate(batch)) == step.terms.outputs


def test_networks_start_the_same_whatever_else_is_built() -> None:
    """Arms with one seed start from the same weights of the networks they have."""
    ours, no_da = AMCStep(small("natops")), AMCStep(small("natops", "no_da"))
    for name in ("generator", "motion_discriminator"):
        a, b = ours.networks[name].state_dict(), no_da.networks[name].state_dict()
        assert all(torch.equal(a[key], b[key]) for key in a)
