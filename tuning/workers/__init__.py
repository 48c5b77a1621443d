"""The processes that trials run in: jobs, trial servers, the trial itself, pausing, resource limits."""
