"""Copies a study from its record to MLflow. MLflow is only written: the engine never reads it.

MLflow is told, and takes from:

- a run per study (role `study`) and a child run per trial, their states and tags: `mlflow_runs`, from the record's
  studies and trials;
- parameters: the study's settings, and the complete configuration of each trial, from the record;
- metrics by training step: the reports of the trials, from the record's points;
- scores on the test split and `sheet.json`: from the record's score sheets;
- sample pictures: from DIR/STUDY/samples, where the workers save them;
- the value, pictures and documents (`summary.json` among them) of the study's own run: `results`, from
  `tuning.engine.summary`;
- tables, figures and report: `results`, from DIR/STUDY;
- the best model of a search, registered as a model of `clip_model`: `model_registry`, from the best trial's checkpoint.

`sync_thread` copies all this in the background while trials run; `store` opens the store and its experiment.
"""
