"""What a study will take and what fits: forecast, probe, packing."""
