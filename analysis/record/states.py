"""Names of trial states and roles, as the record has them."""

from __future__ import annotations

WAITING, RUNNING, COMPLETE, PRUNED, FAILED = "WAITING", "RUNNING", "COMPLETE", "PRUNED", "FAILED"
STATES = (WAITING, RUNNING, COMPLETE, PRUNED, FAILED)
ENDED = (COMPLETE, PRUNED, FAILED)  # never run again
OPEN = (WAITING, RUNNING)

TRIAL = "trial"  # a sampled or listed trial of the study
CONFIRM = "confirm"  # the best trial's configuration with another seed
