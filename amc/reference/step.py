"""Algorithm 1, line by line.

Conventions where the paper leaves them open, the same as in production:

- The mini-batch of a discriminator is its rows of Table 2 one after the other, each in full, in its own update and in
  the generator's; that of the generator is the rows of Table 1. All rows of Table 1 share z.
- The tower of a discriminator is called once for the conditioning images of all rows and once for the frames of all
  rows; each call has its own batch-norm statistics. With `condition_statistics="shared"` one call takes both (R21).
- In the generator's update only the scores of the generated rows x^|y and x^|y' count. The other rows take part in the
  statistics of every batch norm, through which gradients reach the generator too. Gram distances compare maps of the
  same forward pass (`generator_rows="mixed"`, R23). With "generated", the first two blocks of the tower take
  {x, x^|y, x^|y'} as one mini-batch, because Gram distances compare all three; the later layers take the generated
  rows only.
- The running statistics of a discriminator are updated in every forward pass in training mode, also in the
  generator's update. Training never reads them.
- In the arms of Table 4 the mini-batches consist of the rows that the arm keeps.

All losses are minimised: they are the negatives of the log-likelihoods that the paper maximises.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from amc.config import Config
from amc.data.conditions import Batch
from amc.reference import losses
from amc.reference.discriminators import LiteralAppearanceDiscriminator, LiteralMotionDiscriminator
from amc.reference.generator import LiteralGenerator
from amc.reference.paths import Norm

Videos = dict[str, Tensor]
"""x^ by its row of Table 1: "matched" is x^|ya,ym, "appearance" x^|ya',ym, "motion" x^|ya,ym'. (B, T-1, 3, H, W)."""
Losses = dict[str, Tensor]


@dataclass(frozen=True)
class Case:
    """A row of Table 2: the video and the condition that a discriminator is given, and the label."""

    video: str  # "x", "x^|y" or "x^|y'"
    condition: str  # "y" or "y'"
    label: str  # in the discriminators' update: "real" or "fake"
    weight: str  # line 7: its name among the configuration's `rows`
    generator: bool  # also scored in the generator's update, with label real
    auxiliary: bool  # line 9 (R19)


TABLE_2 = (
    Case("x", "y", "real", "real", generator=False, auxiliary=True),
    Case("x", "y'", "fake", "real_mismatched", generator=False, auxiliary=False),
    Case("x^|y", "y", "fake", "generated", generator=True, auxiliary=True),
    Case("x^|y'", "y'", "fake", "generated_mismatched", generator=True, auxiliary=True),
)


@dataclass(frozen=True)
class Answers:
    """(s, v, l) of line 5 for the cases of a mini-batch, and the maps for the Gram matrices.

    Attributes:
        s: for each case, (B,) or (B K,).
        v: for each case the velocities (B, 2k) at each step; l: for each case (B, c). Of Dm with auxiliary heads only.
        maps: for each video, the maps of the first and the second block at each frame.
    """

    s: list[Tensor]
    v: list[list[Tensor]]
    l: list[Tensor]  # noqa: E741
    maps: dict[str, tuple[list[Tensor], list[Tensor]]]


class LiteralStep:
    """The networks and Algorithm 1.

    Args:
        config: sizes, weights, readings and arm.
        over_time: R10; False takes batch norm's statistics frame by frame.
    """

    def __init__(self, config: Config, *, over_time: bool = True) -> None:
        self.config, self.over_time = config, over_time
        switches, settings = config.switches, config.optimizer
        self.generator = LiteralGenerator(config)
        self.networks: dict[str, torch.nn.Module] = {"generator": self.generator}
        self.cases: dict[str, list[Case]] = {}
        for name, present, sees in (("appearance", switches.da, switches.ya), ("motion", switches.dm, switches.ym)):
            if present:
                both = switches.mismatched and sees
                self.cases[name] = [case for case in TABLE_2 if both or case.condition == "y"]
        if switches.da:
            self.da = self.networks["appearance_discriminator"] = LiteralAppearanceDiscriminator(config)
        if switches.dm:
            self.dm = self.networks["motion_discriminator"] = LiteralMotionDiscriminator(config)
        mismatched = [name for name, cases in self.cases.items() if any(case.video == "x^|y'" for case in cases)]
        self.table_1 = ["matched", *mismatched]
        theta_d = [p for name, network in self.networks.items() if name != "generator" for p in network.parameters()]
        betas = (settings.beta1, settings.beta2)
        self.adam_g = torch.optim.Adam(self.generator.parameters(), lr=settings.lr_generator, betas=betas)
        self.adam_d = torch.optim.Adam(theta_d, lr=settings.lr_discriminator, betas=betas)

    def __call__(self, batch: Batch, step: int) -> Losses:
        """Lines 3 to 17."""
        videos = self.generate(batch)
        loss_d, terms_d = self.discriminator_loss(batch, videos, step)
        self.adam_d.zero_grad()
        theta_d = [p for group in self.adam_d.param_groups for p in group["params"]]
        slopes_d = torch.autograd.grad(loss_d, theta_d)
        if self.config.readings.generator_scores == "updated":  # R23
            self._move_discriminators(theta_d, slopes_d)  # line 11
        loss_g, terms_g = self.generator_loss(batch, videos)
        self.adam_g.zero_grad()
        loss_g.backward()
        if self.config.readings.generator_scores == "printed":  # s is that of line 5, before the discriminators' update
            self._move_discriminators(theta_d, slopes_d)
        self.adam_g.step()  # line 17
        return terms_d | terms_g

    def _move_discriminators(self, theta_d: Sequence[torch.nn.Parameter], slopes: Sequence[Tensor]) -> None:
        for parameter, slope in zip(theta_d, slopes, strict=True):
            parameter.grad = slope
        self.adam_d.step()

    def generate(self, batch: Batch) -> Videos:
        """Line 4: Table 1."""
        ya = {"matched": batch.appearance, "appearance": batch.other_appearance, "motion": batch.appearance}
        ym = {"matched": batch.motion, "appearance": batch.motion, "motion": batch.other_motion}
        x = self.generator(
            torch.cat([ya[row] for row in self.table_1]),
            torch.cat([ym[row] for row in self.table_1]),
            torch.cat([batch.noise for _ in self.table_1]),
            self._norm(len(self.table_1)),
        )
        return dict(zip(self.table_1, x.chunk(len(self.table_1)), strict=True))

    def discriminator_loss(self, batch: Batch, videos: Videos, step: int) -> tuple[Tensor, Losses]:
        """-(L_D - L_Daux) of lines 5 to 11, summed over the discriminators."""
        weights, readings = self.config.weights, self.config.readings
        smoothing = max(0.0, readings.smoothing_start - step * readings.smoothing_decrement)  # R6
        label = {"real": 1 - smoothing, "fake": 0.0}
        constant = {name: x.detach() for name, x in videos.items()}  # only theta_D is updated
        total, terms = torch.zeros(()), {}
        for name, cases in self.cases.items():
            answers = self.ask(name, batch, constant, cases, compared=[])
            l_d = torch.zeros(())
            for case, s in zip(cases, answers.s, strict=True):
                l_d = l_d + self.weight(case, cases) * losses.log_likelihood(s, label[case.label])
            terms[f"loss/d_{name}"] = -l_d
            total = total - weights.gan * l_d
            if name == "motion" and self.config.switches.ldaux:
                ce, mse = self.auxiliary(batch, cases, answers, "discriminator")
                terms |= {"loss/d_ce": ce, "loss/d_mse": mse}
                total = total + weights.ce * ce + weights.mse * mse
        return total, terms

    def generator_loss(self, batch: Batch, videos: Videos) -> tuple[Tensor, Losses]:
        """-(L_G - L_Gaux - L_rank) of lines 12 to 17, summed over the discriminators."""
        weights, readings, switches = self.config.weights, self.config.readings, self.config.switches
        rho = {"appearance": self.config.margins.appearance, "motion": self.config.margins.motion}
        total, terms = torch.zeros(()), {}
        for name, cases in self.cases.items():
            # Line 14 takes the scores of the mini-batch of line 5 (R23).
            shown = cases if readings.generator_rows == "mixed" else [case for case in cases if case.generator]
            ranked = switches.lrank and any(case.video == "x^|y'" for case in cases)
            compared = ["x", "x^|y"] if switches.lgaux or ranked else []
            compared += ["x^|y'"] if ranked else []
            answers = self.ask(name, batch, videos, shown, compared)
            scores = [s for case, s in zip(shown, answers.s, strict=True) if case.generator]
            l_g = torch.stack([losses.generator_gain(s, readings.adversarial) for s in scores]).sum()  # line 14
            terms[f"loss/g_{name}"] = -l_g
            total = total - weights.gan * l_g
            if name == "motion" and switches.ldaux and readings.aux_updates_generator:  # R11
                ce, mse = self.auxiliary(batch, shown, answers, "generator")
                terms |= {"loss/g_ce": ce, "loss/g_mse": mse}
                total = total + weights.ce * ce + weights.mse * mse
            for j in range(readings.gram_layers) if compared else ():  # R2
                g = {video: losses.gram_matrices(answers.maps[video][j], readings.gram) for video in compared}
                d_plus = losses.perceptual_distance(g["x"], g["x^|y"])  # line 12
                terms[f"distance/{name}_{j + 1}"] = d_plus.mean()
                if switches.lgaux:
                    total = total + weights.gram * d_plus.mean()  # line 15
                if ranked:
                    d_minus = losses.perceptual_distance(g["x"], g["x^|y'"])  # line 13
                    l_rank = losses.hinge(d_plus, d_minus, rho[name])  # line 16
                    terms[f"loss/rank_{name}_{j + 1}"] = l_rank
                    total = total + weights.rank * l_rank
        if switches.lgaux:
            x, generated = batch.clip[:, 1:].unbind(1), videos["matched"].unbind(1)
            terms["loss/l1"] = losses.reconstruction_loss(x, generated, readings.l1_reduction)  # line 15
            total = total + weights.l1 * terms["loss/l1"]
        return total, terms

    def weight(self, case: Case, cases: Sequence[Case]) -> float:
        """The weight of a case in L_D (line 7); the remaining fake cases have the total weight of all (R12)."""
        of = {row.video + row.condition: float(getattr(self.config.rows, row.weight)) for row in TABLE_2}
        weight = of[case.video + case.condition]
        if case.label == "real" or not self.config.readings.rescale_fake_rows:
            return weight
        every, left = (sum(of[c.video + c.condition] for c in some if c.label == "fake") for some in (TABLE_2, cases))
        return weight * every / left

    def auxiliary(self, batch: Batch, cases: Sequence[Case], answers: Answers, player: str) -> tuple[Tensor, Tensor]:
        """Line 9 with R19: class and velocity losses for a player, summed over the cases that have targets."""
        ce, mse = torch.zeros(()), torch.zeros(())
        for case, v, l in zip(cases, answers.v, answers.l, strict=True):  # noqa: E741
            if case.auxiliary and (case.generator or player == "discriminator"):
                ym = batch.motion if case.condition == "y" else batch.other_motion
                label = batch.motion if self.config.readings.aux_targets == "printed" else ym
                velocity = ym[:, :, batch.classes :].unbind(1)
                ce = ce + losses.class_loss(label[:, 0, : batch.classes], l)
                mse = mse + losses.velocity_loss(velocity, v, self.config.readings.velocity_reduction)
        return ce, mse

    def ask(self, name: str, batch: Batch, videos: Videos, cases: Sequence[Case], compared: Sequence[str]) -> Answers:
        """The outputs of a discriminator for a mini-batch of cases, and its maps of the videos in `compared`."""
        y_prime = name  # Da's mismatched condition is ya', Dm's is ym' (section 3.2, R3)
        shown = {"x": batch.clip[:, 1:], "x^|y": videos["matched"]}
        if y_prime in videos:
            shown["x^|y'"] = videos[y_prime]
        # Videos that are compared but in no case (x, where the generated rows are alone) come last.
        order = [case.video for case in cases]
        order += [video for video in compared if video not in order]
        if name == "appearance":
            return self._ask_da(batch, {video: shown[video] for video in order}, order, cases)
        return self._ask_dm(batch, {video: shown[video] for video in order}, order, cases)

    def _ask_da(self, batch: Batch, shown: Videos, order: Sequence[str], cases: Sequence[Case]) -> Answers:
        b, k = batch.centres.shape
        ya = {"y": batch.appearance, "y'": batch.other_appearance}
        first_frame = {"x": ya["y"], "x^|y": ya["y"], "x^|y'": ya["y'"]}
        # R8: x_{t-1}, x_t, x_{t+1} for each clip's K centres t; x_1 is the image that the video was made from.
        quadruplets: list[list[Tensor]] = [[], [], []]
        for video in order:
            x = torch.cat([first_frame[video][:, None], shown[video]], dim=1)
            for offset in range(3):
                picked = [x[clip, int(batch.centres[clip, i]) + offset - 1] for clip in range(b) for i in range(k)]
                quadruplets[offset].append(torch.stack(picked))
        images = [torch.cat(rows) for rows in quadruplets]
        conditions = torch.cat([ya[case.condition].repeat_interleave(k, dim=0) for case in cases])
        joint = self.config.switches.ya and self.config.readings.condition_statistics == "shared"
        norm_all, norm = self._norm(len(order)), self._norm(len(cases))
        blocks = norm_all.run([self.da.first_blocks(image) for image in ([*images, conditions] if joint else images)])
        seconds = [second[: len(conditions)] for _, second in blocks]
        encoded = norm.run([self.da.third_block(second) for second in seconds])
        if joint:
            encoded = [encoded[-1], *encoded[:-1]]
        elif self.config.switches.ya:
            _, second = norm.one(self.da.first_blocks(conditions))
            encoded = [norm.one(self.da.third_block(second)), *encoded]
        s = norm.one(self.da.score(encoded))
        return Answers(list(s.chunk(len(cases))), [], [], self._maps(blocks[:3], order))

    def _ask_dm(self, batch: Batch, shown: Videos, order: Sequence[str], cases: Sequence[Case]) -> Answers:
        ym = {"y": batch.motion, "y'": batch.other_motion}
        frames = list(torch.cat([shown[video] for video in order]).unbind(1))
        conditions = torch.cat([batch.appearance for _ in cases])  # "matched": Dm's videos all start from ya
        joint = self.config.switches.ya and self.config.readings.condition_statistics == "shared"
        norm_all, norm = self._norm(len(order)), self._norm(len(cases))
        blocks = norm_all.run([self.dm.first_blocks(image) for image in ([*frames, conditions] if joint else frames)])
        seconds = [second[: len(conditions)] for _, second in blocks]
        encoded = norm.run([self.dm.third_block(second) for second in seconds])
        ya = encoded.pop() if joint else None
        if self.config.switches.ya and not joint:
            _, second = norm.one(self.dm.first_blocks(conditions))
            ya = norm.one(self.dm.third_block(second))
        states = self.dm.states(encoded, ya)
        shared = norm.one(self.dm.shared(states[-1]))
        label = torch.cat([ym[case.condition][:, 0, : batch.classes] for case in cases])
        s = norm.one(self.dm.score(shared, label if self.config.switches.ym else None))
        v: list[list[Tensor]] = []
        l: tuple[Tensor, ...] = ()  # noqa: E741
        if self.config.switches.ldaux:
            velocities = norm.run([self.dm.velocity(state) for state in states])
            v = [[at_t.chunk(len(cases))[row] for at_t in velocities] for row in range(len(cases))]
            l = norm.one(self.dm.category(shared)).chunk(len(cases))  # noqa: E741
        return Answers(list(s.chunk(len(cases))), v, list(l), self._maps(blocks[: len(frames)], order))

    @staticmethod
    def _maps(
        blocks: Sequence[tuple[Tensor, Tensor]], order: Sequence[str]
    ) -> dict[str, tuple[list[Tensor], list[Tensor]]]:
        n = len(order)
        return {
            video: ([first.chunk(n)[i] for first, _ in blocks], [second.chunk(n)[i] for _, second in blocks])
            for i, video in enumerate(order)
        }

    def _norm(self, rows: int) -> Norm:
        """Batch norm for a mini-batch of `rows` rows (R10, R21)."""
        return Norm(self.over_time, rows if self.config.readings.bn_rows == "per_row" else 1)
