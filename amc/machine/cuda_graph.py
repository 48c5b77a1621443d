"""A training step recorded once and replayed: CUDA graphs, without the launch of a thousand small kernels a step.

A graph reads and writes fixed memory, so batches are copied into place and losses out of it. Everything the step does
must be a device operation on tensors of fixed shape; that is why the step's number comes in as a tensor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, Protocol

import torch
from torch import Tensor

from amc.data.conditions import Batch

Losses = dict[str, Tensor]
WARM_UP = 3  # real steps before the recording, for lazy initialisations, as PyTorch's notes on CUDA graphs advise


class Recorder(Protocol):
    """Where a step is recorded."""

    def warm_up(self, run: Callable[[], Losses]) -> Losses:
        """Runs a real step in a way that a recording may follow."""

    def record(self, run: Callable[[], Losses]) -> tuple[Callable[[], None], Losses]:
        """Records without running. Returns what replays it, and the losses that each replay fills in."""


class CudaRecorder:
    """Recording by `torch.cuda.graph`."""

    def __init__(self) -> None:
        self.stream = torch.cuda.Stream()

    def warm_up(self, run: Callable[[], Losses]) -> Losses:
        """Runs on a side stream, as a recording does."""
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
    """Calls `run(batch, step)` for the first steps, then replays a recording of it.

    Args:
        run: the step on a batch and its number, a tensor (); all batches have the shapes of the first.
        recorder: what records.
    """

    def __init__(self, run: Callable[[Batch, Tensor], Losses], recorder: Recorder) -> None:
        self.run, self.recorder = run, recorder
        self.calls = 0
        self.batch: Batch | None = None
        self.step: Tensor | None = None
        self.replay: Callable[[], None] | None = None
        self.losses: Losses = {}

    def __call__(self, batch: Batch, step: int) -> Losses:
        """One training step; losses are the caller's to keep.

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
        """Copies batch and number to the memory that the recording reads."""
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
