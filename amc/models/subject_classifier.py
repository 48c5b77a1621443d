"""A small 2D CNN that names who is in a frame: identity is a matter of appearance, so single frames suffice."""

from __future__ import annotations

from torch import Tensor, nn

LEAK = 0.2
CHANNELS = (32, 64, 128, 256)  # of the stride-2 layers, as many as leave a 4x4 map
LEFT = 4  # pixels a side at which they end


class SubjectClassifier(nn.Module):
    """conv2d 3x3 of stride 2 with batch norm until 4x4 is left, average pooling, fc(subjects).

    One size at every preset but for the number of layers; it sees a frame at a time, so it costs little.
    """

    def __init__(self, size: int, subjects: int) -> None:
        super().__init__()
        self.subjects = subjects
        layers: list[nn.Module] = []
        inputs = 3
        for outputs in CHANNELS:
            layers += [nn.Conv2d(inputs, outputs, 3, 2, 1), nn.BatchNorm2d(outputs), nn.LeakyReLU(LEAK)]
            inputs, size = outputs, (size + 1) // 2
            if size <= LEFT:
                break
        self.embed = nn.Sequential(*layers)
        self.classify = nn.Linear(inputs, subjects)

    def forward(self, frames: Tensor) -> Tensor:
        """Logits (B, subjects) of frames (B, 3, H, W) in [-1, 1]."""
        logits: Tensor = self.classify(self.embed(frames).mean((2, 3)))
        return logits
