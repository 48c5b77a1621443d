"""Command lines: `python -m amc`, `python -m amc.data`, and what they share with the commands of other packages."""
