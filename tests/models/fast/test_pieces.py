"""Overlapping parts of a batch against indexing."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from amc.models.fast.pieces import Piece, pieces

SIZE = 6
PART = st.tuples(st.integers(0, SIZE - 1), st.integers(1, SIZE)).filter(lambda p: p[0] < p[1])


@settings(max_examples=60, deadline=None)
@given(parts=st.lists(st.tuples(PART, st.booleans(), st.booleans()), min_size=1, max_size=4))
def test_same_as_indexing(parts: list[tuple[tuple[int, int], bool, bool]]) -> None:
    """Values and gradients, with parts that overlap, cover little, or are not used."""
    wanted: tuple[Piece, ...] = tuple((a, b, b - a if split else 0) for (a, b), split, _ in parts)
    torch.manual_seed(0)
    x = torch.randn(SIZE, 3, 2, 2, dtype=torch.float64).contiguous(memory_format=torch.channels_last).requires_grad_()
    found = pieces(x, wanted)
    expected = [x[a:b].unflatten(0, (clips, -1)) if clips else x[a:b] for a, b, clips in wanted]
    used = [i for i, (_, _, use) in enumerate(parts) if use]
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one, other)
    if not used:
        return
    weights = [torch.randn_like(expected[i]) for i in used]
    mine = torch.autograd.grad(sum((found[i] * w).sum() for i, w in zip(used, weights, strict=True)), x)[0]  # type: ignore[arg-type]
    theirs = torch.autograd.grad(sum((expected[i] * w).sum() for i, w in zip(used, weights, strict=True)), x)[0]  # type: ignore[arg-type]
    torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-12)
    assert mine.is_contiguous(memory_format=torch.channels_last)
