"""A study's report: one HTML file that holds all it shows, opens offline, and runs no script."""

from analysis.report.write import write_report

__all__ = ["write_report"]
