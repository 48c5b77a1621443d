"""Runs studies: sources of trials, decisions on reports, resuming, summary.

`engine.Engine` uses neither Ray nor MLflow: it reads and writes the study record, and a runner calls it. `study` puts
the engine, the Ray runner (`tuning.on_ray`) and the MLflow thread (`tuning.tracking`) together, and is the only module
here that imports them.

How a trial whose process was killed is resumed:

1. It is set to WAITING: by `RecordWriter.release` (analysis/record/writing.py) if the driver saw the process die, or by
   `RecordWriter.requeue_running` when the next driver starts, if the driver died as well.
2. `Engine.next_job` (engine.py) hands it out before new trials, as a new attempt with a new checkpoint folder.
3. `copy_previous_attempt` (tuning/workers/attempts.py) copies the newest earlier attempt's checkpoint into that folder;
   the new process calls it in `run_job` (tuning/workers/trial_server.py).
4. `train` (amc/training/loop.py) loads the checkpoint and reports all earlier evaluations again.
5. `RecordWriter.report` stores each step once, and `Engine.report` asks the pruner again only about the last of them.
"""
