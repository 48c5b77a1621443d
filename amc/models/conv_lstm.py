"""Convolutional LSTM (Shi et al. 2015), without peepholes: R24.

Only the convolution of the hidden state is recurrent. The input's part is computed for all steps at once by the
caller, the weight gradient for all steps at once at the end of the backward pass, and the elementwise part of a step
is a handful of kernels.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from amc.models.precision import full_precision
from amc.models.tiled import tiled_conv


class ConvLSTM(nn.Module):
    """Gates (i, f, o, g) = conv3x3([input, h]); c' = f c + i g; h' = o tanh(c').

    `weight` is (4 C, inputs + C, 3, 3), gates in that order, `bias` (4 C): one convolution over [input, h].

    Args:
        inputs: channels of the input.
        channels: C.
        forget_bias: added to the first bias of the forget gates, so that a state is kept rather than halved at first.
    """

    def __init__(self, inputs: int, channels: int, forget_bias: float = 0.0) -> None:
        super().__init__()
        self.inputs, self.channels = inputs, channels
        self.weight = nn.Parameter(torch.empty(4 * channels, inputs + channels, 3, 3))
        self.bias = nn.Parameter(torch.empty(4 * channels))
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        bound = 1 / math.sqrt((inputs + channels) * 9)
        nn.init.uniform_(self.bias, -bound, bound)
        with torch.no_grad():
            self.bias[channels : 2 * channels] += forget_bias

    def drive(self, maps: Tensor) -> Tensor:
        """The input's part of the gates: (N, inputs, H, W) to (N, 4 C, H, W)."""
        weight = self.weight[:, : self.inputs].contiguous(memory_format=torch.channels_last)
        return F.conv2d(maps, weight, self.bias, padding=1)

    def drive_tiled(self, vectors: Tensor, height: int, width: int) -> Tensor:
        """`drive` of vectors (N, inputs) tiled over a map: (N, 4 C, height, width)."""
        driven = tiled_conv(vectors, self.weight[:, : self.inputs], height, width)
        return driven + self.bias.view(-1, 1, 1).to(driven.dtype)

    def forward(self, driven: Tensor, state: Tensor) -> Tensor:
        """Unrolls over `steps` steps from h = c = `state`.

        Args:
            driven: (steps, N, 4 C, H, W), what `drive` gives for each step's input.
            state: (N, C, H, W).

        Returns:
            (steps, N, C, H, W): the hidden states h_1 ... h_steps, each laid out channels last.
        """
        # In the precision of what drives it: under autocast that is bfloat16, but for gates and cells.
        weight = self.weight[:, self.inputs :].to(driven.dtype).contiguous(memory_format=torch.channels_last)
        with full_precision(driven):
            out: Tensor = _Unroll.apply(driven, state.to(driven.dtype), weight)  # type: ignore[no-untyped-call]
        return out


class _Unroll(torch.autograd.Function):
    """The recurrence, with its own backward pass: one weight gradient for all steps."""

    @staticmethod
    def forward(ctx: Any, driven: Tensor, state: Tensor, weight: Tensor) -> Tensor:
        steps, n, four, height, width = driven.shape
        channels = four // 4
        shape = (steps, n, height, width)
        wide = torch.promote_types(driven.dtype, torch.float32)  # sums over many steps need it
        gates = driven.new_empty(*shape, four, dtype=wide).permute(0, 1, 4, 2, 3)
        cells = driven.new_empty(*shape, channels, dtype=wide).permute(0, 1, 4, 2, 3)
        squashed = torch.empty_like(cells)  # tanh(c)
        hidden = torch.empty_like(cells, dtype=driven.dtype)
        h = state.contiguous(memory_format=torch.channels_last)
        c = h.to(wide)
        for t in range(steps):
            gate = torch.add(F.conv2d(h, weight, padding=1), driven[t], out=gates[t])
            sigmoids, candidate = gate[:, : 3 * channels].sigmoid_(), gate[:, 3 * channels :].tanh_()
            i, f, o = sigmoids.chunk(3, dim=1)
            c = torch.mul(f, c, out=cells[t]).addcmul_(i, candidate)
            h = torch.mul(o, torch.tanh(c, out=squashed[t]), out=hidden[t])
        ctx.save_for_backward(state, weight, gates, cells, squashed, hidden)
        return hidden

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        state, weight, gates, cells, squashed, hidden = ctx.saved_tensors
        (incoming,) = gradients
        steps, channels = gates.shape[0], cells.shape[2]
        slopes = torch.empty_like(gates)
        low = hidden.dtype
        dh = torch.zeros_like(cells[0])
        dc = torch.zeros_like(cells[0])
        for t in reversed(range(steps)):
            dh = dh + incoming[t]
            i, f, o, g = gates[t].chunk(4, dim=1)
            before = cells[t - 1] if t else state.to(cells.dtype)
            tanh_c = squashed[t]
            dc = dc + dh * o * (1 - tanh_c * tanh_c)
            slope = slopes[t]
            torch.mul(dc, g, out=slope[:, :channels])
            torch.mul(dc, before, out=slope[:, channels : 2 * channels])
            torch.mul(dh, tanh_c, out=slope[:, 2 * channels : 3 * channels])
            sigmoids = gates[t][:, : 3 * channels]
            slope[:, : 3 * channels].mul_(sigmoids * (1 - sigmoids))
            torch.mul(dc * i, 1 - g * g, out=slope[:, 3 * channels :])
            dc = dc * f
            dh = torch.ops.aten.convolution_backward(
                slope.to(low), hidden[0], weight, None, [1, 1], [1, 1], [1, 1], False, [0, 0], 1, [True, False, False]
            )[0]
        dweight = None
        if ctx.needs_input_grad[2]:
            inputs = torch.cat([state[None], hidden[:-1]]).flatten(0, 1).contiguous(memory_format=torch.channels_last)
            dweight = torch.ops.aten.convolution_backward(
                slopes.flatten(0, 1).to(low),
                inputs,
                weight,
                None,
                [1, 1],
                [1, 1],
                [1, 1],
                False,
                [0, 0],
                1,
                [False, True, False],
            )[1]
        return slopes.to(low), (dh + dc).to(low), dweight
