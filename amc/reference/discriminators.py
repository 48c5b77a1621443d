"""The two discriminators as appendix A.2 and A.3 describe them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from amc.config import Config
from amc.reference.layers import conv4, conv4_to_one, conv_lstm, conv_lstm_step, leaky, tile
from amc.reference.paths import Path


class LiteralAppearanceDiscriminator(nn.Module):
    """Da: four images through one tower; their maps, concatenated, through a head.

    On maps too small for a strided layer the layer is left out with its BN and activation (R25).
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        ch = config.model.channels
        self.sees_ya = config.switches.ya
        self.conv1, self.bn1 = conv4(3, ch(64)), nn.BatchNorm2d(ch(64))
        self.conv2, self.bn2 = conv4(ch(64), ch(128)), nn.BatchNorm2d(ch(128))
        self.conv3, self.bn3 = conv4(ch(128), ch(256)), nn.BatchNorm2d(ch(256))
        images = 4 if self.sees_ya else 3
        self.deconv = nn.ConvTranspose2d(images * ch(256), ch(256), kernel_size=3, stride=1, padding=1)
        self.bn4 = nn.BatchNorm2d(ch(256))
        channels, extent = ch(256), config.model.size // 8
        self.has_conv5 = extent > 1
        if self.has_conv5:
            self.conv5, self.bn5 = conv4(channels, ch(512)), nn.BatchNorm2d(ch(512))
            channels, extent = ch(512), extent // 2
        self.has_conv6 = extent > 1
        if self.has_conv6:
            self.conv6, self.bn6 = conv4_to_one(channels, ch(1024), extent), nn.BatchNorm2d(ch(1024))
            channels = ch(1024)
        self.fc1, self.bn7 = nn.Linear(channels, ch(64)), nn.BatchNorm1d(ch(64))
        self.fc2 = nn.Linear(ch(64), 1)

    def first_blocks(self, image: Tensor) -> Path[tuple[Tensor, Tensor]]:
        """The path of an image (N, 3, H, W) through the blocks that Gram matrices are taken of (R2)."""
        first = leaky((yield self.bn1, self.conv1(image)))
        second = leaky((yield self.bn2, self.conv2(first)))
        return first, second

    def third_block(self, second: Tensor) -> Path[Tensor]:
        """The rest of an image's path through the tower."""
        return leaky((yield self.bn3, self.conv3(second)))

    def score(self, encoded: Sequence[Tensor]) -> Path[Tensor]:
        """Probability (N,) that the quadruplet is real, from the towers' maps of ya and x_{t-1}, x_t, x_{t+1}."""
        x = leaky((yield self.bn4, self.deconv(torch.cat(list(encoded), dim=1))))
        if self.has_conv5:
            x = leaky((yield self.bn5, self.conv5(x)))
        if self.has_conv6:
            x = leaky((yield self.bn6, self.conv6(x)))
        x = leaky((yield self.bn7, self.fc1(x.flatten(1))))
        return torch.sigmoid(self.fc2(x)).squeeze(1)


class LiteralMotionDiscriminator(nn.Module):
    """Dm: each frame through a tower, then a convLSTM that starts from the encoded ya, then three heads."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        ch = config.model.channels
        classes, points = config.dataset.classes, config.dataset.keypoints
        self.sees_ya, self.sees_ym, self.has_aux = config.switches.ya, config.switches.ym, config.switches.ldaux
        self.conv1 = conv4(3, ch(64))
        self.conv2, self.bn2 = conv4(ch(64), ch(128)), nn.BatchNorm2d(ch(128))
        self.conv3, self.bn3 = conv4(ch(128), ch(256)), nn.BatchNorm2d(ch(256))
        self.lstm = conv_lstm(ch(256), ch(256))
        channels, extent = ch(256), config.model.size // 8
        self.has_conv = extent > 1  # R25
        self.shares_conv = config.readings.velocity_head == "shared"  # R9
        if self.has_conv:
            self.shared_conv, self.shared_bn = conv4(channels, ch(64)), nn.BatchNorm2d(ch(64))
            if self.has_aux and not self.shares_conv:
                self.velocity_conv, self.velocity_bn = conv4(channels, ch(64)), nn.BatchNorm2d(ch(64))
            channels, extent = ch(64), extent // 2
        if self.has_aux:
            self.velocity_fc = nn.Linear(channels * extent * extent, 2 * points)
            self.class_fc1, self.class_bn1 = nn.Linear(channels * extent * extent, ch(64)), nn.BatchNorm1d(ch(64))
            self.class_fc2, self.class_bn2 = nn.Linear(ch(64), classes), nn.BatchNorm1d(classes)
        channels += classes if self.sees_ym else 0
        self.has_score_conv = extent > 1  # R25
        if self.has_score_conv:
            self.score_conv, self.score_bn = conv4_to_one(channels, ch(64), extent), nn.BatchNorm2d(ch(64))
            channels = ch(64)
        self.score_fc = nn.Linear(channels, 1)

    def first_blocks(self, frame: Tensor) -> Path[tuple[Tensor, Tensor]]:
        """The path of a frame (N, 3, H, W) through the blocks that Gram matrices are taken of (R2)."""
        first = leaky(self.conv1(frame))
        second = leaky((yield self.bn2, self.conv2(first)))
        return first, second

    def third_block(self, second: Tensor) -> Path[Tensor]:
        """The rest of a frame's path through the tower."""
        return leaky((yield self.bn3, self.conv3(second)))

    def states(self, frames: Sequence[Tensor], ya: Tensor | None) -> list[Tensor]:
        """The convLSTM's h at each encoded frame, started from h = c = the encoded ya (from 0 without it)."""
        h = c = ya if ya is not None else torch.zeros_like(frames[0])
        states = []
        for frame in frames:
            h, c = conv_lstm_step(self.lstm, frame, h, c)
            states.append(h)
        return states

    def velocity(self, state: Tensor) -> Path[Tensor]:
        """The path of one state to the velocities of the k keypoints at that step, (N, 2k) in [-1, 1]."""
        if self.shares_conv:
            x = yield from self.shared(state)
        else:
            x = leaky((yield self.velocity_bn, self.velocity_conv(state))) if self.has_conv else state
        return torch.tanh(self.velocity_fc(x.flatten(1)))

    def shared(self, last: Tensor) -> Path[Tensor]:
        """The step that class and real/fake heads share (R9)."""
        return leaky((yield self.shared_bn, self.shared_conv(last))) if self.has_conv else last

    def category(self, shared: Tensor) -> Path[Tensor]:
        """Probabilities (N, c) of the motion classes."""
        x = leaky((yield self.class_bn1, self.class_fc1(shared.flatten(1))))
        x = leaky((yield self.class_bn2, self.class_fc2(x)))
        return torch.softmax(x, dim=1)

    def score(self, shared: Tensor, label: Tensor | None) -> Path[Tensor]:
        """Probability (N,) that the video is real and of the class whose one-hot vector (N, c) is given."""
        x = shared if label is None else torch.cat([shared, tile(label, shared)], dim=1)
        if self.has_score_conv:
            x = leaky((yield self.score_bn, self.score_conv(x)))
        return torch.sigmoid(self.score_fc(x.flatten(1))).squeeze(1)
