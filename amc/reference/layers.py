"""Layers that the networks of Appendix A share."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def leaky(x: Tensor) -> Tensor:
    """leakyReLU, slope 0.2 (R24)."""
    return F.leaky_relu(x, 0.2)


def pool(x: Tensor) -> Tensor:
    """Average pooling on 2 x 2 regions with stride 2."""
    return F.avg_pool2d(x, kernel_size=2, stride=2)


def upsample(x: Tensor, scale: int) -> Tensor:
    """Bilinear up-sampling."""
    return F.interpolate(x, scale_factor=float(scale), mode="bilinear", align_corners=False)


def tile(vector: Tensor, like: Tensor) -> Tensor:
    """(N, C) to (N, C, H, W), the height and width of `like`: "spatial tiling"."""
    return vector[:, :, None, None].repeat(1, 1, *like.shape[2:])


def conv3(inputs: int, outputs: int) -> nn.Conv2d:
    """The generator's conv2d(k): 3 x 3, stride 1."""
    return nn.Conv2d(inputs, outputs, kernel_size=3, stride=1, padding=1)


def conv4(inputs: int, outputs: int) -> nn.Conv2d:
    """The discriminators' conv2d(k, 2): 4 x 4, stride 2, halving the map."""
    return nn.Conv2d(inputs, outputs, kernel_size=4, stride=2, padding=1)


def conv4_to_one(inputs: int, outputs: int, extent: int) -> nn.Conv2d:
    """The discriminators' conv2d(k, 4): 4 x 4, stride 4, on a 4 x 4 map; on a smaller one both shrink with it (R25)."""
    size = min(4, extent)
    return nn.Conv2d(inputs, outputs, kernel_size=size, stride=size)


def conv_lstm(channels: int, inputs: int) -> nn.Conv2d:
    """The convolution of a convLSTM (Shi et al. 2015): [x_t, h_{t-1}] to the gates i, f, o and the candidate g."""
    return conv3(inputs + channels, 4 * channels)


def conv_lstm_step(conv: nn.Conv2d, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """h_t and c_t, without peepholes (R24)."""
    i, f, o, g = conv(torch.cat([x, h], dim=1)).chunk(4, dim=1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    h = torch.sigmoid(o) * torch.tanh(c)
    return h, c
