"""A recorder that records nothing and runs the step again: `GraphedStep` without CUDA."""

from __future__ import annotations

from collections.abc import Callable

from amc.machine.cuda_graph import Losses


class RerunRecorder:
    """As with a real graph, each replay writes its losses to where the one before had them."""

    def __init__(self) -> None:
        self.warm_ups = self.recordings = self.replays = 0

    def warm_up(self, run: Callable[[], Losses]) -> Losses:
        """Runs the step."""
        self.warm_ups += 1
        return run()

    def record(self, run: Callable[[], Losses]) -> tuple[Callable[[], None], Losses]:
        """Runs nothing. The losses are empty until the first replay."""
        self.recordings += 1
        losses: Losses = {}

        def replay() -> None:
            self.replays += 1
            for name, value in run().items():
                losses.setdefault(name, value.clone()).copy_(value)

        return replay, losses
