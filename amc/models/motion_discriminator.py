"""The motion discriminator Dm (section 3.2, appendix A.3, figure C)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from amc.config import Config
from amc.models.conv_lstm import ConvLSTM
from amc.models.fast.row_batch_norm import RowBatchNorm, Rows, times
from amc.models.generator import leaky
from amc.models.strided import half_strided, halved, last_strided


class MotionDiscriminator(nn.Module):
    """Scores a video given ya and the class, and predicts the class and the velocities of each step.

    A tower encodes each frame, a convLSTM started from the encoded ya consumes x_2 ... x_T (R24), and heads read its
    states: velocities from every state, class and real/fake from the last. The class head and the real/fake head
    share their first convolution; the velocity head has its own, or the same one (`velocity_head`, R9).
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        ch = config.model.channels
        mode = config.readings.bn_rows
        self.hidden, self.extent = ch(256), config.model.size // 8
        classes = config.dataset.classes
        self.conv1 = nn.Conv2d(3, ch(64), 4, stride=2, padding=1)
        self.conv2 = nn.Conv2d(ch(64), ch(128), 4, stride=2, padding=1)
        self.bn2 = RowBatchNorm(ch(128), mode)
        self.conv3 = nn.Conv2d(ch(128), ch(256), 4, stride=2, padding=1)
        self.bn3 = RowBatchNorm(ch(256), mode)
        self.lstm = ConvLSTM(ch(256), self.hidden, config.readings.forget_bias)

        halve = half_strided(self.hidden, ch(64), self.extent)
        left = halved(self.extent) if halve else self.extent
        maps = ch(64) if halve else self.hidden
        self.velocity_conv: nn.Conv2d | None = None
        self.velocity_bn: RowBatchNorm | None = None
        self.velocity_fc: nn.Linear | None = None
        self.class_fc1: nn.Linear | None = None
        self.class_bn1: RowBatchNorm | None = None
        self.class_fc2: nn.Linear | None = None
        self.class_bn2: RowBatchNorm | None = None
        if config.switches.ldaux:
            if config.readings.velocity_head == "own":
                self.velocity_conv = half_strided(self.hidden, ch(64), self.extent)
                self.velocity_bn = RowBatchNorm(ch(64), mode) if self.velocity_conv else None
            self.velocity_fc = nn.Linear(maps * left * left, 2 * config.dataset.keypoints)
            self.class_fc1 = nn.Linear(maps * left * left, ch(64))
            self.class_bn1 = RowBatchNorm(ch(64), mode)
            self.class_fc2 = nn.Linear(ch(64), classes)
            self.class_bn2 = RowBatchNorm(classes, mode)

        self.shared_conv = halve
        self.shared_bn = RowBatchNorm(ch(64), mode) if halve else None
        joint = maps + (classes if config.switches.ym else 0)
        self.score_conv = last_strided(joint, ch(64), left)
        self.score_bn = RowBatchNorm(ch(64), mode) if self.score_conv else None
        self.score_fc = nn.Linear(ch(64) if self.score_conv else joint, 1)

    def tower(self, frames: Tensor, rows: Rows | None = None) -> tuple[Tensor, Tensor]:
        """The first two blocks, whose maps the Gram distances compare (R2).

        Args:
            frames: (N, 3, H, W) in [-1, 1].

        Returns:
            (N, 64, H/2, W/2) and (N, 128, H/4, W/4).
        """
        first = leaky(self.conv1(frames))
        return first, leaky(self.bn2(self.conv2(first), rows))

    def top(self, second: Tensor, rows: Rows | None = None) -> Tensor:
        """The tower's third block: (N, 128, H/4, W/4) to (N, 256, H/8, W/8)."""
        return leaky(self.bn3(self.conv3(second), rows))

    def unroll(self, frames: Tensor, condition: Tensor | None) -> Tensor:
        """The convLSTM over a video.

        Args:
            frames: (N, T-1, 256, H/8, W/8), the tower's maps of x_2 ... x_T.
            condition: (N, 256, H/8, W/8), the tower's map of ya; None where Dm sees no ya (it starts from zeros).

        Returns:
            (T-1, N, 256, H/8, W/8): the states.
        """
        n, steps = frames.shape[:2]
        driven = self.lstm.drive(frames.transpose(0, 1).flatten(0, 1)).unflatten(0, (steps, n))
        state = frames.new_zeros(n, self.hidden, self.extent, self.extent) if condition is None else condition
        states: Tensor = self.lstm(driven, state)
        return states

    def velocities(self, states: Tensor, rows: Rows | None = None) -> Tensor:
        """Predicted velocities in [-1, 1] (R14) from all states: (T-1, N, 256, ...) to (N, T-1, 2k)."""
        if self.velocity_fc is None:
            raise ValueError("this motion discriminator was built without L_Daux and has no velocity head")
        steps, n = states.shape[:2]
        # Clips first, so that the groups of `rows` stay together.
        x = states.transpose(0, 1).flatten(0, 1)
        own = self.velocity_conv is not None
        conv, norm = (self.velocity_conv, self.velocity_bn) if own else (self.shared_conv, self.shared_bn)
        if conv is not None and norm is not None:
            x = conv(x.contiguous(memory_format=torch.channels_last))
            x = leaky(norm(x, None if rows is None else times(rows, steps)))
        return torch.tanh(self.velocity_fc(x.flatten(1))).view(n, steps, -1)

    def summary(self, last: Tensor, rows: Rows | None = None) -> Tensor:
        """Shared by the class head and the real/fake head: (N, 256, H/8, W/8) to (N, 64, H/16, W/16)."""
        if self.shared_conv is None or self.shared_bn is None:
            return last
        return leaky(self.shared_bn(self.shared_conv(last), rows))

    def classes(self, summary: Tensor, rows: Rows | None = None) -> Tensor:
        """Class logits (N, c)."""
        if self.class_fc1 is None or self.class_fc2 is None or self.class_bn1 is None or self.class_bn2 is None:
            raise ValueError("this motion discriminator was built without L_Daux and has no class head")
        x = leaky(self.class_bn1(self.class_fc1(summary.flatten(1)), rows))
        return leaky(self.class_bn2(self.class_fc2(x), rows))

    def scores(self, summary: Tensor, label: Tensor | None, rows: Rows | None = None) -> Tensor:
        """Logits that the video is real and of the class.

        Args:
            summary: (N, 64, H/16, W/16).
            label: (N, c) one-hot; None where Dm is unconditional.

        Returns:
            (N,).
        """
        x = summary
        if label is not None:
            x = torch.cat([x, label[:, :, None, None].expand(-1, -1, *x.shape[2:])], dim=1)
        if self.score_conv is not None and self.score_bn is not None:
            x = leaky(self.score_bn(self.score_conv(x.contiguous(memory_format=torch.channels_last)), rows))
        logits: Tensor = self.score_fc(x.flatten(1))[:, 0]
        return logits
