"""The level of all intervals and tests. The key `ci95` in JSON files and the captions in docs/ name it as well."""

from __future__ import annotations

CONFIDENCE = 0.95
ALPHA = 0.05  # of a family of tests, after Holm's correction
INTERVAL = f"{CONFIDENCE:.0%} interval"  # its name in tables, figures and reports
