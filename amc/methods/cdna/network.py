"""The network of CDNA: convLSTMs that predict how to move the pixels of the previous frame (Finn et al. 2016).

Shapes: B clips, T frames, H = W = size, q = c + 2k. Channels are those of the paper at width 1; `ModelConfig.channels`
scales them at smaller presets, while the three strides of 2, the 5x5 kernels and their number stay. At 16 pixels the
innermost maps are therefore 2x2.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from amc.config import Config
from amc.methods.cdna.settings import CDNASettings
from amc.methods.cdna.transformation import KERNEL, composed, normalized, transformed
from amc.models.conv_lstm_cell import ConvLSTMCell, State
from amc.models.precision import full_precision


class RecurrentLayer(nn.Module):
    """A 5x5 convLSTM whose output, but not its state, is layer-normalised."""

    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__()
        self.cell = ConvLSTMCell(inputs, channels, kernel=5)
        self.norm = nn.GroupNorm(1, channels)

    def forward(self, x: Tensor, states: list[State], layer: int) -> Tensor:
        """(B, inputs, H, W) to (B, channels, H, W); replaces the layer's entry of `states`, or appends it."""
        state = self.cell(x, states[layer] if layer < len(states) else None)
        states[layer : layer + 1] = [state]
        normed: Tensor = self.norm(state[0])
        return normed


class CDNA(nn.Module):
    """Predicts a clip from its first frame and the motion condition, each frame from the one predicted before it."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        assert isinstance(config.method, CDNASettings)
        ch = config.model.channels
        c32, c64, c96, c128 = ch(32), ch(64), ch(32) + ch(64), ch(128)
        self.kernels = config.method.kernels
        self.enc0 = nn.Conv2d(3, c32, 5, stride=2, padding=2, bias=False)
        self.norm0 = nn.GroupNorm(1, c32)
        self.lstm1 = RecurrentLayer(c32, c32)
        self.lstm2 = RecurrentLayer(c32, c32)
        self.enc1 = nn.Conv2d(c32, c32, 3, stride=2, padding=1)
        self.lstm3 = RecurrentLayer(c32, c64)
        self.lstm4 = RecurrentLayer(c64, c64)
        self.enc2 = nn.Conv2d(c64, c64, 3, stride=2, padding=1)
        self.enc3 = nn.Conv2d(c64 + config.q, c64, 1)
        self.lstm5 = RecurrentLayer(c64, c128)
        self.enc4 = _doubling(c128, c128)
        self.lstm6 = RecurrentLayer(c128, c64)
        self.enc5 = _doubling(c96, c96)
        self.lstm7 = RecurrentLayer(c96, c32)
        self.enc6 = _doubling(2 * c32, c64, bias=False)
        self.norm6 = nn.GroupNorm(1, c64)
        extent = config.model.size // 8
        self.to_kernels = nn.Linear(c128 * extent * extent, self.kernels * KERNEL * KERNEL)
        self.to_scratch = nn.Conv2d(c64, 3, 1)
        self.to_masks = nn.Conv2d(c64, 2 + self.kernels, 1)  # previous frame, scratch image, kernels

    def forward(self, ya: Tensor, ym: Tensor) -> Tensor:
        """Predicts frames x_2 ... x_T; the network's own output is its next input from the first step on.

        Args:
            ya: (B, 3, H, W) in [-1, 1], the first frame.
            ym: (B, T-1, q): one-hot class and velocities in [-1, 1]; slice t leads to frame t + 1.

        Returns:
            (B, T-1, 3, H, W) in [-1, 1].
        """
        frame = (ya + 1) / 2
        states: list[State] = []
        frames = []
        for slice_ in ym.unbind(1):
            frame = self.step(frame, slice_, states)
            frames.append(frame)
        return torch.stack(frames, dim=1) * 2 - 1

    def step(self, frame: Tensor, slice_: Tensor, states: list[State]) -> Tensor:
        """The next frame.

        Args:
            frame: (B, 3, H, W) in [0, 1].
            slice_: (B, q), one slice of the motion condition.
            states: of the seven convLSTMs, replaced in place; empty before the first step.

        Returns:
            (B, 3, H, W) in [0, 1].
        """
        kernels, scratch, masks = self.parts(frame, slice_, states)
        with full_precision(frame):
            layers = torch.cat([frame[:, None], scratch[:, None], transformed(frame, kernels)], dim=1)
            return composed(masks, layers)

    def parts(self, frame: Tensor, slice_: Tensor, states: list[State]) -> tuple[Tensor, Tensor, Tensor]:
        """What the next frame is composed of, for the arguments of `step`.

        Returns:
            kernels (B, N, 5, 5), which sum to 1; the scratch image (B, 3, H, W) in [0, 1]; masks (B, N+2, H, W), which
            sum to 1 over the previous frame, the scratch image and the N kernels. All float32.
        """
        frame = frame.contiguous(memory_format=torch.channels_last)
        enc0 = F.relu(self.norm0(self.enc0(frame)))
        hidden = self.lstm2(self.lstm1(enc0, states, 0), states, 1)
        enc1 = F.relu(self.enc1(hidden))
        hidden = self.lstm4(self.lstm3(enc1, states, 2), states, 3)
        enc2 = F.relu(self.enc2(hidden))
        tiled = slice_[:, :, None, None].expand(-1, -1, *enc2.shape[2:])
        hidden5 = self.lstm5(F.relu(self.enc3(torch.cat([enc2, tiled], dim=1))), states, 4)
        hidden6 = self.lstm6(F.relu(self.enc4(hidden5)), states, 5)
        hidden7 = self.lstm7(F.relu(self.enc5(torch.cat([hidden6, enc1], dim=1))), states, 6)
        enc6 = F.relu(self.norm6(self.enc6(torch.cat([hidden7, enc0], dim=1))))
        raw = self.to_kernels(hidden5.flatten(1)).view(-1, self.kernels, KERNEL, KERNEL)
        scratch, masks = self.to_scratch(enc6).float().sigmoid(), self.to_masks(enc6).float().softmax(dim=1)
        with full_precision(frame):
            return normalized(raw), scratch, masks


def _doubling(inputs: int, outputs: int, bias: bool = True) -> nn.ConvTranspose2d:
    """A transposed 3x3 convolution that doubles height and width."""
    return nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1, bias=bias)
