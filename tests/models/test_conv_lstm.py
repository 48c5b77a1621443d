"""The convLSTM's own backward pass against a plain loop over cells that autograd differentiates (R24)."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from amc.models.conv_lstm import ConvLSTM
from amc.models.generator import Generator
from amc.models.motion_discriminator import MotionDiscriminator
from amc.reference.examples import small


def naive(lstm: ConvLSTM, inputs: Tensor, state: Tensor) -> Tensor:
    """(steps, N, inputs, H, W) and (N, C, H, W) to (steps, N, C, H, W)."""
    h = c = state
    states = []
    for x in inputs:
        i, f, o, g = F.conv2d(torch.cat([x, h], dim=1), lstm.weight, lstm.bias, padding=1).chunk(4, dim=1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        states.append(h)
    return torch.stack(states)


def unroll(lstm: ConvLSTM, inputs: Tensor, state: Tensor) -> Tensor:
    steps, n = inputs.shape[:2]
    hidden: Tensor = lstm(lstm.drive(inputs.flatten(0, 1)).unflatten(0, (steps, n)), state)
    return hidden


def example(steps: int, n: int, inputs: int, channels: int, size: tuple[int, int]) -> tuple[ConvLSTM, Tensor, Tensor]:
    torch.manual_seed(steps)
    lstm = ConvLSTM(inputs, channels).double()
    x = torch.randn(steps, n, inputs, *size, dtype=torch.float64, requires_grad=True)
    return lstm, x, torch.randn(n, channels, *size, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize(
    ("steps", "n", "inputs", "channels", "size"),
    [(1, 2, 3, 4, (2, 2)), (5, 3, 4, 2, (4, 4)), (4, 1, 2, 3, (1, 1)), (3, 2, 1, 5, (3, 2)), (31, 2, 3, 3, (2, 2))],
)
def test_equals_a_plain_loop(steps: int, n: int, inputs: int, channels: int, size: tuple[int, int]) -> None:
    lstm, x, state = example(steps, n, inputs, channels, size)
    result, expected = unroll(lstm, x, state), naive(lstm, x, state)
    torch.testing.assert_close(result, expected, rtol=1e-12, atol=1e-12)
    slope = torch.randn_like(expected)
    tensors = (x, state, lstm.weight, lstm.bias)
    actual = torch.autograd.grad(result, tensors, slope)
    for a, b in zip(actual, torch.autograd.grad(expected, tensors, slope), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-11)


def test_gradient_of_the_last_state_alone() -> None:
    """Dm's class and real/fake heads read h_{T-1} only."""
    lstm, x, state = example(4, 2, 3, 2, (2, 2))
    actual = torch.autograd.grad(unroll(lstm, x, state)[-1].square().sum(), (x, state, lstm.weight))
    expected = torch.autograd.grad(naive(lstm, x, state)[-1].square().sum(), (x, state, lstm.weight))
    for a, b in zip(actual, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


def test_frozen_weights_still_pass_gradients_to_inputs() -> None:
    """The generator's step goes through Dm without gradients of its weights."""
    lstm, x, state = example(3, 2, 3, 2, (2, 2))
    expected = torch.autograd.grad(naive(lstm, x, state).square().sum(), (x, state))
    lstm.requires_grad_(False)
    actual = torch.autograd.grad(unroll(lstm, x, state).square().sum(), (x, state))
    for a, b in zip(actual, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


def test_gradient_by_finite_differences() -> None:
    lstm, x, state = example(2, 1, 2, 1, (2, 2))

    def run(x: Tensor, state: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        twin = ConvLSTM(2, 1)
        del twin.weight, twin.bias
        twin.weight, twin.bias = weight, bias  # type: ignore[assignment]
        return unroll(twin, x, state)

    assert torch.autograd.gradcheck(run, (x, state, lstm.weight, lstm.bias))


def test_tiled_input() -> None:
    lstm, _, state = example(3, 2, 4, 2, (3, 3))
    vectors = torch.randn(3, 2, 4, dtype=torch.float64, requires_grad=True)
    tiled = vectors[..., None, None].expand(-1, -1, -1, 3, 3)
    result = lstm(lstm.drive_tiled(vectors.flatten(0, 1), 3, 3).unflatten(0, (3, 2)), state)
    expected = naive(lstm, tiled, state)
    torch.testing.assert_close(result, expected, rtol=1e-12, atol=1e-12)
    tensors = (vectors, state, lstm.weight, lstm.bias)
    slope = torch.randn_like(expected)
    actual = torch.autograd.grad(result, tensors, slope)
    for a, b in zip(actual, torch.autograd.grad(expected, tensors, slope), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-11)


def test_hand_computed() -> None:
    """One pixel, no weights: gates come from the bias. c = s(1) 2 + s(0) tanh(.5), h = s(-1) tanh(c)."""
    lstm = ConvLSTM(1, 1).double()
    with torch.no_grad():
        lstm.weight.zero_()
        lstm.bias.copy_(torch.tensor([0.0, 1.0, -1.0, 0.5]))  # i, f, o, g
    one = torch.ones(1, 1, 1, 1, dtype=torch.float64)
    hidden = unroll(lstm, one[None], 2 * one)

    def sigmoid(x: float) -> float:
        return 1 / (1 + math.exp(-x))

    c = sigmoid(1) * 2 + sigmoid(0) * math.tanh(0.5)
    assert hidden.item() == pytest.approx(sigmoid(-1) * math.tanh(c), rel=1e-12)


def test_forget_gates_may_start_open() -> None:
    """The setting `forget_bias`: of the gates i, f, o, g the second alone starts higher."""
    biases = []
    for forget_bias in (0.0, 1.5):
        torch.manual_seed(0)
        biases.append(ConvLSTM(3, 2, forget_bias).bias.detach())
    assert (biases[1] - biases[0]).tolist() == pytest.approx([0, 0, 1.5, 1.5, 0, 0, 0, 0])


@pytest.mark.parametrize("network", [Generator, MotionDiscriminator])
def test_the_networks_forget_gates_start_as_configured(network: type[Generator] | type[MotionDiscriminator]) -> None:
    means = []
    for forget_bias in (0.0, 1.5):
        torch.manual_seed(0)
        lstm = network(small("natops", forget_bias=forget_bias)).lstm
        means.append(lstm.bias.detach().chunk(4)[1].mean().item())
    assert means[1] - means[0] == pytest.approx(1.5)
