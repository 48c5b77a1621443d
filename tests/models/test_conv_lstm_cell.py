"""One step of a convLSTM, against `torch.nn.LSTMCell` on one pixel and the unrolled `ConvLSTM`."""

from __future__ import annotations

import torch
from torch import nn

from amc.models.conv_lstm import ConvLSTM
from amc.models.conv_lstm_cell import ConvLSTMCell, State


def test_on_one_pixel_it_is_an_lstm_cell() -> None:
    cell, plain = ConvLSTMCell(3, 4, kernel=1, forget_bias=0.0), nn.LSTMCell(3, 4)
    i, f, o, g = (torch.randn(4, 7) for _ in range(4))
    with torch.no_grad():
        cell.gates.weight.copy_(torch.cat([i, f, o, g])[:, :, None, None])
        wide = torch.cat([i, f, g, o])  # the order of `LSTMCell`
        plain.weight_ih.copy_(wide[:, :3])
        plain.weight_hh.copy_(wide[:, 3:])
        plain.bias_ih.zero_()
        plain.bias_hh.zero_()
        assert cell.gates.bias is not None
        cell.gates.bias.zero_()
    x, h, c = torch.randn(2, 3), torch.randn(2, 4), torch.randn(2, 4)
    state = cell(x[:, :, None, None], (h[:, :, None, None], c[:, :, None, None]))
    for mine, other in zip(state, plain(x, (h, c)), strict=True):
        torch.testing.assert_close(mine[:, :, 0, 0], other)


def test_step_by_step_it_equals_the_unrolled_convlstm() -> None:
    cell, unrolled = ConvLSTMCell(2, 3, kernel=3), ConvLSTM(2, 3)
    assert cell.gates.bias is not None
    with torch.no_grad():
        unrolled.weight.copy_(cell.gates.weight)
        unrolled.bias.copy_(cell.gates.bias)
    x = torch.randn(5, 2, 2, 4, 4)
    driven = unrolled.drive(x.flatten(0, 1)).unflatten(0, (5, 2))
    state: State | None = None
    hidden = []
    for each in x:
        state = cell(each, state)
        hidden.append(state[0])
    torch.testing.assert_close(torch.stack(hidden), unrolled(driven, torch.zeros(2, 3, 4, 4)), rtol=1e-5, atol=1e-6)


def test_forget_gates_start_open() -> None:
    torch.manual_seed(0)
    plain = ConvLSTMCell(2, 3, kernel=5, forget_bias=0.0)
    torch.manual_seed(0)
    biased = ConvLSTMCell(2, 3, kernel=5)
    assert plain.gates.bias is not None
    assert biased.gates.bias is not None
    difference = biased.gates.bias - plain.gates.bias
    assert difference.round(decimals=5).tolist() == [0.0] * 3 + [1.0] * 3 + [0.0] * 6
