from __future__ import annotations

import pytest

from amc.errors import UserError
from tuning.search.pruners import create_pruner


def test_unknown_pruner() -> None:
    with pytest.raises(UserError, match="unknown pruner 'median': choose from halving, gp, hyperband, none"):
        create_pruner("median", 10, 1)
