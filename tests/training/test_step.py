"""The step: which network gets gradient from which row of Table 2, what is shown to whom, and what arms leave out."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from amc.config import with_overrides
from amc.data.conditions import Batch
from amc.training.objective import TABLE_2, Critic
from amc.training.step import AMCStep
from tests.literal.examples import ARMS, random_batch, shake, small

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
    (logits,) = step.critics[critic].judge(batch, {**videos, "real": batch.clip[:, 1:]}, (case,)).logits
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
        return step.critics["appearance"].judge(batch, shown, (case,)).logits[0]

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
        return step.critics["motion"].judge(batch, shown, (case,)).logits[0]

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
        blind.critics["appearance"].judge(again, leaves(batch), (row,)).logits[0].square().sum().backward()
        reached = (ya.grad is not None and bool(ya.grad.any()), other.grad is not None and bool(other.grad.any()))
        assert reached == (not reads_other, reads_other)


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
