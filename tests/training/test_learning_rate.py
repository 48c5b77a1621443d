from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from amc.config import with_overrides
from amc.errors import UserError
from amc.training.learning_rate import LearningRateDecay, decay_factor
from tests.toy import toy_config


def test_values_by_hand() -> None:
    """100 steps, the last 40 of them decay."""
    assert [decay_factor(step, 100, 0.4) for step in (0, 59, 60, 80, 99)] == pytest.approx([1, 1, 1, 0.5, 0.025])
    assert decay_factor(99, 100, 0.0) == 1
    assert [decay_factor(step, 4, 1.0) for step in range(4)] == pytest.approx([1, 0.75, 0.5, 0.25])


@given(st.integers(1, 5000), st.floats(0, 1))
def test_it_falls_and_stays_positive(steps: int, share: float) -> None:
    factors = [decay_factor(step, steps, share) for step in range(0, steps, max(1, steps // 50))]
    assert factors == sorted(factors, reverse=True)
    assert all(0 < factor <= 1 for factor in factors)
    assert factors[0] == 1


@pytest.mark.parametrize("tensor", [False, True])
def test_rates_of_all_optimizers_are_set_from_the_step(tensor: bool) -> None:
    config = with_overrides(toy_config(steps=10), {"optimizer.decay_share": 0.5})
    rates = {"generator": 2e-3, "discriminator": 4e-4}
    held = {
        name: torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], torch.tensor(rate) if tensor else rate)
        for name, rate in rates.items()
    }
    decay = LearningRateDecay(config, held)
    for optimizer in held.values():
        optimizer.load_state_dict(optimizer.state_dict())  # what a resumed run does: it replaces the groups
    memory = {name: optimizer.param_groups[0]["lr"] for name, optimizer in held.items()}
    decay.set(8)
    for name, rate in rates.items():
        assert float(held[name].param_groups[0]["lr"]) == pytest.approx(rate * 0.4)
        if tensor:
            assert held[name].param_groups[0]["lr"] is memory[name]
    decay.set(0)
    assert float(held["generator"].param_groups[0]["lr"]) == pytest.approx(2e-3)


def test_a_share_outside_zero_to_one_is_refused() -> None:
    with pytest.raises(UserError, match=r"decay_share"):
        with_overrides(toy_config(), {"optimizer.decay_share": 1.5})
