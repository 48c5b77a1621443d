"""The appearance discriminator Da (section 3.2, appendix A.2, figure B)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from amc.config import Config
from amc.models.fast.row_batch_norm import RowBatchNorm, Rows
from amc.models.generator import leaky
from amc.models.strided import half_strided, halved, last_strided


class AppearanceDiscriminator(nn.Module):
    """Scores quadruplets (ya, x_{t-1}, x_t, x_{t+1}): one tower with shared weights for the images, then a head.

    At 64 px the tower leaves 8x8, the head 4x4 and 1x1; smaller presets shrink by R25.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        ch = config.model.channels
        mode = config.readings.bn_rows
        self.conditional = config.switches.ya
        self.conv1 = nn.Conv2d(3, ch(64), 4, stride=2, padding=1)
        self.bn1 = RowBatchNorm(ch(64), mode)
        self.conv2 = nn.Conv2d(ch(64), ch(128), 4, stride=2, padding=1)
        self.bn2 = RowBatchNorm(ch(128), mode)
        self.conv3 = nn.Conv2d(ch(128), ch(256), 4, stride=2, padding=1)
        self.bn3 = RowBatchNorm(ch(256), mode)
        images = 4 if self.conditional else 3
        self.deconv = nn.ConvTranspose2d(images * ch(256), ch(256), 3, padding=1)
        self.bn4 = RowBatchNorm(ch(256), mode)
        extent = config.model.size // 8
        self.conv5 = half_strided(ch(256), ch(512), extent)
        self.bn5 = RowBatchNorm(ch(512), mode) if self.conv5 else None
        left = halved(extent) if self.conv5 else extent
        width = ch(512) if self.conv5 else ch(256)
        self.conv6 = last_strided(width, ch(1024), left)
        self.bn6 = RowBatchNorm(ch(1024), mode) if self.conv6 else None
        self.fc1 = nn.Linear(ch(1024) if self.conv6 else width, ch(64))
        self.bn7 = RowBatchNorm(ch(64), mode)
        self.fc2 = nn.Linear(ch(64), 1)

    def tower(self, images: Tensor, rows: Rows | None = None) -> tuple[Tensor, Tensor]:
        """The first two blocks, whose maps the Gram distances compare (R2).

        Args:
            images: (N, 3, H, W) in [-1, 1].

        Returns:
            (N, 64, H/2, W/2) and (N, 128, H/4, W/4).
        """
        first = leaky(self.bn1(self.conv1(images), rows))
        return first, leaky(self.bn2(self.conv2(first), rows))

    def top(self, second: Tensor, rows: Rows | None = None) -> Tensor:
        """The tower's third block: (N, 128, H/4, W/4) to (N, 256, H/8, W/8)."""
        return leaky(self.bn3(self.conv3(second), rows))

    def head(self, condition: Tensor | None, frames: Tensor, rows: Rows | None = None) -> Tensor:
        """Logits that a quadruplet is real.

        Args:
            condition: (N, 256, H/8, W/8), the tower's map of ya; None where Da is unconditional.
            frames: (N, 3, 256, H/8, W/8), the maps of x_{t-1}, x_t, x_{t+1}.

        Returns:
            (N,).
        """
        x = frames.flatten(1, 2)
        if condition is not None:
            x = torch.cat([condition, x], dim=1)
        x = leaky(self.bn4(self.deconv(x.contiguous(memory_format=torch.channels_last)), rows))
        if self.conv5 is not None and self.bn5 is not None:
            x = leaky(self.bn5(self.conv5(x), rows))
        if self.conv6 is not None and self.bn6 is not None:
            x = leaky(self.bn6(self.conv6(x), rows))
        x = leaky(self.bn7(self.fc1(x.flatten(1)), rows))
        logits: Tensor = self.fc2(x)[:, 0]
        return logits
