"""Statistics of arms, seeds and clips. What each is for and how it was checked: docs/statistics.md.

means.py: over seeds alone. crossed.py (with mean_squares.py): over seeds and clips. paired.py: one arm minus another.
corrections.py: Holm. effects.py: h and g. power.py: what so many seeds cannot show. ranks.py: order of arms.
curves.py: steps to a target.
"""

from __future__ import annotations

from analysis.statistics.corrections import holm
from analysis.statistics.crossed import Crossed, Spread, crossed
from analysis.statistics.curves import Reached, reached, steps_to
from analysis.statistics.effects import cohens_h, hedges_g
from analysis.statistics.means import Estimate, mean_interval
from analysis.statistics.paired import Paired, paired, sign_flip_p, signed_rank_p
from analysis.statistics.power import cannot_show, detectable, power_of
from analysis.statistics.ranks import Agreement, agreement

__all__ = [
    "Agreement",
    "Crossed",
    "Estimate",
    "Paired",
    "Reached",
    "Spread",
    "agreement",
    "cannot_show",
    "cohens_h",
    "crossed",
    "detectable",
    "hedges_g",
    "holm",
    "mean_interval",
    "paired",
    "power_of",
    "reached",
    "sign_flip_p",
    "signed_rank_p",
    "steps_to",
]
