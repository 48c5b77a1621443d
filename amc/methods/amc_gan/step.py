"""One step of Algorithm 1 from top to bottom, over the rows and terms that `objective.resolve` returned."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from amc.config import Config
from amc.data.conditions import Batch
from amc.machine.capabilities import compile_networks, quick_products
from amc.machine.capabilities import resolve as resolve_machine
from amc.machine.cuda_graph import CudaRecorder, GraphedStep
from amc.methods.amc_gan.critics import AppearanceCritic, MotionCritic
from amc.methods.amc_gan.objective import (
    Critic,
    DiscriminatorRow,
    adversarial,
    auxiliary,
    cross_entropy,
    ranking,
    reconstruction,
    resolve,
    smoothing,
    target,
)
from amc.methods.networks import adam, frozen, seeded
from amc.models.appearance_discriminator import AppearanceDiscriminator
from amc.models.generator import Generator, Sharing
from amc.models.motion_discriminator import MotionDiscriminator
from amc.models.perceptual import distance_to, gram

Losses = dict[str, Tensor]


class AMCStep:
    """AMC-GAN's networks, optimisers and training step (a `TrainingStep`).

    Attributes:
        generator, critics: the networks; discriminators that an arm removes are absent.
    """

    def __init__(self, config: Config, device: torch.device | None = None) -> None:
        self.config = config
        self.device = device or torch.device("cpu")
        self.machine = resolve_machine(config.machine, self.device)
        self.terms = resolve(config)
        self.weights = {
            "gan": config.weights.gan,
            "rank": config.weights.rank,
            "ce": config.weights.ce,
            "mse": config.weights.mse,
            "l1": config.weights.l1,
            "gram": config.weights.gram,
        }
        mixed = config.readings.generator_rows == "mixed"  # R23
        self.generator_rows: dict[Critic, tuple[DiscriminatorRow, ...]] = {
            critic: tuple(row for row in rows if mixed or row.counts_for_generator)
            for critic, rows in self.terms.critics.items()
        }
        margins = {"appearance": config.margins.appearance, "motion": config.margins.motion}
        self.margins: dict[Critic, float] = {critic: margins[critic] for critic in self.terms.rank}
        self.generator = seeded(Generator, config, self.device, 0)
        self.critics: dict[Critic, AppearanceCritic | MotionCritic] = {}
        self.networks: dict[str, nn.Module] = {"generator": self.generator}
        if "appearance" in self.terms.critics:
            da = seeded(AppearanceDiscriminator, config, self.device, 1)
            self.networks["appearance_discriminator"] = da
            self.critics["appearance"] = AppearanceCritic(config, da)
        if "motion" in self.terms.critics:
            dm = seeded(MotionDiscriminator, config, self.device, 2)
            self.networks["motion_discriminator"] = dm
            self.critics["motion"] = MotionCritic(config, dm)
        betas = (config.optimizer.beta1, config.optimizer.beta2)
        self.optimizers: dict[str, torch.optim.Optimizer] = {
            "generator": adam(self.generator.parameters(), config.optimizer.lr_generator, betas, self.machine)
        }
        self._critic_parameters = [p for critic in self.critics.values() for p in critic.network.parameters()]
        if self._critic_parameters:
            self.optimizers["discriminator"] = adam(
                self._critic_parameters, config.optimizer.lr_discriminator, betas, self.machine
            )
        if self.machine.compiled:
            compile_networks(self.networks)
        self._graphed = GraphedStep(self._update, CudaRecorder()) if self.machine.graphed else None

    def __call__(self, batch: Batch, step: int) -> Losses:
        """Updates discriminators, then generator, or both at once where `generator_scores` is "printed" (R23).

        Returns:
            every loss term, unweighted, and the mean scores of all rows; scalars.
        """
        if self._graphed is not None:
            return self._graphed(batch, step)
        return self._update(batch, step)

    def _update(self, batch: Batch, step: int | Tensor) -> Losses:
        with quick_products(self.device):
            return self._algorithm_1(batch, step)

    def _algorithm_1(self, batch: Batch, step: int | Tensor) -> Losses:
        simultaneous = self.config.readings.generator_scores == "printed"
        videos = self.generate(batch)
        losses: Losses = {}
        if self.critics:
            loss, parts = self.discriminator_loss(batch, videos, step)
            self.optimizers["discriminator"].zero_grad(set_to_none=True)
            loss.backward()
            if not simultaneous:
                self.optimizers["discriminator"].step()
            losses |= parts
        with frozen(self._critic_parameters):
            loss, parts = self.generator_loss(batch, videos)
            self.optimizers["generator"].zero_grad(set_to_none=True)
            loss.backward()
        if self.critics and simultaneous:
            self.optimizers["discriminator"].step()
        self.optimizers["generator"].step()
        return losses | parts

    def generate(self, batch: Batch) -> dict[str, Tensor]:
        """Alg. 1 lines 3 and 4: one video per row of Table 1 that is used, all from the same z."""
        outputs = self.terms.outputs
        b, n = len(batch.noise), len(outputs)
        other_image, other_motion = "appearance" in outputs, "motion" in outputs
        sharing = Sharing(
            image_of=tuple(int(row == "appearance") for row in outputs),
            motion_of=tuple(int(row == "motion") for row in outputs),
            image_rows=((b, n - 1), (b, 1)) if other_image else ((b, n),),
            rows=tuple((b, 1) for _ in outputs),
        )
        images = torch.cat([batch.appearance, batch.other_appearance]) if other_image else batch.appearance
        motions = torch.cat([batch.motion, batch.other_motion]) if other_motion else batch.motion
        with self.machine.mixed():
            video = self.generator(images, motions, batch.noise.repeat(n, 1), sharing=sharing)
        return dict(zip(outputs, video.split(b), strict=True))

    def discriminator_loss(self, batch: Batch, videos: dict[str, Tensor], step: int | Tensor) -> tuple[Tensor, Losses]:
        """-L_D + L_Daux (lines 5 to 9), summed over the discriminators."""
        shown = {name: video.detach() for name, video in videos.items()} | {"real": batch.clip[:, 1:]}
        real_label = 1 - smoothing(self.config.readings, step)
        losses: Losses = {}
        total = batch.clip.new_zeros(())
        for name, critic in self.critics.items():
            rows = self.terms.critics[name]
            with self.machine.mixed():
                judged = critic.score_rows(batch, shown, rows)
            gan = torch.stack(
                [
                    row.weight * cross_entropy(logits, real_label if row.real else 0.0)
                    for row, logits in zip(rows, judged.logits, strict=True)
                ]
            ).sum()
            losses[f"loss/d_{name}"] = gan.detach()
            for row, logits in zip(rows, judged.logits, strict=True):
                losses[f"score/{name}_{row.clip}{'_mismatched' if row.mismatched else ''}"] = (
                    logits.detach().sigmoid().mean()
                )
            total = total + self.weights["gan"] * gan
            total = total + self._auxiliary(batch, rows, judged.auxiliary, losses, "d")
        return total, losses

    def generator_loss(self, batch: Batch, videos: dict[str, Tensor]) -> tuple[Tensor, Losses]:
        """-L_G + L_Gaux + L_rank (lines 12 to 16), with the discriminators' current weights (R23)."""
        real = batch.clip[:, 1:]
        shown = videos | {"real": real}
        losses: Losses = {}
        total = batch.clip.new_zeros(())
        for name, critic in self.critics.items():
            rows = self.generator_rows[name]
            ranked = name in self.terms.rank
            compare = ("real", "matched", name) if ranked else ("real", "matched") if self.terms.gram else ()
            with self.machine.mixed():
                judged = critic.score_rows(batch, shown, rows, compare, aux=self.config.readings.aux_updates_generator)
            # Real rows take part in batch norm's statistics alone.
            counted = [i for i, row in enumerate(rows) if row.counts_for_generator]
            kind = self.config.readings.adversarial
            gan = torch.stack([adversarial(judged.logits[i], kind) for i in counted]).sum()
            losses[f"loss/g_{name}"] = gan.detach()
            total = total + self.weights["gan"] * gan
            predictions = [judged.auxiliary[i] for i in counted]
            total = total + self._auxiliary(batch, [rows[i] for i in counted], predictions, losses, "g")
            if compare:
                total = total + self._perceptual(name, judged.maps, losses)
        if self.terms.l1:
            l1 = reconstruction(real, videos["matched"], self.config.readings.l1_reduction)
            losses["loss/l1"] = l1.detach()
            total = total + self.weights["l1"] * l1
        return total, losses

    def _auxiliary(
        self,
        batch: Batch,
        rows: Sequence[DiscriminatorRow],
        predictions: Sequence[tuple[Tensor, Tensor] | None],
        losses: Losses,
        player: str,
    ) -> Tensor:
        """L_Daux (Eq. 7): the sum over rows that have targets (R19) of class and velocity losses."""
        readings = self.config.readings
        pairs = [
            auxiliary(*prediction, target(row, batch, readings.aux_targets), batch.classes, readings.velocity_reduction)
            for row, prediction in zip(rows, predictions, strict=True)
            if prediction is not None
        ]
        if not pairs:
            return batch.clip.new_zeros(())
        ce, mse = (torch.stack(part).sum() for part in zip(*pairs, strict=True))
        losses[f"loss/{player}_ce"], losses[f"loss/{player}_mse"] = ce.detach(), mse.detach()
        return self.weights["ce"] * ce + self.weights["mse"] * mse

    def _perceptual(self, name: Critic, maps: dict[str, list[Tensor]], losses: Losses) -> Tensor:
        """Sum over layers of d+ (Eq. 8) and of the ranking hinge (Eq. 3), for one discriminator."""
        kind = self.config.readings.gram
        total = maps["real"][0].new_zeros(())
        for j in range(self.config.readings.gram_layers):  # R2
            real = gram(maps["real"][j], kind)
            closer = distance_to(real, maps["matched"][j], kind)
            losses[f"distance/{name}_{j + 1}"] = closer.detach().mean()
            if self.terms.gram:
                total = total + self.weights["gram"] * closer.mean()
            if name in self.margins:
                farther = distance_to(real, maps[name][j], kind)
                hinge = ranking(closer, farther, self.margins[name])
                losses[f"loss/rank_{name}_{j + 1}"] = hinge.detach()
                total = total + self.weights["rank"] * hinge
        return total
