"""The generator G (section 3.2, appendix A.1, figure A).

Shapes: B clips, T frames, H = W = size, q = c + 2k, p noise; at paper size the maps are 64x64x64, 32x32x128,
16x16x256 and phi(ya) 8x8x256. Maps are laid out channels last, which is faster on CPUs and with tensor cores.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from amc.config import Config
from amc.models.conv_lstm import ConvLSTM
from amc.models.fast.gating import gated_skip
from amc.models.fast.row_batch_norm import RowBatchNorm, Rows, times
from amc.models.fast.tiled import tiled_conv
from amc.models.fast.upsampled_conv import UpsampledConv
from amc.models.precision import full_precision

SLOPE = 0.2  # of every leaky ReLU (R24)


def leaky(x: Tensor) -> Tensor:
    """Leaky ReLU in place; for tensors that nothing else reads."""
    return F.leaky_relu(x, SLOPE, inplace=True)


class Encoder(nn.Module):
    """Five convolutions of ya; gives phi(ya) and the maps before each pooling, for the decoder's gates."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        ch = config.model.channels
        mode = config.readings.bn_rows
        self.conv1 = nn.Conv2d(3, ch(32), 3, padding=1)
        self.conv2 = nn.Conv2d(ch(32), ch(64), 3, padding=1)
        self.bn2 = RowBatchNorm(ch(64), mode)
        self.conv3 = nn.Conv2d(ch(64), ch(128), 3, padding=1)
        self.bn3 = RowBatchNorm(ch(128), mode)
        self.conv4 = nn.Conv2d(ch(128), ch(256), 3, padding=1)
        self.bn4 = RowBatchNorm(ch(256), mode)
        self.conv5 = nn.Conv2d(ch(256), ch(256), 3, padding=1)
        self.bn5 = RowBatchNorm(ch(256), mode)

    def forward(self, images: Tensor, rows: Rows | None = None) -> list[Tensor]:
        """(N, 3, H, W) in [-1, 1] to [Conv2's map at H, Conv3's at H/2, Conv4's at H/4, phi at H/8]."""
        map2 = leaky(self.bn2(self.conv2(leaky(self.conv1(images))), rows))
        map3 = leaky(self.bn3(self.conv3(F.avg_pool2d(map2, 2)), rows))
        map4 = leaky(self.bn4(self.conv4(F.avg_pool2d(map3, 2)), rows))
        phi = leaky(self.bn5(self.conv5(F.avg_pool2d(map4, 2)), rows))
        return [map2, map3, map4, phi]


class MotionGate(nn.Module):
    """t fc(ym) + (1 - t) ym with a scalar t = sigmoid(fc(ym)), for each slice of the motion condition."""

    def __init__(self, q: int) -> None:
        super().__init__()
        self.gate = nn.Linear(q, 1)
        self.value = nn.Linear(q, q)

    def forward(self, ym: Tensor) -> Tensor:
        """(..., q) to (..., q)."""
        with full_precision(ym):  # small, and the condition's own precision matters
            return torch.lerp(ym, self.value(ym), torch.sigmoid(self.gate(ym)))


class Decoder(nn.Module):
    """From [h_t, phi(ya), tiled z] to a frame, with a gated skip connection after each upsampling."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        ch = config.model.channels
        mode = config.readings.bn_rows
        self.skips = config.switches.ya
        self.hidden, self.noise = ch(256), config.model.noise
        self.conv1 = nn.Conv2d(self.hidden + ch(256) * self.skips + self.noise, ch(256), 3, padding=1)
        self.bn1 = RowBatchNorm(ch(256), mode)
        self.conv2 = nn.Conv2d(ch(256), ch(128), 3, padding=1)
        self.bn2 = RowBatchNorm(ch(128), mode)
        self.conv3 = nn.Conv2d(ch(128), ch(64), 3, padding=1)
        self.bn3 = RowBatchNorm(ch(64), mode)
        self.conv4 = nn.Conv2d(ch(64), ch(64), 3, padding=1)
        self.bn4 = RowBatchNorm(ch(64), mode)
        self.conv5 = nn.Conv2d(ch(64), 3, 3, padding=1)
        self.gate1: UpsampledConv | None = None
        self.gate2: UpsampledConv | None = None
        self.gate3: UpsampledConv | None = None
        if self.skips:
            self.gate1 = UpsampledConv(self.hidden, ch(256), 2)
            self.gate2 = UpsampledConv(self.hidden, ch(128), 4)
            self.gate3 = UpsampledConv(self.hidden, ch(64), 8)

    def forward(self, hidden: Tensor, maps: list[Tensor] | None, z: Tensor, rows: Rows | None) -> Tensor:
        """Frames in [-1, 1].

        Args:
            hidden: (N, T-1, 256, H/8, W/8), the convLSTM's states.
            maps: the output of `Encoder` for the N clips; None if the model sees no ya.
            z: (N, p).
            rows: the N clips' groups, for batch norm.

        Returns:
            (N, T-1, 3, H, W).
        """
        n, steps, _, height, width = hidden.shape
        frame_rows = None if rows is None else times(rows, steps)
        flat = hidden.flatten(0, 1)
        weight = self.conv1.weight
        # phi and z are constant within a clip: their share of the first convolution is computed once and added.
        fixed = tiled_conv(z, weight[:, -self.noise :], height, width)
        if maps is not None:
            fixed = fixed + F.conv2d(maps[3], weight[:, self.hidden : -self.noise], padding=1)
        x = F.conv2d(
            flat, weight[:, : self.hidden].contiguous(memory_format=torch.channels_last), self.conv1.bias, padding=1
        )
        x = (x.unflatten(0, (n, steps)) + fixed[:, None]).flatten(0, 1)
        x = leaky(self.bn1(x, frame_rows))
        skip = (None, None, None) if maps is None else (maps[2], maps[1], maps[0])
        x = self._up(x, flat, self.gate1, skip[0])
        x = self._up(leaky(self.bn2(self.conv2(x), frame_rows)), flat, self.gate2, skip[1])
        x = self._up(leaky(self.bn3(self.conv3(x), frame_rows)), flat, self.gate3, skip[2])
        x = leaky(self.bn4(self.conv4(x), frame_rows))
        return torch.tanh(self.conv5(x)).view(n, steps, 3, 8 * height, 8 * width)

    @staticmethod
    def _up(x: Tensor, hidden: Tensor, gate: UpsampledConv | None, skip: Tensor | None) -> Tensor:
        """s u + (1 - s) e: upsampled map u, encoder map e (the same for all frames of a clip), gate s from h."""
        if gate is None or skip is None:
            return F.interpolate(x, scale_factor=2.0, mode="bilinear")
        return gated_skip(x, hidden, gate, skip, SLOPE)


@dataclass(frozen=True)
class Sharing:
    """Rows of Table 1 that share images and motions, so that each is encoded once. B clips a row.

    The distinct images and motions come in blocks of B; each row names the block it takes.
    """

    image_of: tuple[int, ...]  # each row's block of images
    motion_of: tuple[int, ...]  # each row's block of motions
    image_rows: Rows  # groups of the distinct images, with the number of rows that show them
    rows: Rows  # groups of the N clips


def _take(x: Tensor, blocks: tuple[int, ...], dim: int) -> Tensor:
    """The named blocks of x along a dimension, in order (indexing would need a scatter in the backward pass)."""
    count = max(blocks) + 1
    if blocks == tuple(range(count)):
        return x
    parts = x.chunk(count, dim)
    return torch.cat([parts[block] for block in blocks], dim)


class Generator(nn.Module):
    """G(z | ya, ym): a video from one image, a motion condition and noise."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        switches = config.switches
        self.steps = config.model.frames - 1
        self.extent = config.model.size // 8
        self.hidden = config.model.channels(256)
        self.encoder = Encoder(config) if switches.ya else None
        self.motion_gate = MotionGate(config.q) if switches.ym else None
        self.lstm = ConvLSTM(config.q if switches.ym else 0, self.hidden, config.readings.forget_bias)
        self.decoder = Decoder(config)

    def forward(self, ya: Tensor, ym: Tensor, z: Tensor, *, sharing: Sharing | None = None) -> Tensor:
        """A video for every row.

        Args:
            ya: (N, 3, H, W) in [-1, 1]; with `sharing` the distinct images.
            ym: (N, T-1, q): one-hot class and velocities in [-1, 1]; with `sharing` the distinct motions.
            z: (N, p), standard normal.
            sharing: which of the distinct images and motions each row takes; None: row n takes the n-th.

        Returns:
            (N, T-1, 3, H, W) in [-1, 1]: frames x_2 ... x_T.
        """
        rows = None if sharing is None else sharing.rows
        maps = None
        if self.encoder is not None:
            images = ya.contiguous(memory_format=torch.channels_last)
            maps = self.encoder(images, None if sharing is None else sharing.image_rows)
            if sharing is not None:
                maps = [_take(m, sharing.image_of, 0) for m in maps]
        n = z.shape[0]
        if self.motion_gate is not None:
            driven = self.lstm.drive_tiled(self.motion_gate(ym).transpose(0, 1).flatten(0, 1), self.extent, self.extent)
            driven = driven.unflatten(0, (self.steps, -1))
            if sharing is not None:
                driven = _take(driven, sharing.motion_of, 1)
        else:
            driven = self.lstm.bias.view(1, 1, -1, 1, 1).expand(self.steps, n, -1, self.extent, self.extent)
        state = maps[3] if maps is not None else z.new_zeros(n, self.hidden, self.extent, self.extent)
        hidden = self.lstm(driven, state).transpose(0, 1)
        video: Tensor = self.decoder(hidden, maps, z, rows)
        return video
