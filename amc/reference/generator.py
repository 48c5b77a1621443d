"""The generator as section 3.2 and appendix A.1 describe it, one frame at a time."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from amc.config import Config
from amc.reference.layers import conv3, conv_lstm, conv_lstm_step, leaky, pool, tile, upsample
from amc.reference.paths import Norm, Path


class Maps(NamedTuple):
    """The encoder's maps. At paper size 64x64x64, 32x32x128, 16x16x256 (before pooling) and phi(ya), 8x8x256."""

    conv2: Tensor
    conv3: Tensor
    conv4: Tensor
    phi: Tensor


class LiteralEncoder(nn.Module):
    """conv2d(32) - leakyReLU - conv2d(64) - BN - leakyReLU - pool - ... - conv2d(256) - BN - leakyReLU."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        ch = config.model.channels
        self.conv1 = conv3(3, ch(32))
        self.conv2, self.bn2 = conv3(ch(32), ch(64)), nn.BatchNorm2d(ch(64))
        self.conv3, self.bn3 = conv3(ch(64), ch(128)), nn.BatchNorm2d(ch(128))
        self.conv4, self.bn4 = conv3(ch(128), ch(256)), nn.BatchNorm2d(ch(256))
        self.conv5, self.bn5 = conv3(ch(256), ch(256)), nn.BatchNorm2d(ch(256))

    def encode(self, ya: Tensor) -> Path[Maps]:
        """The path of an image (N, 3, H, W)."""
        x = leaky(self.conv1(ya))
        map2 = leaky((yield self.bn2, self.conv2(x)))
        map3 = leaky((yield self.bn3, self.conv3(pool(map2))))
        map4 = leaky((yield self.bn4, self.conv4(pool(map3))))
        phi = leaky((yield self.bn5, self.conv5(pool(map4))))
        return Maps(map2, map3, map4, phi)


class LiteralMotionGate(nn.Module):
    """t = sigmoid(fc(q)), one number; then t * fc(q) + (1 - t) * q."""

    def __init__(self, q: int) -> None:
        super().__init__()
        self.gate = nn.Linear(q, 1)
        self.value = nn.Linear(q, q)

    def forward(self, ym_t: Tensor) -> Tensor:
        """(N, q), one slice of the motion condition, to (N, q)."""
        t = torch.sigmoid(self.gate(ym_t))
        out: Tensor = t * self.value(ym_t) + (1 - t) * ym_t
        return out


class LiteralDecoder(nn.Module):
    """The bottom two rows of figure A: from [h_t, phi(ya), tiled z] to a frame."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        ch = config.model.channels
        self.sees_ya = config.switches.ya
        inputs = ch(256) + (ch(256) if self.sees_ya else 0) + config.model.noise  # 512 + p
        self.conv1, self.bn1 = conv3(inputs, ch(256)), nn.BatchNorm2d(ch(256))
        self.conv2, self.bn2 = conv3(ch(256), ch(128)), nn.BatchNorm2d(ch(128))
        self.conv3, self.bn3 = conv3(ch(128), ch(64)), nn.BatchNorm2d(ch(64))
        self.conv4, self.bn4 = conv3(ch(64), ch(64)), nn.BatchNorm2d(ch(64))
        self.conv5 = conv3(ch(64), 3)
        if self.sees_ya:
            self.gate1 = conv3(ch(256), ch(256))  # [Conv11]
            self.gate2 = conv3(ch(256), ch(128))  # [Conv12]
            self.gate3 = conv3(ch(256), ch(64))  # [Conv13]

    def decode(self, h: Tensor, maps: Maps | None, z: Tensor) -> Path[Tensor]:
        """The path of the frame made from h_t (N, 256, H/8, W/8); returns (N, 3, H, W) in [-1, 1]."""
        parts = [h, tile(z, h)] if maps is None else [h, maps.phi, tile(z, h)]  # None: an arm that sees no ya
        x = torch.cat(parts, dim=1)
        x = upsample(leaky((yield self.bn1, self.conv1(x))), 2)
        if maps is not None:
            x = self.gating(self.gate1, upsample(h, 2), x, maps.conv4)
        x = upsample(leaky((yield self.bn2, self.conv2(x))), 2)
        if maps is not None:
            x = self.gating(self.gate2, upsample(h, 4), x, maps.conv3)
        x = upsample(leaky((yield self.bn3, self.conv3(x))), 2)
        if maps is not None:
            x = self.gating(self.gate3, upsample(h, 8), x, maps.conv2)
        x = leaky((yield self.bn4, self.conv4(x)))
        return torch.tanh(self.conv5(x))

    @staticmethod
    def gating(conv: nn.Conv2d, h: Tensor, u: Tensor, e: Tensor) -> Tensor:
        """s * u + (1 - s) * e with s = sigmoid(leakyReLU(conv(h))), h up-sampled to the size of u and e."""
        s = torch.sigmoid(leaky(conv(h)))
        return s * u + (1 - s) * e


class LiteralGenerator(nn.Module):
    """G(z | ya, ym)."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.steps = config.model.frames - 1
        self.channels = config.model.channels(256)
        self.extent = config.model.size // 8
        self.sees_ya, self.sees_ym = config.switches.ya, config.switches.ym
        if self.sees_ya:
            self.encoder = LiteralEncoder(config)
        if self.sees_ym:
            self.motion_gate = LiteralMotionGate(config.q)
        self.lstm = conv_lstm(self.channels, config.q if self.sees_ym else 0)
        self.decoder = LiteralDecoder(config)

    def forward(self, ya: Tensor, ym: Tensor, z: Tensor, norm: Norm | None = None) -> Tensor:
        """ya (N, 3, H, W), ym (N, T-1, q), z (N, p) to frames x_2 ... x_T, (N, T-1, 3, H, W) in [-1, 1]."""
        norm = norm or Norm()
        maps = norm.one(self.encoder.encode(ya)) if self.sees_ya else None
        h = c = maps.phi if maps is not None else z.new_zeros(len(z), self.channels, self.extent, self.extent)
        states = []
        for t in range(self.steps):
            x = tile(self.motion_gate(ym[:, t]), h) if self.sees_ym else h[:, :0]
            h, c = conv_lstm_step(self.lstm, x, h, c)
            states.append(h)
        frames = norm.run([self.decoder.decode(h, maps, z) for h in states])
        return torch.stack(frames, dim=1)
