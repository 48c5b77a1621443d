"""Each arm of Table 4 against the notes' table: networks, inputs, rows, loss terms, and that the rest is Ours'.

What is expected of an arm is written out by hand below, from "Table 4, arm by arm" and Tables 1 and 2 of the paper.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ablations.arms import TABLE_4, Arm, arm_config, select_arms
from amc.config import Config, natops, with_overrides
from amc.data.conditions import Batch, Batches, test_conditions
from amc.methods.amc_gan.objective import Critic, DiscriminatorRow
from amc.methods.amc_gan.step import AMCStep
from amc.reference.examples import random_batch, shake
from tests.toy import toy_config, toy_data

GENERATOR, DA, DM = "generator", "appearance_discriminator", "motion_discriminator"
NETWORKS: dict[Critic, str] = {"appearance": DA, "motion": DM}
ALL_ROWS = ("real|y", "real|y'", "matched|y", "other|y'")  # Table 2
MATCHED_ROWS = ("real|y", "matched|y")
LINE_7 = (1.0, 0.5, 0.25, 0.25)  # weights of all rows of Table 2
RESCALED = (1.0, 1.0)  # of the matched ones alone: fake rows weigh 1 together, as they do in Ours (R12)
AUXILIARY_HEADS = ("velocity_conv", "velocity_bn", "velocity_fc", "class_fc1", "class_bn1", "class_fc2", "class_bn2")


@dataclass(frozen=True)
class Expected:
    """An arm's row of the notes' table.

    Attributes:
        sees: conditions that the generator gets beside z.
        da, dm: conditions that the discriminator gets; None where it is not there.
        rows: of Table 2, for each discriminator present, with their weights.
        videos: rows of Table 1 that are generated.
        ranking: discriminators that rank.
        aux, l1, gram: whether the class and velocity losses, the L1 term and the sum of d_j are there.
        gone: modules that Ours has and this arm has not, without whole networks.
        narrower: weights that take fewer inputs than in Ours, with the number of channels less at smoke size.
    """

    sees: frozenset[str] = frozenset({"ya", "ym"})
    da: frozenset[str] | None = frozenset({"ya"})
    dm: frozenset[str] | None = frozenset({"ya", "label"})
    rows: tuple[str, ...] = ALL_ROWS
    weights: tuple[float, ...] = LINE_7
    videos: tuple[str, ...] = ("matched", "appearance", "motion")
    ranking: frozenset[str] = frozenset({"appearance", "motion"})
    aux: bool = True
    l1: bool = True
    gram: bool = True
    gone: tuple[str, ...] = ()
    narrower: tuple[tuple[str, int], ...] = ()

    @property
    def critics(self) -> list[Critic]:
        """The discriminators present, Da first."""
        present: dict[Critic, frozenset[str] | None] = {"appearance": self.da, "motion": self.dm}
        return [name for name, sees in present.items() if sees is not None]


def some(*names: str) -> frozenset[str]:
    return frozenset(names)


# At smoke size 256 channels of Appendix A are 16, and q = 3 classes + 2 x 9 coordinates.
CHANNELS, CLASSES, Q = 16, 3, 21
NO_YA = ("generator.encoder", *(f"generator.decoder.gate{i}" for i in (1, 2, 3)))
NO_AUX = tuple(f"{DM}.{name}" for name in AUXILIARY_HEADS)
WITHOUT_PHI = ("generator.decoder.conv1.weight", CHANNELS)
WITHOUT_YM = ("generator.lstm.weight", Q)
EXPECTED: dict[str, Expected] = {
    "ours": Expected(),
    "no_ya": Expected(
        sees=some("ym"),
        da=None,
        dm=some("label"),
        videos=("matched", "motion"),
        ranking=some("motion"),
        gone=NO_YA,
        narrower=(WITHOUT_PHI,),
    ),
    "no_ym": Expected(
        sees=some("ya"),
        dm=None,
        videos=("matched", "appearance"),
        ranking=some("appearance"),
        aux=False,
        gone=("generator.motion_gate",),
        narrower=(WITHOUT_YM,),
    ),
    "no_y": Expected(
        sees=some(),
        da=some(),
        dm=some(),
        rows=MATCHED_ROWS,
        weights=RESCALED,
        videos=("matched",),
        ranking=some(),
        aux=False,
        gone=(*NO_YA, "generator.motion_gate", *NO_AUX),
        narrower=(WITHOUT_PHI, WITHOUT_YM, (f"{DA}.deconv.weight", CHANNELS), (f"{DM}.score_fc.weight", CLASSES)),
    ),
    "no_yprime": Expected(rows=MATCHED_ROWS, weights=RESCALED, videos=("matched",), ranking=some()),
    "no_da": Expected(da=None, videos=("matched", "motion"), ranking=some("motion")),
    "no_dm": Expected(dm=None, videos=("matched", "appearance"), ranking=some("appearance"), aux=False),
    "no_ldaux": Expected(aux=False, gone=NO_AUX),
    "no_lgaux": Expected(l1=False, gram=False),
    "no_lrank": Expected(ranking=some()),
}
# Each its own, so that no term can stand in for another; and hinges that are open.
WEIGHTS = {"gan": 2.0, "rank": 3.0, "ce": 5.0, "mse": 7.0, "l1": 11.0, "gram": 13.0}
DISTINCT: dict[str, Any] = {f"weights.{name}": value for name, value in WEIGHTS.items()}
DISTINCT |= {"margins.appearance": 10.0, "margins.motion": 20.0}

arms = pytest.mark.parametrize("arm", TABLE_4, ids=lambda arm: arm.slug)


def made(arm: Arm) -> AMCStep:
    """The arm's networks at smoke size in float64, no weight at its first value."""
    step = AMCStep(arm_config(with_overrides(natops("smoke"), DISTINCT), arm, 5))
    for i, network in enumerate(step.networks.values()):
        shake(network.double(), seed=i)
    return step


def parameters(step: AMCStep) -> dict[str, nn.Parameter]:
    return {f"{name}.{key}": p for name, network in step.networks.items() for key, p in network.named_parameters()}


def other_videos(step: AMCStep, batch: Batch) -> dict[str, Tensor]:
    """Videos in place of the generator's, and the real one."""
    rng = torch.Generator().manual_seed(3)
    shape = batch.clip[:, 1:].shape
    videos = {name: torch.rand(shape, generator=rng, dtype=torch.float64) * 2 - 1 for name in EXPECTED["ours"].videos}
    return videos | {"real": batch.clip[:, 1:]}


def row_name(row: DiscriminatorRow) -> str:
    clip = row.clip if row.clip in ("real", "matched") else "other"
    return f"{clip}|y{chr(39) if row.mismatched else ''}"


def test_the_table_is_complete() -> None:
    assert list(EXPECTED) == [arm.slug for arm in TABLE_4]


@arms
def test_a_removed_part_is_not_there(arm: Arm) -> None:
    """Nor are its parameters, in the networks, in a checkpoint or at an optimiser."""
    expected, step, ours = EXPECTED[arm.slug], made(arm), made(TABLE_4[0])
    networks = [GENERATOR, *(NETWORKS[critic] for critic in expected.critics)]
    assert list(step.networks) == networks
    mine, theirs = parameters(step), parameters(ours)
    left = {
        name
        for name in theirs
        if name.split(".")[0] in networks and not any(name.startswith(f"{gone}.") for gone in expected.gone)
    }
    assert mine.keys() == left
    narrower = {name: theirs[name].numel() - p.numel() for name, p in mine.items() if p.shape != theirs[name].shape}
    inputs = {name: theirs[name].numel() // theirs[name].shape[axis] for name, axis in INPUT_AXIS.items()}
    assert narrower == {name: fewer * inputs[name] for name, fewer in expected.narrower}
    held = [p for optimizer in step.optimizers.values() for group in optimizer.param_groups for p in group["params"]]
    assert {id(p) for p in held} == {id(p) for p in mine.values()}


# Which axis of a weight counts its inputs.
INPUT_AXIS = {
    "generator.decoder.conv1.weight": 1,
    "generator.lstm.weight": 1,
    f"{DA}.deconv.weight": 0,
    f"{DM}.score_fc.weight": 1,
}


@arms
def test_all_that_is_there_is_trained(arm: Arm) -> None:
    step = made(arm)
    step(random_batch(step.config, clips=3), 0)
    idle = [name for name, p in parameters(step).items() if p.grad is None or not p.grad.any()]
    assert idle == []


def changes(batch: Batch) -> dict[str, Batch]:
    """The batch with one of its conditions changed, matched and mismatched: image, class, velocities; and z."""
    c = batch.classes

    def rolled(motion: Tensor, part: slice) -> Tensor:
        motion = motion.clone()
        motion[..., part] = motion[..., part].roll(1, -1)
        return motion

    clip = batch.clip.clone()
    clip[:, 0] = clip[:, 0].flip(-1)
    motions = {
        name: {"motion": rolled(batch.motion, part), "other_motion": rolled(batch.other_motion, part)}
        for name, part in (("label", slice(0, c)), ("velocity", slice(c, None)))
    }
    return {
        "ya": replace(batch, clip=clip, other_appearance=batch.other_appearance.flip(-1)),
        "label": replace(batch, **motions["label"]),
        "velocity": replace(batch, **motions["velocity"]),
        "z": replace(batch, noise=batch.noise.flip(-1)),
    }


def reached(batch: Batch, answer: Callable[[Batch], list[Tensor]]) -> set[str]:
    """The conditions of which a change changes any bit of the answer."""
    before = answer(batch)
    assert all(torch.equal(a, b) for a, b in zip(before, answer(batch), strict=True))
    return {
        name
        for name, changed in changes(batch).items()
        if not all(torch.equal(a, b) for a, b in zip(before, answer(changed), strict=True))
    }


@arms
def test_what_the_generator_sees(arm: Arm) -> None:
    step = made(arm)
    step.generator.eval()  # each clip by itself, as when it is tested

    def clips(batch: Batch) -> list[Tensor]:
        with torch.no_grad():
            return [step.generator(batch.appearance, batch.motion, batch.noise)]

    sees = {"ya": {"ya"}, "ym": {"label", "velocity"}}
    expected = {"z"}.union(*(sees[name] for name in EXPECTED[arm.slug].sees))
    assert reached(random_batch(step.config, clips=3), clips) == expected


@arms
def test_the_generators_rows_in_training_see_the_same(arm: Arm) -> None:
    step = made(arm)

    def clips(batch: Batch) -> list[Tensor]:
        with torch.no_grad():
            return list(step.generate(batch).values())

    sees = {"ya": {"ya"}, "ym": {"label", "velocity"}}
    expected = {"z"}.union(*(sees[name] for name in EXPECTED[arm.slug].sees))
    assert reached(random_batch(step.config, clips=3), clips) == expected


@arms
def test_what_the_discriminators_see(arm: Arm) -> None:
    """Beside the videos, which are held fixed here."""
    expected, step = EXPECTED[arm.slug], made(arm)
    batch = random_batch(step.config, clips=3)
    batch = replace(batch, centres=torch.full_like(batch.centres, 3))  # triplets without x_1
    videos = other_videos(step, batch)
    for critic, sees in (("appearance", expected.da), ("motion", expected.dm)):
        assert (critic in step.critics) == (sees is not None)
        if sees is None:
            continue
        network = step.critics[critic]

        def scores(batch: Batch, network: Any = network, critic: Any = critic) -> list[Tensor]:
            rows = step.terms.critics[critic]
            judged = network.score_rows(batch, videos, rows).logits
            return (
                judged
                + network.score_rows(
                    batch, videos, tuple(row for row in rows if row.counts_for_generator), ("matched",), aux=False
                ).logits
            )

        with torch.no_grad():
            assert reached(batch, scores) == sees, critic


@arms
def test_rows_of_table_2_and_their_weights(arm: Arm) -> None:
    expected, step = EXPECTED[arm.slug], made(arm)
    assert list(step.terms.critics) == expected.critics
    for critic, rows in step.terms.critics.items():
        assert tuple(row_name(row) for row in rows) == expected.rows
        assert tuple(row.weight for row in rows) == expected.weights
        assert [row.real for row in rows] == [name == "real|y" for name in expected.rows]
        assert [row.counts_for_generator for row in rows] == [not name.startswith("real") for name in expected.rows]
        assert {row.clip for row in rows} <= {"real", "matched", critic}
        assert sum(row.weight for row in rows if not row.real) == 1.0


@arms
def test_rows_of_table_1_that_are_generated(arm: Arm) -> None:
    """Each distinct image and motion is encoded once, and a row that no loss uses costs nothing."""
    expected, step = EXPECTED[arm.slug], made(arm)
    seen: list[tuple[int, ...]] = []

    def note(_: object, given: tuple[Tensor, ...], **__: object) -> None:
        seen.append(tuple(len(tensor) for tensor in given))

    handle = step.generator.register_forward_pre_hook(note)
    batch = random_batch(step.config, clips=3)
    step(batch, 0)
    handle.remove()
    videos = expected.videos
    assert seen == [(3 * (1 + ("appearance" in videos)), 3 * (1 + ("motion" in videos)), 3 * len(videos))]
    assert tuple(step.generate(batch)) == videos


@arms
def test_loss_terms_and_their_weights(arm: Arm) -> None:
    expected, step = EXPECTED[arm.slug], made(arm)
    batch = random_batch(step.config, clips=3)
    videos = other_videos(step, batch)
    del videos["real"]
    critics, w = expected.critics, WEIGHTS

    total, terms = step.discriminator_loss(batch, videos, 0)
    losses = {name: value for name, value in terms.items() if not name.startswith("score/")}
    aux = {"loss/d_ce", "loss/d_mse"} if expected.aux else set()
    assert losses.keys() == {f"loss/d_{critic}" for critic in critics} | aux
    by_hand = w["gan"] * sum(losses[f"loss/d_{critic}"] for critic in critics)
    if expected.aux:
        by_hand += w["ce"] * losses["loss/d_ce"] + w["mse"] * losses["loss/d_mse"]
    assert total.item() == pytest.approx(float(by_hand), rel=1e-9)
    for critic in critics:
        shown = videos | {"real": batch.clip[:, 1:]}
        logits = step.critics[critic].score_rows(batch, shown, step.terms.critics[critic]).logits
        targets = [1 - 0.1 if name == "real|y" else 0.0 for name in expected.rows]  # R6 at step 0
        weighted = [
            weight * F.binary_cross_entropy_with_logits(row, torch.full_like(row, target)).item()
            for weight, row, target in zip(expected.weights, logits, targets, strict=True)
        ]
        assert losses[f"loss/d_{critic}"].item() == pytest.approx(sum(weighted), rel=1e-9)

    total, losses = step.generator_loss(batch, videos)
    compared = critics if expected.gram else [critic for critic in critics if critic in expected.ranking]
    distances = {f"distance/{critic}_{j}" for critic in compared for j in (1, 2)}
    ranks = {f"loss/rank_{critic}_{j}" for critic in expected.ranking for j in (1, 2)}
    l1 = {"loss/l1"} if expected.l1 else set()
    assert losses.keys() == {f"loss/g_{critic}" for critic in critics} | distances | ranks | l1
    by_hand = w["gan"] * sum(losses[f"loss/g_{critic}"] for critic in critics)
    by_hand += w["rank"] * sum(losses[name] for name in ranks)
    by_hand += w["gram"] * sum(losses[name] for name in distances) * expected.gram
    by_hand += w["l1"] * sum(losses[name] for name in l1)
    assert total.item() == pytest.approx(float(by_hand), rel=1e-9)
    assert all(losses[name] > 5 for name in ranks)  # open


@arms
def test_which_rows_have_classes_and_velocities_to_show(arm: Arm) -> None:
    """R19: of Dm alone, rows 1, 3 and 4 where they are there."""
    expected, step = EXPECTED[arm.slug], made(arm)
    batch = random_batch(step.config, clips=3)
    for critic in expected.critics:
        predictions = (
            step.critics[critic].score_rows(batch, other_videos(step, batch), step.terms.critics[critic]).auxiliary
        )
        there = [name for name, row in zip(expected.rows, predictions, strict=True) if row is not None]
        has = expected.aux and critic == "motion"
        assert there == [name for name in expected.rows if has and name != "real|y'"]


def toy(arm: Arm) -> Config:
    return arm_config(toy_config(), arm, 11)


@arms
def test_clips_mismatches_and_noise_are_those_of_ours(arm: Arm) -> None:
    """Where the generator sees no ya, a triplet never holds x_1, which would give it away; other triplets stay."""
    data = toy_data()
    mine, ours = Batches(toy(arm), data), Batches(toy(TABLE_4[0]), data)
    for step in (0, 1, 7, 40):
        a, b = mine(step), ours(step)
        for name in ("clip", "motion", "other_appearance", "other_motion", "noise"):
            assert torch.equal(getattr(a, name), getattr(b, name)), name
        first = 1 if "ya" in EXPECTED[arm.slug].sees else 2
        assert torch.equal(a.centres, b.centres.clamp(min=first))


@arms
def test_it_is_tested_under_the_conditions_of_ours(arm: Arm) -> None:
    data = toy_data()
    mine, ours = (test_conditions(toy(one), data, data.split.test, 3) for one in (arm, TABLE_4[0]))
    for name in ("clips", "velocity_of", "noise"):
        np.testing.assert_array_equal(getattr(mine, name), getattr(ours, name))


@arms
def test_networks_that_lost_nothing_start_as_in_ours(arm: Arm) -> None:
    """The rest is as random: what comes after a part that is gone has drawn other numbers."""
    expected = EXPECTED[arm.slug]
    step, ours = AMCStep(toy(arm)), AMCStep(toy(TABLE_4[0]))
    changed = {part.split(".")[0] for part in (*expected.gone, *(name for name, _ in expected.narrower))}
    for name in step.networks.keys() - changed:
        mine, theirs = step.networks[name].state_dict(), ours.networks[name].state_dict()
        assert mine.keys() == theirs.keys()
        assert all(torch.equal(mine[key], theirs[key]) for key in mine), name


@pytest.mark.parametrize("pair", [arm for arm in select_arms("no_da_no_dm,no_da_no_lrank,no_ldaux_no_lgaux") if arm.of])
def test_a_pair_lacks_what_each_of_its_arms_lacks(pair: Arm) -> None:
    first, second = (EXPECTED[slug] for slug in pair.of)
    step = made(pair)
    critics = [critic for critic in first.critics if critic in second.critics]
    assert list(step.critics) == critics
    assert step.terms.rank == first.ranking & second.ranking
    assert step.terms.aux == (first.aux and second.aux)
    assert step.terms.l1 == (first.l1 and second.l1)
    assert step.terms.gram == (first.gram and second.gram and bool(critics))
    losses = step(random_batch(step.config, clips=3), 0)
    assert all(bool(value.isfinite()) for value in losses.values())
    assert ("loss/l1" in losses) == step.terms.l1
