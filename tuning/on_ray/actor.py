"""The actor that runs jobs on Ray's side; it gives them to a trial server of its own.

The actor imports neither torch nor the trial's code. Its server does so once, and forks a child for each job. Ray Tune
can therefore reuse actors safely: nothing that a trial leaves in memory reaches the next one.
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

from tuning.on_ray.node_files import DriverNode, NodeFile, with_local_files
from tuning.workers.job import Job
from tuning.workers.worker import JobCrashed, JobReported, JobStarted, TrialWorker

STARTED, REPORT, OUTCOME, CRASHED, IDLE = "started", "report", "outcome", "crashed", "idle"
_IDLE_SECONDS = 0.05


class TrialActor(tune.Trainable):
    """Runs the job in its configuration; each of its results is one message of the job.

    Messages are JSON text, because Tune would flatten them otherwise. When Tune asks for the next result, the job may
    continue. After the job has ended, results are IDLE until Tune closes the actor or gives it another job.
    """

    def setup(self, config: dict[str, Any], files: Sequence[NodeFile] = (), driver: DriverNode | None = None) -> None:
        """Starts the first job; called by Tune.

        Args:
            files: fetched by this actor unless it runs on the driver's node.
        """
        self.files = files
        if driver is not None and ray.get_runtime_context().get_node_id() == driver.node:
            self.files = ()
            os.environ["AMC_CACHE"] = driver.cache  # Ray may have been started with another one
        self.worker = TrialWorker(config["modules"], config["threads"])
        self.awaits_answer = self.job_ended = False
        self._start(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Starts the next job; called by Tune. A job that has not ended was pruned."""
        self.worker.stop()
        self._start(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """Waits for the job's next message; called by Tune."""
        if self.job_ended:
            time.sleep(_IDLE_SECONDS)
            return _result(IDLE)
        if self.awaits_answer:
            self.worker.answer(True)
        message = self.worker.next()
        self.awaits_answer = isinstance(message, JobReported)
        self.job_ended = not isinstance(message, (JobStarted, JobReported))
        if isinstance(message, JobStarted):
            return _result(STARTED)
        if isinstance(message, JobReported):
            return _result(REPORT, step=message.step, metrics=message.metrics)
        if isinstance(message, JobCrashed):
            return _result(CRASHED, **asdict(message))
        return _result(OUTCOME, **message.to_dict())

    def cleanup(self) -> None:
        """Called by Tune when it closes the actor. A pruned job may finish its pictures, an interrupted one may not."""
        if self.awaits_answer and not self.job_ended:
            self.worker.stop()
        self.worker.close()

    def _start(self, config: dict[str, Any]) -> None:
        self.awaits_answer = self.job_ended = False
        job = Job.loads(config["job"])
        self.worker.start(with_local_files(job, self.files) if self.files else job)


def _result(kind: str, **content: Any) -> dict[str, Any]:
    return {"message": json.dumps([kind, content])}
