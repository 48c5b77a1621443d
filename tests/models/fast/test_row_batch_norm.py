"""Batch norm with counted groups against `nn.BatchNorm2d` on the batch written out (R10, R21)."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from amc.models.fast.row_batch_norm import RowBatchNorm, Rows, times

GROUPS = st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)), min_size=1, max_size=4)


def written_out(x: Tensor, rows: Rows) -> Tensor:
    """Each group as often as it counts."""
    parts = x.split([size for size, _ in rows])
    return torch.cat([part for part, (_, count) in zip(parts, rows, strict=True) for _ in range(count)])


def first_of_each(x: Tensor, rows: Rows) -> Tensor:
    """Undoes `written_out`."""
    parts = iter(x.split([size for size, count in rows for _ in range(count)]))
    kept = []
    for _, count in rows:
        kept.append(next(parts))
        for _ in range(count - 1):
            next(parts)
    return torch.cat(kept)


def layers(channels: int, mode: str, dims: int, seed: int) -> tuple[RowBatchNorm, nn.BatchNorm1d | nn.BatchNorm2d]:
    torch.manual_seed(seed)
    layer = RowBatchNorm(channels, mode).double()  # type: ignore[arg-type]
    plain = (nn.BatchNorm2d if dims == 4 else nn.BatchNorm1d)(channels).double()
    with torch.no_grad():
        for value in (*layer.parameters(), layer.running_mean):
            assert value is not None
            value.uniform_(-1, 1)
    plain.load_state_dict(layer.state_dict())
    return layer, plain


def maps(rows: Rows, dims: int) -> Tensor:
    n = sum(size for size, _ in rows)
    x = torch.randn((n, 3, 2, 4) if dims == 4 else (n, 3), dtype=torch.float64)
    return (x * 2 + torch.arange(n, dtype=torch.float64).view(-1, *(1 for _ in x.shape[1:]))).requires_grad_()


def normalise_groups(plain: nn.Module, x: Tensor, rows: Rows) -> Tensor:
    """Each row of the written-out batch by itself, in order."""
    return torch.cat([plain(part) for part in x.split([size for size, count in rows for _ in range(count)])])


@settings(max_examples=40, deadline=None)
@given(groups=GROUPS, dims=st.sampled_from([2, 4]), seed=st.integers(0, 99))
def test_mixed_is_batch_norm_of_the_batch_written_out(groups: list[tuple[int, int]], dims: int, seed: int) -> None:
    rows: Rows = tuple(groups)
    if dims == 2 and sum(size for size, _ in rows) < 2:
        rows = (*rows, (2, 1))  # nn.BatchNorm1d refuses a batch of one
    layer, plain = layers(3, "mixed", dims, seed)
    x = maps(rows, dims)
    twin = x.detach().clone().requires_grad_()
    output, expected = layer(x, rows), first_of_each(plain(written_out(twin, rows)), rows)
    torch.testing.assert_close(output, expected, rtol=1e-10, atol=1e-10)
    # Each copy's share of the loss reaches the sample that stands for all of them.
    slope = torch.randn_like(x)
    output.backward(slope)
    expected.backward(slope)
    assert x.grad is not None
    assert twin.grad is not None
    torch.testing.assert_close(x.grad, twin.grad, rtol=1e-9, atol=1e-9)
    for (name, p), q in zip(layer.named_parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad, rtol=1e-9, atol=1e-9, msg=name)
    torch.testing.assert_close(layer.running_mean, plain.running_mean, rtol=1e-10, atol=1e-12)
    assert layer.num_batches_tracked == plain.num_batches_tracked == 1
    # Where all groups count equally they may be seen once: the same mean and variance, but for n / (n - 1).
    n = x.numel() // 3
    tolerance = 1e-10 if len({count for _, count in rows}) > 1 or rows[0][1] == 1 else 1 / (n - 1)
    torch.testing.assert_close(layer.running_var, plain.running_var, rtol=tolerance, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(
    groups=st.lists(st.tuples(st.integers(2, 4), st.integers(1, 3)), min_size=2, max_size=4), seed=st.integers(0, 99)
)
def test_per_row_normalises_each_row_by_itself(groups: list[tuple[int, int]], seed: int) -> None:
    rows: Rows = tuple(groups)
    layer, plain = layers(3, "per_row", 4, seed)
    x = maps(rows, 4)
    twin = x.detach().clone().requires_grad_()
    output, expected = layer(x, rows), first_of_each(normalise_groups(plain, written_out(twin, rows), rows), rows)
    torch.testing.assert_close(output, expected, rtol=1e-10, atol=1e-10)
    slope = torch.randn_like(x)
    output.backward(slope)
    expected.backward(slope)
    torch.testing.assert_close(x.grad, twin.grad, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(layer.weight.grad, plain.weight.grad, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(layer.running_mean, plain.running_mean, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(layer.running_var, plain.running_var, rtol=1e-10, atol=1e-12)


def test_hand_computed() -> None:
    """Values 0 and 4, the second counted three times: mean 3, variance 3."""
    layer = RowBatchNorm(1).double()
    layer.eps = 0.0
    output = layer(torch.tensor([[0.0], [4.0]], dtype=torch.float64), ((1, 1), (1, 3)))
    root = 3**0.5
    torch.testing.assert_close(output, torch.tensor([[-3 / root], [1 / root]], dtype=torch.float64))
    torch.testing.assert_close(layer.running_mean, torch.tensor([0.3], dtype=torch.float64))
    torch.testing.assert_close(layer.running_var, torch.tensor([0.9 + 0.1 * 3 * 4 / 3], dtype=torch.float64))


@pytest.mark.parametrize("dims", [2, 4])
@pytest.mark.parametrize("mode", ["mixed", "per_row"])
def test_gradient_by_finite_differences(mode: str, dims: int) -> None:
    rows: Rows = ((2, 2), (3, 1))
    layer, _ = layers(3, mode, dims, 0)
    layer.eps = 0.1  # keeps finite differences well conditioned
    x = maps(rows, dims)

    def normalise(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return torch.func.functional_call(layer, {"weight": weight, "bias": bias}, (x, rows))  # type: ignore[no-any-return]

    assert torch.autograd.gradcheck(normalise, (x, layer.weight, layer.bias))


@pytest.mark.parametrize("mode", ["mixed", "per_row"])
def test_evaluation_mode_ignores_the_groups(mode: str) -> None:
    layer, plain = layers(3, mode, 4, 1)
    x = maps(((2, 3), (3, 1)), 4)
    torch.testing.assert_close(layer.eval()(x, ((2, 3), (3, 1))), plain.eval()(x))


def test_output_may_be_changed_in_place() -> None:
    """The activation after it works in place."""
    rows: Rows = ((2, 2), (3, 1))
    layer, plain = layers(3, "mixed", 4, 2)
    x = maps(rows, 4)
    twin = x.detach().clone().requires_grad_()
    nn.functional.leaky_relu_(layer(x, rows), 0.2).square().sum().backward()
    nn.functional.leaky_relu(first_of_each(plain(written_out(twin, rows)), rows), 0.2).square().sum().backward()
    torch.testing.assert_close(x.grad, twin.grad, rtol=1e-9, atol=1e-9)


def test_groups_must_add_up() -> None:
    with pytest.raises(ValueError, match="do not add up"):
        RowBatchNorm(3)(torch.zeros(4, 3, 2, 2), ((2, 1), (3, 2)))
    with pytest.raises(ValueError, match="2 or 4 dimensions"):
        RowBatchNorm(3)(torch.zeros(4, 3, 2))


def test_times() -> None:
    assert times(((2, 3), (4, 1)), 5) == ((10, 3), (20, 1))
