"""Forecasts of a study's time, memory and disk space, and the number of trials that run in parallel."""
