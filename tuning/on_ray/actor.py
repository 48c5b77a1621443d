"""What runs on Ray's side of a trial: an actor that hands jobs to a trial server of its own.

The actor imports neither torch nor the trial's code; its server does, once, and forks a child for each job. That is
what makes Ray Tune's reuse of actors safe here: nothing that a trial leaves in memory reaches the next one.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import ray
from ray import tune

from tuning.on_ray.node_files import Home, NodeFile, fetched
from tuning.workers.job import Job
from tuning.workers.worker import JobCrashed, JobReported, JobStarted, TrialWorker

BEGAN, REPORT, END, DIED, IDLE = "began", "report", "end", "died", "idle"
_IDLE_SECONDS = 0.05


class TrialActor(tune.Trainable):
    """Runs the job in its configuration; each result is one message of the job, as JSON: Tune would flatten it.

    Tune's wish for the next result is the job's permission to go on. After the job's end results are idle until Tune
    takes the actor away or gives it the next job.
    """

    def setup(self, config: dict[str, Any], files: Sequence[NodeFile] = (), home: Home | None = None) -> None:
        """Starts the first job; called by Tune.

        Args:
            files: for nodes other than `home`, where they come from.
        """
        self.files = files
        if home is not None and ray.get_runtime_context().get_node_id() == home.node:
            self.files = ()
            os.environ["AMC_CACHE"] = home.cache  # Ray may have been started with another one
        self.worker = TrialWorker(config["modules"], config["threads"])
        self.asked = False  # the job waits for an answer to its report
        self.over = False  # it has ended
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Starts the next job; called by Tune. An unfinished one has been pruned."""
        self.worker.stop()
        self._begin(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """The job's next message; called by Tune."""
        if self.over:
            time.sleep(_IDLE_SECONDS)
            return _result(IDLE)
        if self.asked:
            self.worker.answer(True)
        message = self.worker.next()
        self.asked = isinstance(message, JobReported)
        self.over = not isinstance(message, (JobStarted, JobReported))
        if isinstance(message, JobStarted):
            return _result(BEGAN)
        if isinstance(message, JobReported):
            return _result(REPORT, step=message.step, metrics=message.metrics)
        if isinstance(message, JobCrashed):
            return _result(DIED, **asdict(message))
        return _result(END, **message.to_dict())

    def cleanup(self) -> None:
        """Called by Tune when the actor goes: a pruned job may finish its pictures, an interrupted one may not."""
        if self.asked and not self.over:
            self.worker.stop()
        self.worker.close()

    def _begin(self, config: dict[str, Any]) -> None:
        self.asked = self.over = False
        job = Job.loads(config["job"])
        self.worker.start(fetched(job, self.files) if self.files else job)


def _result(kind: str, **content: Any) -> dict[str, Any]:
    return {"message": json.dumps([kind, content])}
