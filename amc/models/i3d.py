"""Inflated Inception I3D (Carreira and Zisserman, CVPR 2017), the network that FVD looks at videos with.

Layers and parameters are named as in the paper's release and its common PyTorch port (`Mixed_3b.b1a.conv3d.weight`), so
that such a file loads by name. Padding is "same" as in TensorFlow: what is left over goes to the far side.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CLASSES = 400  # of Kinetics-400
SIZE = 224  # H = W in pixels
SHORTEST = 9  # frames: fewer leave the last pooling, two steps long, nothing to pool
_EPSILON = 1e-3  # of batch norm

Extent = tuple[int, int, int]


@dataclass(frozen=True)
class _Conv:
    inputs: int
    outputs: int
    kernel: int
    stride: int = 1


@dataclass(frozen=True)
class _Pool:
    kernel: Extent
    stride: Extent


@dataclass(frozen=True)
class _Mixed:
    """Channels of the four branches: 1x1; 1x1 then 3x3; 1x1 then 3x3; pooling then 1x1."""

    inputs: int
    outputs: tuple[int, int, int, int, int, int]


_LAYERS: dict[str, _Conv | _Pool | _Mixed] = {
    "Conv3d_1a_7x7": _Conv(3, 64, 7, 2),
    "MaxPool3d_2a_3x3": _Pool((1, 3, 3), (1, 2, 2)),
    "Conv3d_2b_1x1": _Conv(64, 64, 1),
    "Conv3d_2c_3x3": _Conv(64, 192, 3),
    "MaxPool3d_3a_3x3": _Pool((1, 3, 3), (1, 2, 2)),
    "Mixed_3b": _Mixed(192, (64, 96, 128, 16, 32, 32)),
    "Mixed_3c": _Mixed(256, (128, 128, 192, 32, 96, 64)),
    "MaxPool3d_4a_3x3": _Pool((3, 3, 3), (2, 2, 2)),
    "Mixed_4b": _Mixed(480, (192, 96, 208, 16, 48, 64)),
    "Mixed_4c": _Mixed(512, (160, 112, 224, 24, 64, 64)),
    "Mixed_4d": _Mixed(512, (128, 128, 256, 24, 64, 64)),
    "Mixed_4e": _Mixed(512, (112, 144, 288, 32, 64, 64)),
    "Mixed_4f": _Mixed(528, (256, 160, 320, 32, 128, 128)),
    "MaxPool3d_5a_2x2": _Pool((2, 2, 2), (2, 2, 2)),
    "Mixed_5b": _Mixed(832, (256, 160, 320, 32, 128, 128)),
    "Mixed_5c": _Mixed(832, (384, 192, 384, 48, 128, 128)),
}


class I3D(nn.Module):
    """RGB I3D with Kinetics-400's head."""

    def __init__(self) -> None:
        super().__init__()
        for name, layer in _LAYERS.items():
            self.add_module(name, _built(layer))
        self.logits = _Unit(_Conv(1024, CLASSES, 1), head=True)

    def forward(self, video: Tensor) -> Tensor:
        """Logits, averaged over time.

        Args:
            video: (N, 3, T, 224, 224) in [-1, 1], T at least `SHORTEST`.

        Returns:
            (N, 400).
        """
        x = video
        for name in _LAYERS:
            x = self.get_submodule(name)(x)
        x = F.avg_pool3d(x, (2, 7, 7), stride=1)
        logits: Tensor = self.logits(x).mean((2, 3, 4))
        return logits


class _Unit(nn.Module):
    """Convolution, and, but in the head, batch norm and ReLU."""

    def __init__(self, layer: _Conv, *, head: bool = False) -> None:
        super().__init__()
        self.kernel: Extent = (layer.kernel,) * 3
        self.stride: Extent = (layer.stride,) * 3
        self.conv3d = nn.Conv3d(layer.inputs, layer.outputs, self.kernel, self.stride, bias=head)
        self.bn = None if head else nn.BatchNorm3d(layer.outputs, eps=_EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv3d(_padded(x, self.kernel, self.stride))
        return x if self.bn is None else F.relu(self.bn(x))


class _MaxPool(nn.Module):
    def __init__(self, layer: _Pool) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        # Zeros change no maximum: every map that is pooled went through a ReLU.
        return F.max_pool3d(_padded(x, self.layer.kernel, self.layer.stride), self.layer.kernel, self.layer.stride)


class _Inception(nn.Module):
    def __init__(self, layer: _Mixed) -> None:
        super().__init__()
        n, (one, two_in, two, three_in, three, four) = layer.inputs, layer.outputs
        self.b0 = _Unit(_Conv(n, one, 1))
        self.b1a, self.b1b = _Unit(_Conv(n, two_in, 1)), _Unit(_Conv(two_in, two, 3))
        self.b2a, self.b2b = _Unit(_Conv(n, three_in, 1)), _Unit(_Conv(three_in, three, 3))
        self.b3a, self.b3b = _MaxPool(_Pool((3, 3, 3), (1, 1, 1))), _Unit(_Conv(n, four, 1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3b(self.b3a(x))], dim=1)


def _built(layer: _Conv | _Pool | _Mixed) -> nn.Module:
    match layer:
        case _Conv():
            return _Unit(layer)
        case _Pool():
            return _MaxPool(layer)
        case _Mixed():
            return _Inception(layer)


def _padded(x: Tensor, kernel: Extent, stride: Extent) -> Tensor:
    """Zeros around (N, C, T, H, W), so that each axis of n gives ceil(n / stride)."""
    sides: list[int] = []
    for size, k, s in zip(reversed(x.shape[2:]), reversed(kernel), reversed(stride), strict=True):
        missing = max((ceil(size / s) - 1) * s + k - size, 0)
        sides += [missing // 2, missing - missing // 2]
    return F.pad(x, sides)
