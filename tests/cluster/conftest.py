"""Fixtures for tests that need hosts."""

from __future__ import annotations

import pytest

from tests.cluster.hosts import why_not


@pytest.fixture(scope="session")
def can_have_hosts() -> None:
    """Skips the test where there can be no hosts."""
    reason = why_not()
    if reason:
        pytest.skip(reason)
