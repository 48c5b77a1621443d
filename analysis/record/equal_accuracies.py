"""The order of equal accuracies: by the judge's mean log-likelihood of the class asked for.

An accuracy over a few dozen clips takes few values, and good trials reach the same one. Their log-likelihoods differ.
"""

from __future__ import annotations

ACCURACY = "val/accuracy"  # metrics in reports
LOG_LIKELIHOOD = "val/log_likelihood"

STEP = 1e-5  # less than the distance of two accuracies over up to 100,000 clips


def objective_value(accuracy: float, log_likelihood: float | None) -> float:
    """The number that samplers and pruners maximize: the accuracy, plus a term that orders equal accuracies.

    The term is `STEP` / (2 - log-likelihood). It lies between 0 and `STEP` / 2 and increases with the log-likelihood,
    so the order is the lexicographic one of (accuracy, log-likelihood). In double precision this holds for
    log-likelihoods of -100 or more that differ by 1e-6 or more.

    Args:
        accuracy: fraction of the clips in which the judge recognizes the class asked for.
        log_likelihood: mean over the clips, natural logarithm, at most 0. None if it was not recorded: such an accuracy
            comes behind equal ones that have a log-likelihood.
    """
    return accuracy if log_likelihood is None else accuracy + STEP / (2 - log_likelihood)
