"""Production's training step is the literal one: videos, every loss term, the gradient of every parameter, in float64.

In training mode both take batch norm's statistics over batch and time (R10). Statistics frame by frame, as a plain
reading of "generated frame-by-frame" would have them, are another function in training mode, so the frame-by-frame
literal is compared in evaluation mode, where the running statistics are used.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from amc.config import Config, configure, with_overrides
from amc.data.conditions import Batch
from amc.methods.amc_gan.objective import DiscriminatorRow
from amc.methods.amc_gan.step import AMCStep
from amc.reference.examples import ARMS, gradients, pair, random_batch, relative_difference, small
from amc.reference.step import LiteralStep

TOLERANCE = 1e-8  # of the network's largest gradient
Step = AMCStep | LiteralStep
Loss = Callable[[Step, Batch, dict[str, Tensor]], tuple[Tensor, dict[str, Tensor]]]


def discriminator_loss(step: Step, batch: Batch, videos: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    return step.discriminator_loss(batch, videos, 7)


def generator_loss(step: Step, batch: Batch, videos: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    return step.generator_loss(batch, videos)


def total_and_gradients(step: Step, batch: Batch, loss: Loss) -> tuple[dict[str, Tensor], dict[str, dict[str, Tensor]]]:
    """The total and each term, then each network's gradients."""
    for network in step.networks.values():
        network.zero_grad()
    total, terms = loss(step, batch, step.generate(batch))
    total.backward()
    return {"total": total.detach()} | terms, {name: gradients(network) for name, network in step.networks.items()}


def assert_equal(production: AMCStep, literal: LiteralStep, batch: Batch) -> None:
    expected, actual = literal.generate(batch), production.generate(batch)
    assert relative_difference(expected, actual) < TOLERANCE
    moved = {"discriminator": [name for name in production.networks if name != "generator"], "generator": ["generator"]}
    losses: dict[str, Loss] = {"discriminator": discriminator_loss, "generator": generator_loss}
    for player, networks in moved.items():
        if not networks:
            continue
        terms, slopes = total_and_gradients(literal, batch, losses[player])
        terms_p, slopes_p = total_and_gradients(production, batch, losses[player])
        assert {name for name in terms_p if not name.startswith("score/")} == set(terms)
        for name, value in terms.items():
            torch.testing.assert_close(terms_p[name], value, rtol=TOLERANCE, atol=1e-12, msg=name)
        for name in networks:
            assert relative_difference(slopes[name], slopes_p[name]) < TOLERANCE, (player, name)
        if player == "discriminator":  # the videos are constants to it
            assert all(not value.any() for value in slopes_p["generator"].values())


@pytest.mark.parametrize("centres", [1, 2])
@pytest.mark.parametrize("gram", ["spatial", "channel"])
@pytest.mark.parametrize("bn_rows", ["mixed", "per_row"])
@pytest.mark.parametrize("dataset", ["natops", "mug"])
def test_training_mode(dataset: str, bn_rows: str, gram: str, centres: int) -> None:
    config = small(dataset, bn_rows=bn_rows, gram=gram, centres=centres)
    assert_equal(*pair(config), random_batch(config, clips=3))


@pytest.mark.parametrize("bn_rows", ["mixed", "per_row"])
@pytest.mark.parametrize("dataset", ["natops", "mug"])
def test_training_mode_at_compact_size(dataset: str, bn_rows: str) -> None:
    config = small(dataset, size=32, frames=8, width=1 / 8, bn_rows=bn_rows)
    assert_equal(*pair(config), random_batch(config, clips=2))


@pytest.mark.parametrize("size", [8, 64])
def test_training_mode_at_other_sizes(size: int) -> None:
    config = small("natops", size=size, frames=4)
    assert_equal(*pair(config), random_batch(config, clips=3))


@pytest.mark.parametrize("generator_rows", ["mixed", "generated"])
@pytest.mark.parametrize("centres", [1, 2])
@pytest.mark.parametrize("arm", ARMS)
def test_conditions_in_the_frames_statistics(arm: str, centres: int, generator_rows: str) -> None:
    """R21 with every arm, R8 and R23; another function than with statistics of their own wherever a critic sees ya."""
    config = small(
        "natops", arm, condition_statistics="shared", centres=centres, size=32, generator_rows=generator_rows
    )
    production, literal = pair(config)
    batch = random_batch(config, clips=3)
    assert_equal(production, literal, batch)
    own, _ = pair(with_overrides(config, {"readings.condition_statistics": "own"}))
    (shared_terms, _), (own_terms, _) = (
        total_and_gradients(step, batch, discriminator_loss) for step in (production, own)
    )
    same = torch.allclose(shared_terms["total"], own_terms["total"], rtol=1e-9)
    assert same == (not config.switches.ya)


@pytest.mark.parametrize("generator_rows", ["mixed", "generated"])
@pytest.mark.parametrize("bn_rows", ["mixed", "per_row"])
@pytest.mark.parametrize("arm", ARMS)
def test_arms_of_table_4(arm: str, bn_rows: str, generator_rows: str) -> None:
    config = small("natops", arm, bn_rows=bn_rows, generator_rows=generator_rows)
    assert_equal(*pair(config), random_batch(config, clips=3))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("readings.gram_layers", 1),  # R2
        ("readings.l1_reduction", "mean"),  # R4
        ("readings.velocity_reduction", "sum"),  # R5
        ("readings.smoothing_start", 0.0),  # R6
        ("readings.velocity_head", "shared"),  # R9
        ("readings.aux_updates_generator", True),  # R11
        ("rows.real", 0.7),  # R12
        ("rows.real_mismatched", 0.2),
        ("rows.generated", 0.6),
        ("rows.generated_mismatched", 0.9),
        ("readings.aux_targets", "printed"),  # R19
        ("readings.adversarial", "saturating"),  # R23
        ("readings.generator_rows", "generated"),
        ("readings.condition_statistics", "shared"),  # R21
        ("margins.appearance", 10.0),  # a hinge that is surely open
        ("margins.motion", 10.0),
    ],
)
def test_other_settings(name: str, value: object) -> None:
    config = with_overrides(small("mug"), {name: value})
    assert_equal(*pair(config), random_batch(config, clips=3))


@pytest.mark.parametrize(
    "readings",
    [
        {"aux_updates_generator": True, "aux_targets": "printed", "velocity_reduction": "sum"},  # R11 with R5 and R19
        {"velocity_head": "shared", "bn_rows": "per_row", "aux_updates_generator": True},  # R9 with R21 and R11
        {"generator_rows": "generated", "aux_updates_generator": True, "gram": "channel"},  # R23 with R11 and R1
        {"generator_rows": "mixed", "centres": 2, "velocity_head": "shared", "aux_updates_generator": True},
    ],
)
def test_settings_that_meet(readings: dict[str, Any]) -> None:
    config = small("natops", **readings)
    assert_equal(*pair(config), random_batch(config, clips=3))


@pytest.mark.parametrize("rescale", [True, False])
@pytest.mark.parametrize("arm", ["no_yprime", "no_y"])
def test_weights_of_the_rows_an_arm_leaves(arm: str, rescale: bool) -> None:
    """R12, with weights of its own for every row."""
    config = small("natops", arm, rescale_fake_rows=rescale)
    config = with_overrides(config, {"rows.real": 0.7, "rows.real_mismatched": 0.2, "rows.generated": 0.6})
    assert_equal(*pair(config), random_batch(config, clips=3))


def test_open_and_shut_hinges_are_both_compared() -> None:
    batch = random_batch(small("natops"), clips=3)
    for margin in (10.0, 1e-9):
        config = with_overrides(small("natops"), {"margins.appearance": margin, "margins.motion": margin})
        production, literal = pair(config)
        assert_equal(production, literal, batch)
        ranks = [
            v for k, v in total_and_gradients(literal, batch, generator_loss)[0].items() if k.startswith("loss/rank")
        ]
        assert len(ranks) == 4
        assert all(value > 1 for value in ranks) or margin < 1


@pytest.mark.parametrize("bn_rows", ["mixed", "per_row"])
@pytest.mark.parametrize("dataset", ["natops", "mug"])
def test_frame_by_frame_in_evaluation_mode(dataset: str, bn_rows: str) -> None:
    config = small(dataset, bn_rows=bn_rows, centres=2)
    production, literal = pair(config, over_time=False)
    for network in (*production.networks.values(), *literal.networks.values()):
        network.eval()
    assert_equal(production, literal, random_batch(config, clips=2))


def test_frame_by_frame_statistics_are_another_function_in_training_mode() -> None:
    """The documented difference of R10."""
    config = small("natops")
    production, literal = pair(config, over_time=False)
    batch = random_batch(config, clips=3)
    assert relative_difference(literal.generate(batch), production.generate(batch)) > 1e-3


def test_the_generators_running_statistics() -> None:
    """They decide what a trained generator gives in evaluation. A step updates them once, from all rows of Table 1.

    With `bn_rows="per_row"` a step updates them row by row, and a moving average depends on the order: production's
    encoder sees an image that two rows share twice in succession. So only `mixed` is held to equality.
    """
    config = small("natops", bn_rows="mixed")
    production, literal = pair(config)
    batch = random_batch(config, clips=3)
    for _ in range(3):
        production.generate(batch)
        literal.generate(batch)
    expected, actual = literal.generator.state_dict(), production.generator.state_dict()
    for name, value in expected.items():
        torch.testing.assert_close(actual[name], value, rtol=1e-9, atol=1e-12, msg=name)


@pytest.mark.parametrize("generator_rows", ["mixed", "generated"])
def test_the_discriminators_running_statistics(generator_rows: str) -> None:
    """Both players' passes update them, each with the rows that it shows. Heads that no loss reads are not computed."""
    config = small("natops", generator_rows=generator_rows, aux_updates_generator=True)
    batch = random_batch(config, clips=3)
    production, literal = pair(config)
    for step in (production, literal):
        videos = step.generate(batch)
        step.discriminator_loss(batch, videos, 0)
        step.generator_loss(batch, videos)
    for name in ("appearance_discriminator", "motion_discriminator"):
        expected, actual = literal.networks[name].state_dict(), production.networks[name].state_dict()
        for key, value in expected.items():
            if key.endswith("running_mean"):  # a variance has the factor n / (n - 1) of rows that are computed once
                torch.testing.assert_close(actual[key], value, rtol=1e-9, atol=1e-12, msg=f"{name}.{key}")


def rows_but(step: AMCStep, monkeypatch: pytest.MonkeyPatch, change: Callable[[DiscriminatorRow], Any]) -> None:
    """The rows of the generator's mini-batch, each as `change` returns it; without those for which it returns None."""
    changed = {name: tuple(filter(None, map(change, rows))) for name, rows in step.terms.critics.items()}
    monkeypatch.setattr(step, "generator_rows", changed)


def real_rows_count(step: AMCStep, monkeypatch: pytest.MonkeyPatch) -> None:
    rows_but(step, monkeypatch, lambda row: replace(row, counts_for_generator=True))


def generated_rows_alone(step: AMCStep, monkeypatch: pytest.MonkeyPatch) -> None:
    rows_but(step, monkeypatch, lambda row: None if row.clip == "real" else row)


def no_gradient_through_real_rows(step: AMCStep, monkeypatch: pytest.MonkeyPatch) -> None:
    for critic in step.critics.values():
        top = critic.network.top

        def cut(second: Tensor, rows: Any = None, top: Any = top) -> Tensor:
            real = rows[0][0] if rows is not None and len(rows) > 2 else 0
            return top(torch.cat([second[:real].detach(), second[real:]]), rows)

        monkeypatch.setattr(critic.network, "top", cut)


def maps_of_another_pass(step: AMCStep, monkeypatch: pytest.MonkeyPatch) -> None:
    twin, _ = pair(step.config)
    for name, critic in step.critics.items():
        mixed: Any = critic.score_rows
        alone: Any = twin.critics[name].score_rows

        def two_passes(
            batch: Batch, videos: Any, rows: Any, compare: Any = (), mixed: Any = mixed, alone: Any = alone, **more: Any
        ) -> Any:
            generated = tuple(row for row in rows if row.clip != "real")
            maps = alone(batch, videos, generated, compare, **more).maps
            return replace(mixed(batch, videos, rows, compare, **more), maps=maps)

        monkeypatch.setattr(critic, "score_rows", two_passes)


def weights_of_statistics_forgotten(step: AMCStep, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real video is counted once in batch norm, although two rows show it."""
    for critic in step.critics.values():
        tower = critic.network.tower

        def once(frames: Tensor, rows: Any = None, tower: Any = tower) -> Any:
            return tower(frames, rows and tuple((size, 1) for size, _ in rows))

        monkeypatch.setattr(critic.network, "tower", once)


WRONG = [
    real_rows_count,
    generated_rows_alone,
    no_gradient_through_real_rows,
    maps_of_another_pass,
    weights_of_statistics_forgotten,
]


@pytest.mark.parametrize("aux", [False, True])
@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.__name__)
def test_a_wrong_mini_batch_of_the_generator_is_noticed(
    wrong: Callable[[AMCStep, pytest.MonkeyPatch], None], aux: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R23: each other way to compute the generator's loss differs visibly in its gradients."""
    config = small("natops", aux_updates_generator=aux)
    batch = random_batch(config, clips=3)
    production, literal = pair(config)
    _, expected = total_and_gradients(literal, batch, generator_loss)
    _, same = total_and_gradients(production, batch, generator_loss)
    assert relative_difference(expected["generator"], same["generator"]) < TOLERANCE
    wrong(production, monkeypatch)
    _, actual = total_and_gradients(production, batch, generator_loss)
    assert relative_difference(expected["generator"], actual["generator"]) > 1e-4


@pytest.mark.parametrize("generator_rows", ["mixed", "generated"])
@pytest.mark.parametrize(("dataset", "scores"), [("natops", "updated"), ("mug", "updated"), ("mug", "printed")])
def test_three_whole_steps(dataset: str, scores: str, generator_rows: str) -> None:
    """Both updates of Algorithm 1, with Adam: discriminators have moved when they score the generator, or not (R23)."""
    config = small(dataset, generator_scores=scores, generator_rows=generator_rows)
    production, literal = pair(config)
    for step in range(3):
        batch = random_batch(config, clips=3, seed=step)
        terms_p, terms = production(batch, step), literal(batch, step)
        for name, value in terms.items():
            torch.testing.assert_close(terms_p[name], value.detach(), rtol=1e-6, atol=1e-9, msg=name)
    for name, network in literal.networks.items():
        # Adam divides a gradient by its own size, so it magnifies the rounding error of one that is zero in exact
        # arithmetic, as a bias before batch norm has.
        expected = dict(network.named_parameters())
        assert relative_difference(expected, dict(production.networks[name].named_parameters())) < 1e-6


def paper(dataset: str, frames: int, **readings: object) -> Config:
    config = configure(dataset, "paper")
    config = replace(config, model=replace(config.model, frames=frames))
    return with_overrides(config, {f"readings.{name}": value for name, value in readings.items()})


@pytest.mark.slow
@pytest.mark.parametrize("bn_rows", ["mixed", "per_row"])
@pytest.mark.parametrize("dataset", ["natops", "mug"])
def test_training_mode_at_paper_width(dataset: str, bn_rows: str) -> None:
    config = paper(dataset, frames=4, bn_rows=bn_rows)
    assert_equal(*pair(config), random_batch(config, clips=3 if bn_rows == "per_row" else 2))


@pytest.mark.slow
def test_paper_width_with_the_other_readings() -> None:
    config = paper("natops", frames=5, gram="channel", centres=2, aux_updates_generator=True)
    assert_equal(*pair(config), random_batch(config, clips=2))


@pytest.mark.slow
def test_paper_width_frame_by_frame_in_evaluation_mode() -> None:
    config = paper("natops", frames=4)
    production, literal = pair(config, over_time=False)
    for network in (*production.networks.values(), *literal.networks.values()):
        network.eval()
    assert_equal(production, literal, random_batch(config, clips=1))
