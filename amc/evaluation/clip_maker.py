"""Generates clips without the data set, from a checkpoint and saved velocities of some training clips (R13)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from torch import nn

from amc.atomic import atomic_write
from amc.config import Config
from amc.data.conditions import motion_condition, to_frames, to_video
from amc.data.training_data import TrainingData
from amc.errors import UserError
from amc.evaluation.generation import evaluation_mode
from amc.methods import load_config, method_of
from amc.training import checkpoint

FILE = "velocities.safetensors"
SAVED_PER_CLASS = 32  # maximum number of clips per class whose velocities are saved
BATCH = 32  # clips per forward pass
_SALT = 0x1E27  # separates these draws from others with the same seed


def save_velocities(path: Path, data: TrainingData) -> None:
    """Writes velocities of up to `SAVED_PER_CLASS` training clips per class, as tensors "0" to "c-1".

    Each tensor has shape (n, T-1, 2k) and values in [-1, 1].

    Raises:
        OSError: the disk is full or not writable.
    """
    train, label = data.split.train, data.clips.label
    rng = np.random.default_rng(_SALT)
    saved = {}
    for c in range(data.classes):
        mine = train[label[train] == c]
        chosen = np.sort(rng.permutation(mine)[:SAVED_PER_CLASS])
        saved[str(c)] = np.ascontiguousarray(data.velocity[chosen])
    with atomic_write(path) as partial:
        save_file(saved, partial, metadata={"fingerprint": data.clips.info.fingerprint})


@dataclass(frozen=True)
class ClipMaker:
    """Generates clips with the generator of a checkpoint (the moving average if it has one).

    Attributes:
        saved: velocities of training clips, (n, T-1, 2k) per class.
        header: the header of the checkpoint.
    """

    generator: nn.Module
    config: Config
    saved: tuple[NDArray[np.float32], ...]
    header: Mapping[str, Any]

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes 0 to c-1."""
        return tuple(self.header["class_names"])

    def __call__(
        self,
        image: NDArray[np.uint8],
        label: NDArray[np.int64],
        *,
        seed: int = 0,
        velocity: NDArray[np.float32] | None = None,
    ) -> NDArray[np.uint8]:
        """Generates clips (n, T, H, W, 3) that start with the images and show the classes.

        Args:
            image: (n, H, W, 3).
            label: (n,) in 0 to c-1.
            seed: of the noise and the choice of velocities, independently for each row.
            velocity: (n, T-1, 2k) in [-1, 1], instead of those of training clips.

        Raises:
            UserError: a shape, type or class does not fit the generator.
        """
        label = self._checked(image, label)
        noise, chosen = [], []
        for row, c in enumerate(label):
            rng = np.random.default_rng([seed, _SALT, row])
            noise.append(rng.standard_normal(self.config.model.noise, dtype=np.float32))
            if velocity is None:
                chosen.append(self.saved[c][int(rng.integers(len(self.saved[c])))])
        shown = np.stack(chosen) if velocity is None else np.asarray(velocity, np.float32)
        model, data = self.config.model, self.config.dataset
        if shown.shape != (len(label), model.frames - 1, 2 * data.keypoints):
            raise UserError(f"velocity is {shown.shape}: give ({len(label)}, {model.frames - 1}, {2 * data.keypoints})")
        device, generate = next(self.generator.parameters()).device, method_of(self.config).generate
        made = []
        with evaluation_mode(self.generator), torch.no_grad():
            for start in range(0, len(label), BATCH):
                part = slice(start, start + BATCH)
                ym = motion_condition(torch.from_numpy(label[part]), torch.from_numpy(shown[part]), data.classes)
                z = torch.from_numpy(np.stack(noise[part]))
                ya = to_video(np.ascontiguousarray(image[part, None]), device)
                made.append(to_frames(generate(self.generator, ya, ym.to(device), z.to(device))))
        return np.concatenate([image[:, None], np.concatenate(made)], axis=1)

    def _checked(self, image: NDArray[np.uint8], label: NDArray[np.int64]) -> NDArray[np.int64]:
        size, classes = self.config.model.size, self.config.dataset.classes
        if image.dtype != np.uint8 or image.ndim != 4 or image.shape[1:] != (size, size, 3) or not len(image):
            raise UserError(f"image is {image.dtype} {image.shape}: give uint8 (n, {size}, {size}, 3), n at least 1")
        if label.shape != image.shape[:1] or not np.issubdtype(label.dtype, np.integer):
            raise UserError(f"label is {label.dtype} {label.shape}: give {len(image)} integers, one per image")
        if label.min() < 0 or label.max() >= classes:
            named = ", ".join(f"{c} {name}" for c, name in enumerate(self.class_names))
            raise UserError(f"labels range from {int(label.min())} to {int(label.max())}: the classes are {named}")
        for c in np.unique(label):
            if not len(self.saved[c]):
                raise UserError(
                    f"class {c} ({self.class_names[c]}) has no training clip whose velocities could be used: "
                    "give velocity"
                )
        return label.astype(np.int64)


def load_clip_maker(checkpoint_file: Path, velocities: Path, device: torch.device | None = None) -> ClipMaker:
    """Loads a checkpoint and the file that `save_velocities` wrote.

    Raises:
        UserError: a file is missing or broken, the two belong to different data, or the method sees several frames.
    """
    loaded = checkpoint.load(checkpoint_file)
    config = load_config(loaded.header["config"])
    method = method_of(config)
    if method.frames_seen > 1:
        raise UserError(f"{method.title} sees {method.frames_seen} frames of a clip: it makes no clip from one image")
    saved, fingerprint = _load_velocities(velocities, config.dataset.classes)
    if fingerprint != loaded.header["fingerprint"]:
        raise UserError(
            f"{velocities} belongs to different data than {checkpoint_file}: use two files that were written together"
        )
    generator = method.networks[method.predictor](config)
    name = checkpoint.EMA if config.training.average > 0 else method.predictor
    checkpoint.load_networks({name: generator}, loaded.tensors)
    device = device or torch.device("cuda" if torch.cuda.is_available() else "cpu")
    header = {key: value for key, value in loaded.header.items() if key != "config"}
    return ClipMaker(generator.to(device).requires_grad_(False), config, saved, header)


def _load_velocities(path: Path, classes: int) -> tuple[tuple[NDArray[np.float32], ...], str]:
    try:
        with safe_open(path, framework="numpy") as file:
            saved = tuple(file.get_tensor(str(c)) for c in range(classes))
            return saved, str((file.metadata() or {}).get("fingerprint"))
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} does not hold the velocities of {classes} classes ({error})") from error
