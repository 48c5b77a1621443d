"""Studies: hyperparameter searches, ablations, and the engine, workers and adapters that run them."""

import os

# Ray reads these when it is imported, and its processes inherit them; this module is imported before Ray.
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] = "1"  # no CSV, JSON or TensorBoard files
os.environ["TUNE_DISABLE_SIGINT_HANDLER"] = "1"  # the command handles signals
os.environ["TUNE_GLOBAL_CHECKPOINT_S"] = "1000000"  # Tune never saves its state: it is not restored
os.environ["RAY_AIR_NEW_OUTPUT"] = "0"
os.environ["TUNE_PRINT_ALL_TRIAL_ERRORS"] = "0"  # the record notes lost workers
