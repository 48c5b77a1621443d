"""The study engine: sources of trials, reports and decisions, resuming, summary."""
