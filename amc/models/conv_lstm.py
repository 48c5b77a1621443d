"""Convolutional LSTM (Shi et al. 2015), without peepholes: R24.

Only the convolution of the hidden state is recurrent. The caller computes the input's share of the gates for all steps
at once, and the backward pass computes the weight gradient for all steps at once.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from amc.models.fast.tiled import tiled_conv
from amc.models.precision import full_precision


class ConvLSTM(nn.Module):
    """Gates (i, f, o, g) = conv3x3([input, h]); c' = f c + i g; h' = o tanh(c').

    `weight` is (4 C, inputs + C, 3, 3), gates in that order, `bias` (4 C): one convolution over [input, h].

    Args:
        inputs: channels of the input.
        channels: C.
        forget_bias: added to the initial bias of the forget gates, so that cell states do not halve at every step.
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
        """The input's share of the gates: (N, inputs, H, W) to (N, 4 C, H, W)."""
        weight = self.weight[:, : self.inputs].contiguous(memory_format=torch.channels_last)
        return F.conv2d(maps, weight, self.bias, padding=1)

    def drive_tiled(self, vectors: Tensor, height: int, width: int) -> Tensor:
        """`drive` of vectors (N, inputs) tiled over a map: (N, 4 C, height, width)."""
        driven = tiled_conv(vectors, self.weight[:, : self.inputs], height, width)
        return driven + self.bias.view(-1, 1, 1).to(driven.dtype)

    def forward(self, driven: Tensor, state: Tensor) -> Tensor:
        """Unrolls over `steps` steps from h = c = `state`.

        Args:
            driven: (steps, N, 4 C, H, W), the output of `drive` for each step's input.
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
        # All views at once: one by one they would cost as much as the arithmetic.
        squashing, candidates = (x.unbind() for x in (gates[:, :, : 3 * channels], gates[:, :, 3 * channels :]))
        i, f, o = (x.unbind() for x in gates[:, :, : 3 * channels].chunk(3, dim=2))
        buffers = zip(driven.unbind(), gates.unbind(), cells.unbind(), squashed.unbind(), hidden.unbind(), strict=True)
        for t, (drive, gate, cell, tanh, out) in enumerate(buffers):
            torch.add(F.conv2d(h, weight, padding=1), drive, out=gate)
            squashing[t].sigmoid_()
            candidates[t].tanh_()
            c = torch.mul(f[t], c, out=cell).addcmul_(i[t], candidates[t])
            h = torch.mul(o[t], torch.tanh(c, out=tanh), out=out)
        ctx.save_for_backward(state, weight, gates, cells, squashed, hidden)
        return hidden

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        state, weight, gates, cells, squashed, hidden = ctx.saved_tensors
        (incoming,) = gradients
        steps, channels, low = gates.shape[0], cells.shape[2], hidden.dtype
        i, f, o, g = gates.chunk(4, dim=2)
        before = _delayed(cells, state)
        # What does not depend on later steps, for all steps at once: c' by h, and the gates' slopes by c and h.
        through = o * (1 - squashed * squashed)
        slopes = torch.empty_like(gates)
        by_cell, by_hidden = slopes[:, :, : 2 * channels], slopes[:, :, 2 * channels : 3 * channels]
        torch.mul(g, i * (1 - i), out=slopes[:, :, :channels])
        torch.mul(before, f * (1 - f), out=slopes[:, :, channels : 2 * channels])
        torch.mul(squashed, o * (1 - o), out=by_hidden)
        torch.mul(i, 1 - g * g, out=slopes[:, :, 3 * channels :])
        dh = torch.zeros_like(cells[0])
        dc = torch.zeros_like(cells[0])
        by_cells, dc_twice = by_cell.unflatten(2, (2, channels)).unbind(), dc[:, None]
        by_hiddens, by_candidates = by_hidden.unbind(), slopes[:, :, 3 * channels :].unbind()
        through_each, f_each, slope_each, incoming_each = (x.unbind() for x in (through, f, slopes, incoming))
        narrow = slopes if slopes.dtype == low else torch.empty_like(slopes, dtype=low)
        narrow_each, like = narrow.unbind(), hidden[0]
        for t in reversed(range(steps)):
            dh = dh + incoming_each[t]
            dc.addcmul_(dh, through_each[t])
            by_cells[t].mul_(dc_twice)
            by_hiddens[t].mul_(dh)
            by_candidates[t].mul_(dc)
            dc.mul_(f_each[t])
            if narrow is not slopes:
                narrow_each[t].copy_(slope_each[t])
            dh = _conv_backward(narrow_each[t], like, weight, 0)
        dweight = None
        if ctx.needs_input_grad[2]:
            inputs = _delayed(hidden, state).flatten(0, 1)
            dweight = _conv_backward(narrow.flatten(0, 1), inputs, weight, 1)
        return narrow, (dh + dc).to(low), dweight


def _delayed(states: Tensor, first: Tensor) -> Tensor:
    """The state before each step: (steps, N, C, H, W) moved on by one, laid out alike."""
    before = torch.empty_like(states)
    before[0].copy_(first)
    before[1:].copy_(states[:-1])
    return before


def _conv_backward(gradient: Tensor, x: Tensor, weight: Tensor, which: int) -> Tensor:
    """Gradient of conv2d(x, weight, padding=1) by its input (`which` 0) or its weight (1)."""
    wanted = [which == 0, which == 1, False]
    one, zero = [1, 1], [0, 0]
    found = torch.ops.aten.convolution_backward(gradient, x, weight, None, one, one, one, False, zero, 1, wanted)
    result: Tensor = found[which]
    return result
