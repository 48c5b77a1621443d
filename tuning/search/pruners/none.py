"""The pruner `none`, which never prunes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from analysis.record.rows import TrialRow
from tuning.search.pruners.base import Curves


class NoPruner:
    """Prunes no trial."""

    def should_prune(
        self, key: str, step: int, curves: Curves, numbers: Mapping[str, int], trials: Sequence[TrialRow] = ()
    ) -> bool:
        """See `Pruner`."""
        del key, step, curves, numbers, trials
        return False
