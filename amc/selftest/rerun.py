"""A recorder that runs the step again instead of recording it, so that `GraphedStep` works without CUDA."""

from __future__ import annotations

from collections.abc import Callable

from amc.machine.cuda_graph import Losses


class RerunRecorder:
    """As with a CUDA graph, each replay writes its losses into the same memory."""

    def __init__(self) -> None:
        self.warm_ups = self.recordings = self.replays = 0

    def warm_up(self, run: Callable[[], Losses]) -> Losses:
        """Runs the step."""
        self.warm_ups += 1
        return run()

    def record(self, run: Callable[[], Losses]) -> tuple[Callable[[], None], Losses]:
        """Does not run the step; the losses are empty until the first replay."""
        self.recordings += 1
        losses: Losses = {}

        def replay() -> None:
            self.replays += 1
            for name, value in run().items():
                losses.setdefault(name, value.clone()).copy_(value)

        return replay, losses
