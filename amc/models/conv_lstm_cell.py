"""A convolutional LSTM (Shi et al. 2015) one step at a time, for networks whose next input is their own output.

`amc.models.conv_lstm` is faster where all inputs are known beforehand.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from amc.models.precision import full_precision

State = tuple[Tensor, Tensor]
"""The hidden state h and the cell state c, both (B, C, H, W)."""


class ConvLSTMCell(nn.Module):
    """Gates (i, f, o, g) = conv([x, h]); c' = f c + i g; h' = o tanh(c'); without peepholes.

    Args:
        inputs: channels of x.
        channels: C.
        kernel: size of the square kernel, odd.
        forget_bias: added to the initial bias of the forget gates.
    """

    def __init__(self, inputs: int, channels: int, kernel: int, forget_bias: float = 1.0) -> None:
        super().__init__()
        self.channels = channels
        self.gates = nn.Conv2d(inputs + channels, 4 * channels, kernel, padding=kernel // 2)
        assert self.gates.bias is not None
        with torch.no_grad():
            self.gates.bias[channels : 2 * channels] += forget_bias

    def forward(self, x: Tensor, state: State | None) -> State:
        """The state after seeing x.

        Args:
            x: (B, inputs, H, W).
            state: the state before; None for zeros.
        """
        if state is None:
            zeros = x.new_zeros(len(x), self.channels, *x.shape[2:], dtype=torch.float32)
            state = zeros, zeros
        hidden, cell = state
        gates = self.gates(torch.cat([x, hidden.to(x.dtype)], dim=1))
        with full_precision(x):  # cell states sum over many steps
            i, f, o, g = gates.float().chunk(4, dim=1)
            cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
            return torch.sigmoid(o) * torch.tanh(cell), cell
