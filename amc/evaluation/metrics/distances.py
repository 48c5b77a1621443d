"""Frechet distance and kernel distance between two sets of features.

These are the formulas of FID (Heusel et al. 2017) and KID (Binkowski et al. 2018) on features of this project's own
classifier. Values can be compared within one study only, so they have other names.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FEWEST = 2  # rows of either set that are needed
Features = NDArray[np.float64]


def frechet_distance(a: Features, b: Features) -> float:
    """|mean_a - mean_b|^2 + tr(S_a + S_b - 2 (S_a S_b)^(1/2)) with covariances S; squared, as FID is.

    With centred rows A (n, d) and B (m, d), S_a = A'A / (n - 1), and tr (S_a S_b)^(1/2) is the sum of the singular
    values of A B' / ((n - 1)(m - 1))^(1/2). So no matrix root is needed, and covariances without full rank (fewer rows
    than features) cost no accuracy. Few rows bias the value upwards: compare it with the distance of equally many real
    clips.

    Args:
        a, b: (n, d) and (m, d), at least `FEWEST` rows each.
    """
    apart = np.square(a.mean(0) - b.mean(0)).sum()
    root_a, root_b = _root(a), _root(b)
    shared = np.linalg.svd(root_a @ root_b.T, compute_uv=False).sum()
    return max(0.0, float(apart + np.square(root_a).sum() + np.square(root_b).sum() - 2 * shared))


def kernel_distance(a: Features, b: Features) -> float:
    """Unbiased squared maximum mean discrepancy with the kernel (x.y / d + 1)^3.

    Its expectation for two sets from one distribution is 0 for any number of rows, so values may be negative.

    Args:
        a, b: (n, d) and (m, d), at least `FEWEST` rows each.
    """
    return _within(a) + _within(b) - 2 * float(_kernel(a, b).mean())


def _root(rows: Features) -> Features:
    """R with R'R the covariance of the rows, of min(n, d) rows."""
    centred = (rows - rows.mean(0)) / np.sqrt(len(rows) - 1)
    return np.asarray(np.linalg.qr(centred, mode="r"), np.float64)


def _kernel(a: Features, b: Features) -> Features:
    result: Features = (a @ b.T / a.shape[1] + 1) ** 3
    return result


def _within(rows: Features) -> float:
    """Mean kernel of two different rows."""
    values = _kernel(rows, rows)
    return float((values.sum() - np.trace(values)) / (len(rows) * (len(rows) - 1)))
