"""Names of trial states, trial roles, outcomes of commands and the reference arm, as the record has them."""

from __future__ import annotations

WAITING, RUNNING, COMPLETE, PRUNED, FAILED = "WAITING", "RUNNING", "COMPLETE", "PRUNED", "FAILED"
STATES = (WAITING, RUNNING, COMPLETE, PRUNED, FAILED)
ENDED = (COMPLETE, PRUNED, FAILED)  # never run again
OPEN = (WAITING, RUNNING)

TRIAL = "trial"  # a sampled or listed trial of the study
CONFIRM = "confirm"  # a finalist's configuration with another seed

OURS = "ours"  # slug of the arm with the complete model, with which the other arms of an ablation are compared

DONE, REFUSED = "done", "refused"  # outcomes of a command; "" while it is pending
