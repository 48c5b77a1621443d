"""A training step recorded as a CUDA graph and replayed, which saves launching a thousand small kernels per step.

A graph reads and writes fixed memory, so batches are copied in and losses out. Everything in the step must be a device
operation on tensors of fixed shape, which is why the step number is passed as a tensor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, Protocol

import torch
from torch import Tensor

from amc.data.conditions import Batch

Losses = dict[str, Tensor]
WARM_UP = 3  # eager steps before the recording, for lazy initialisation, as PyTorch's notes on CUDA graphs advise


class Recorder(Protocol):
    """Records a step and replays it."""

    def warm_up(self, run: Callable[[], Losses]) -> Losses:
        """Runs an eager step in preparation for a recording."""

    def record(self, run: Callable[[], Losses]) -> tuple[Callable[[], None], Losses]:
        """Records without running. Returns a function that replays the step, and the losses that a replay fills in."""


class CudaRecorder:
    """Recording by `torch.cuda.graph`."""

    def __init__(self) -> None:
        self.stream = torch.cuda.Stream()

    def warm_up(self, run: Callable[[], Losses]) -> Losses:
        """Runs on a side stream, as the recording will."""
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            losses = run()
        torch.cuda.current_stream().wait_stream(self.stream)
        return losses

    def record(self, run: Callable[[], Losses]) -> tuple[Callable[[], None], Losses]:
        """Captures the step's kernels."""
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            losses = run()
        return graph.replay, losses


class GraphedStep:
    """Runs `run(batch, step)` eagerly for the first steps, then replays a recording of it.

    Args:
        run: the step on a batch and its number, a tensor (); all batches have the shapes of the first.
        recorder: records the step.
    """

    def __init__(self, run: Callable[[Batch, Tensor], Losses], recorder: Recorder) -> None:
        self.run, self.recorder = run, recorder
        self.calls = 0
        self.batch: Batch | None = None
        self.step: Tensor | None = None
        self.replay: Callable[[], None] | None = None
        self.losses: Losses = {}

    def __call__(self, batch: Batch, step: int) -> Losses:
        """One training step; the returned losses are copies.

        Raises:
            ValueError: a batch of another shape than the first.
        """
        held, number = self._hold(batch, step)
        self.calls += 1
        if self.calls <= WARM_UP:
            return self.recorder.warm_up(lambda: self.run(held, number))
        if self.replay is None:
            self.replay, self.losses = self.recorder.record(lambda: self.run(held, number))
        self.replay()
        return {name: value.clone() for name, value in self.losses.items()}

    def _hold(self, batch: Batch, step: int) -> tuple[Batch, Tensor]:
        """Copies batch and step number into the memory that the recording reads."""
        if self.batch is None or self.step is None:
            kept: dict[str, Any] = {
                f.name: v.clone() for f in fields(batch) if isinstance(v := getattr(batch, f.name), Tensor)
            }
            self.batch = replace(batch, **kept)
            self.step = torch.full((), step, dtype=torch.float64, device=batch.clip.device)
            return self.batch, self.step
        for f in fields(batch):
            new, held = getattr(batch, f.name), getattr(self.batch, f.name)
            if isinstance(held, Tensor):
                if held.shape != new.shape:
                    raise ValueError(f"a recorded step takes batches of one shape: {f.name} was {tuple(held.shape)}")
                held.copy_(new)
        self.step.fill_(step)
        return self.batch, self.step
