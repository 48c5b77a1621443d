"""The generator of MCnet: motion and content encoders, their combination, a decoder (Villegas et al. 2017a).

Shapes: B clips, K = 4 frames seen, T frames, H = W = size. Channels are those of the paper at width 1;
`ModelConfig.channels` scales them at smaller presets, while kernels and the three poolings stay. At 16 pixels the
innermost maps are therefore 2x2.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from amc.config import Config
from amc.models.conv_lstm_cell import ConvLSTMCell, State

SEEN = 4  # K
_GREY = (0.299, 0.587, 0.114)  # luma of ITU-R BT.601


def grey(frames: Tensor) -> Tensor:
    """(..., 3, H, W) in [-1, 1] to grey (..., 1, H, W) in [0, 1]."""
    return ((frames + 1) / 2 * frames.new_tensor(_GREY).view(3, 1, 1)).sum(dim=-3, keepdim=True)


class MotionEncoder(nn.Module):
    """Three convolutions of a difference of grey frames, then a convLSTM over differences."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        ch = config.model.channels
        self.conv1 = nn.Conv2d(1, ch(64), 5, padding=2)
        self.conv2 = nn.Conv2d(ch(64), ch(128), 5, padding=2)
        self.conv3 = nn.Conv2d(ch(128), ch(256), 7, padding=3)
        self.lstm = ConvLSTMCell(ch(256), ch(256), kernel=3)

    def forward(self, difference: Tensor, state: State | None) -> tuple[list[Tensor], State]:
        """The maps before each pooling and the convLSTM's next state.

        Args:
            difference: (B, 1, H, W) in [-1, 1].
            state: (B, 256, H/8, W/8) twice, after the differences before this one; None at the first.

        Returns:
            maps (B, 64, H, W), (B, 128, H/2, W/2), (B, 256, H/4, W/4), and the state.
        """
        map1 = F.relu(self.conv1(difference))
        map2 = F.relu(self.conv2(F.max_pool2d(map1, 2)))
        map3 = F.relu(self.conv3(F.max_pool2d(map2, 2)))
        return [map1, map2, map3], self.lstm(F.max_pool2d(map3, 2), state)


class ContentEncoder(nn.Module):
    """Seven 3x3 convolutions of the last frame."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        ch = config.model.channels
        self.level1 = _convs(3, ch(64), ch(64))
        self.level2 = _convs(ch(64), ch(128), ch(128))
        self.level3 = _convs(ch(128), ch(256), ch(256), ch(256))

    def forward(self, frame: Tensor) -> tuple[list[Tensor], Tensor]:
        """(B, 3, H, W) in [-1, 1] to maps before each pooling, as in `MotionEncoder`, and the last one pooled."""
        map1 = self.level1(frame)
        map2 = self.level2(F.max_pool2d(map1, 2))
        map3 = self.level3(F.max_pool2d(map2, 2))
        return [map1, map2, map3], F.max_pool2d(map3, 2)


class Residual(nn.Module):
    """Two 3x3 convolutions of the motion and content maps of one scale."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(2 * channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, motion: Tensor, content: Tensor) -> Tensor:
        """(B, C, H, W) twice to (B, C, H, W)."""
        added: Tensor = self.conv2(F.relu(self.conv1(torch.cat([motion, content], dim=1))))
        return added


class MCnet(nn.Module):
    """Predicts frames after the four it sees, each from the frames predicted before it."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        ch = config.model.channels
        self.horizon = config.model.frames - SEEN
        self.motion = MotionEncoder(config)
        self.content = ContentEncoder(config)
        self.combination = _convs(2 * ch(256), ch(256), ch(128), ch(256))
        self.residuals = nn.ModuleList(Residual(channels) for channels in (ch(64), ch(128), ch(256)))
        self.decoder3 = _convs(ch(256), ch(256), ch(256), ch(128))
        self.decoder2 = _convs(ch(128), ch(128), ch(64))
        self.decoder1 = nn.Sequential(_convs(ch(64), ch(64)), nn.Conv2d(ch(64), 3, 3, padding=1))
        self._initialize()

    def _initialize(self) -> None:
        """He et al. (2015): no layer is normalised, and with PyTorch's default signals shrink from layer to layer."""
        for name, module in self.named_modules():
            if isinstance(module, nn.Conv2d) and not name.endswith("gates") and module.out_channels != 3:
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                assert module.bias is not None
                nn.init.zeros_(module.bias)

    def forward(self, seen: Tensor, horizon: int | None = None) -> Tensor:
        """Predicts frames; from the second on, both encoders see predicted frames.

        Args:
            seen: (B, 4, 3, H, W) in [-1, 1].
            horizon: number of frames to predict, T - 4 by default.

        Returns:
            (B, horizon, 3, H, W) in [-1, 1].
        """
        state: State | None = None
        maps: list[Tensor] = []
        for difference in grey(seen).diff(dim=1).unbind(1):
            maps, state = self.motion(difference, state)
        last = seen[:, -1]
        frames: list[Tensor] = []
        for t in range(self.horizon if horizon is None else horizon):
            if t > 0:
                maps, state = self.motion(grey(frames[-1]) - grey(last), state)
                last = frames[-1]
            assert state is not None
            frames.append(self._decode(maps, state[0], last))
        return torch.stack(frames, dim=1)

    def _decode(self, motion_maps: list[Tensor], motion: Tensor, last: Tensor) -> Tensor:
        """The frame after `last` (B, 3, H, W), from the output of `MotionEncoder`."""
        content_maps, content = self.content(last.contiguous(memory_format=torch.channels_last))
        x = self.combination(torch.cat([motion.to(content.dtype), content], dim=1))
        decoders = (self.decoder1, self.decoder2, self.decoder3)
        for scale in (2, 1, 0):
            residual = self.residuals[scale](motion_maps[scale], content_maps[scale])
            x = decoders[scale](F.relu(unpooled(x) + residual))
        return torch.tanh(x.float())


def unpooled(x: Tensor) -> Tensor:
    """Doubles height and width: each value at the top left of 2x2 pixels, zeros in the other three."""
    n, c, h, w = x.shape
    return F.pad(x[:, :, :, None, :, None], (0, 1, 0, 0, 0, 1)).reshape(n, c, 2 * h, 2 * w)


def _convs(*channels: int) -> nn.Sequential:
    """3x3 convolutions, each followed by a ReLU."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(channels):
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)
