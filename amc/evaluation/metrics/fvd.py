"""The features of FVD (Unterthiner et al., 2018): I3D's logits of videos, with weights that the user provides.

FVD is the Fréchet distance between Gaussians fitted to the features of real and of generated videos.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from amc.data.conditions import to_video
from amc.errors import UserError
from amc.evaluation.metrics.pretrained import PretrainedNetwork, load_pretrained
from amc.models.i3d import CLASSES, I3D, SHORTEST, SIZE

BATCH = 4  # clips per forward pass; frames are enlarged to 224 x 224


class Fvd(PretrainedNetwork[I3D]):
    """I3D trained on Kinetics-400."""

    def features(self, video: NDArray[np.uint8], /) -> NDArray[np.float32]:
        """400 logits per clip, its frames resized bilinearly to 224 x 224.

        Args:
            video: (n, t, H, W, 3), RGB.

        Returns:
            (n, 400).

        Raises:
            UserError: the clips are too short for the network.
        """
        check_length(video.shape[1])
        features = np.empty((len(video), CLASSES), np.float32)
        with torch.inference_mode():
            for start in range(0, len(video), BATCH):
                frames = to_video(video[start : start + BATCH])
                n, t = frames.shape[:2]
                large = F.interpolate(frames.flatten(0, 1), (SIZE, SIZE), mode="bilinear", align_corners=False)
                clips = large.unflatten(0, (n, t)).transpose(1, 2).contiguous()
                features[start : start + BATCH] = self.network(clips).numpy()
        return features


def check_length(frames: int) -> None:
    """Checks that clips have enough frames for FVD.

    Raises:
        UserError: they have not.
    """
    if frames < SHORTEST:
        raise UserError(f"--fvd needs clips of at least {SHORTEST} frames, these have {frames}: run without --fvd")


def load_fvd(path: Path) -> Fvd:
    """I3D with the weights of a safetensors file.

    Args:
        path: RGB I3D trained on Kinetics-400, with the parameter names of its common PyTorch port
            (`Conv3d_1a_7x7.conv3d.weight`).

    Raises:
        UserError: the file does not exist, is broken, or holds other weights.
    """
    loaded = load_pretrained(path, "--fvd", I3D)
    return Fvd(loaded.network, loaded.digest)
