"""Benchmarks. Each prints ratios of things measured in the same run, so that results of different machines compare.

Commands, each with `--json`:

- `training_step.py`: the production training step and the literal one, in time and memory.
- `step_scaling.py`: how a training step scales with frames and batch size.
- `loading.py`: how long a batch takes to load.
- `harness_overhead.py`: what the harness costs, compared with plain Ray Tune.
- `search_quality.py`: the regret of this project's search and Ray Tune's on test functions.
- `race.py`: what the race of a search's finalists finds and costs, in simulation.
- `forecast.py`: the forecast of a search and the search itself.
- `coverage.py`: coverage and power of the statistics, in simulation.

The other modules are parts of these.
"""
