"""The adapter to Ray: runs jobs as trials of Ray Tune, on this machine or on a cluster."""
