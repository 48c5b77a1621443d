"""Results of studies: the record, statistics, tables, figures and the report. Needs neither Ray nor torch.

Each package imports only those below it:

- `report`: one HTML page per study.
- `figures`: SVG and PNG.
- `tables`: Table 4 and the others, as Markdown, LaTeX, CSV and JSON.
- `scores`: what a study measured, and means with their intervals.
- `statistics`: intervals, tests, effect sizes, power.
- `record`: the database of a study.
"""
