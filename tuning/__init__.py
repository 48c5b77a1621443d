"""The study engine: a source of trials, a durable record of them, and the adapters that run and track them."""

import os

# Read by Ray when it is imported, and inherited by its processes; every module that imports Ray comes after this one.
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] = "1"  # no CSV, JSON or TensorBoard files
os.environ["TUNE_DISABLE_SIGINT_HANDLER"] = "1"  # signals are the command's business
os.environ["TUNE_GLOBAL_CHECKPOINT_S"] = "1000000"  # Tune's state is never restored
os.environ["RAY_AIR_NEW_OUTPUT"] = "0"
os.environ["TUNE_PRINT_ALL_TRIAL_ERRORS"] = "0"  # a lost worker is told in the record
