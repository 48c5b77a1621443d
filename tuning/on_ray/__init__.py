"""Ray as an adapter: jobs as trials of Ray Tune, on this machine or on a cluster."""
