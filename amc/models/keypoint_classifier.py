"""The keypoint classifier of appendix B.4: a 2D CNN that names the motion of a video from heatmaps of its keypoints.

It sees where keypoints are and nothing else of a frame. The channels of its input are the frames.
"""

from __future__ import annotations

from torch import Tensor, nn

from amc.config import ModelConfig
from amc.models.strided import half_strided, halved, last_strided

LEAK = 0.2  # R24
CHANNELS = 32  # of every convolution, and of the first fully connected layer
STRIDED = 4  # layers of stride 2


class KeypointClassifier(nn.Module):
    """Five conv2d(32) - BN - leakyReLU, then fc(32) - fc(c) - fc(c), as appendix B.4 has it (R16).

    Kernels are 4x4; stride 2 with padding 1 halves the map four times, then stride 4 leaves 32 values of 64x64 pixels.
    Smaller maps outrun these strides: R25 says how. The paper prints fc(6) twice, for the 6 classes of MUG; both are
    fc(c). The number of channels is the same at every preset.
    """

    def __init__(self, model: ModelConfig, classes: int) -> None:
        super().__init__()
        self.classes, self.frames = classes, model.frames - model.discarded_frames
        layers: list[nn.Module] = []
        inputs, extent = self.frames, model.size
        for index in range(STRIDED + 1):
            last = index == STRIDED
            conv = (last_strided if last else half_strided)(inputs, CHANNELS, extent)
            if conv is None:
                break
            layers += [conv, nn.BatchNorm2d(CHANNELS), nn.LeakyReLU(LEAK)]
            inputs, extent = CHANNELS, extent // min(4, extent) if last else halved(extent)
        self.embed = nn.Sequential(*layers)
        self.classify = nn.Sequential(
            nn.Linear(inputs * extent**2, CHANNELS),
            nn.BatchNorm1d(CHANNELS),
            nn.LeakyReLU(LEAK),
            nn.Linear(CHANNELS, classes),
            nn.BatchNorm1d(classes),
            nn.LeakyReLU(LEAK),
            nn.Dropout(0.5),
            nn.Linear(classes, classes),
        )

    def forward(self, heatmaps: Tensor) -> Tensor:
        """Logits (B, c) of the merged heatmaps (B, T - d, H, W), in [0, 1], of the last T - d frames (R15)."""
        logits: Tensor = self.classify(self.embed(heatmaps).flatten(1))
        return logits
