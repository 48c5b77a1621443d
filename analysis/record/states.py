"""The words of the study record: a trial's states and roles."""

from __future__ import annotations

WAITING, RUNNING, COMPLETE, PRUNED, FAILED = "WAITING", "RUNNING", "COMPLETE", "PRUNED", "FAILED"
STATES = (WAITING, RUNNING, COMPLETE, PRUNED, FAILED)
ENDED = (COMPLETE, PRUNED, FAILED)  # a trial in one of these is never run again
OPEN = (WAITING, RUNNING)

TRIAL = "trial"  # of the search or list itself
CONFIRM = "confirm"  # the best trial again, with a seed of its own
