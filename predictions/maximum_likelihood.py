"""Maximum likelihood for models with a few positive parameters, and the uncertainty that comes with it.

Belongs here: the optimiser, the covariance of an estimate, the delta method. Does not: any likelihood; each model
brings its own (`purchases`, `spend`, `subscriptions`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import optimize
from scipy.stats import norm
from threadpoolctl import threadpool_limits

Array = NDArray[np.float64]

# A parameter is sought within e^±LIMIT. One that ends there has no finite maximum: the data do not tell it from "none".
LIMIT = 12.0
_EDGE = 0.05
_IMPOSSIBLE = 1e10
# Second derivative of the log-likelihood by the logarithm of a parameter: at 0.05 its 95 % interval spans a factor of
# e^±9, which is to say nothing.
_LEAST_CURVATURE = 0.05
_MOST_FLAT_DIRECTIONS = 2
_HESSIAN_STEP = 1e-3
_GRADIENT_STEP = 1e-4


class FitError(ValueError):
    """The data do not determine the model; the message says which model, on how many rows, and why."""


@dataclass(frozen=True)
class Estimate:
    """What a fit found.

    Attributes:
        names: the model's parameters, in order.
        values: their maximum likelihood estimates, shape (k,), all positive.
        covariance: covariance of the *logarithms* of the parameters, shape (k, k): the inverse of the observed
            information. Rows of `held` parameters are zero.
        log_likelihood: at the estimate.
        observations: how many subjects it was fitted on.
        held: parameters that ended on the edge of what is sought, or that the data do not determine, as the share of
            those who leave where nobody does. The others' uncertainty is that given these.
    """

    names: tuple[str, ...]
    values: Array
    covariance: Array
    log_likelihood: float
    observations: int
    held: tuple[str, ...] = field(default=())

    def as_dict(self) -> dict[str, float]:
        return {name: float(value) for name, value in zip(self.names, self.values, strict=True)}

    def standard_errors(self) -> dict[str, float]:
        """Standard error of each parameter, in its own unit; NaN for those that are held.

        By the delta method from that of its logarithm: value × error of the logarithm.
        """
        errors = self.values * np.sqrt(np.diag(self.covariance))
        return {
            name: float("nan") if name in self.held else float(error)
            for name, error in zip(self.names, errors, strict=True)
        }

    def intervals(self, confidence: float = 0.95) -> dict[str, tuple[float, float]]:
        """Wald intervals of the parameters, symmetric on the logarithmic scale on which they are estimated."""
        spread = np.exp(norm.ppf((1 + confidence) / 2) * np.sqrt(np.diag(self.covariance)))
        return {
            name: (float(value / factor), float(value * factor))
            for name, value, factor in zip(self.names, self.values, spread, strict=True)
        }


def maximize(
    log_likelihood: Callable[[Array], float],
    names: Sequence[str],
    starts: Sequence[Sequence[float]],
    observations: int,
    subject: str,
    rough: Callable[[Array], float] | None = None,
) -> Estimate:
    """The parameters at which a log-likelihood is greatest, searched on their logarithms.

    Args:
        log_likelihood: from parameters, shape (k,), to the total over all subjects.
        names: of the k parameters.
        starts: where to begin; the best end is taken, so that a poor start costs time and not the result.
        observations: number of subjects behind the likelihood.
        subject: the model's name, for messages.
        rough: the same on a part of the subjects, for comparing the starts; only the best end goes on to all.

    Raises:
        FitError: when no start ends at a maximum, or the likelihood is flat there in more than two directions.
    """

    def loss_of(function: Callable[[Array], float]) -> Callable[[Array], float]:
        def loss(logs: Array) -> float:
            value = -function(np.exp(logs)) / observations
            return value if np.isfinite(value) else _IMPOSSIBLE

        return loss

    def search(loss: Callable[[Array], float], start: Array, tolerance: float) -> optimize.OptimizeResult:
        return optimize.minimize(
            loss,
            start,
            method="L-BFGS-B",
            bounds=[(-LIMIT, LIMIT)] * len(names),
            options={"maxiter": 2000, "maxfun": 20_000, "ftol": tolerance, "gtol": 1e-8},
        )

    rough_loss, loss = loss_of(rough or log_likelihood), loss_of(log_likelihood)
    # The optimiser's own algebra is on k × k matrices: handing those to several threads takes longer than all the rest.
    with threadpool_limits(limits=1, user_api="blas"):
        ends = [search(rough_loss, np.log(np.asarray(start, dtype=float)), 1e-8) for start in starts]
        best = search(loss, min(ends, key=lambda end: end.fun).x, 1e-13)
    if best.fun >= _IMPOSSIBLE:
        raise FitError(f"{subject}: no finite likelihood on {observations} subjects; look for impossible histories")
    at_edge = np.abs(best.x) > LIMIT - _EDGE
    free = np.flatnonzero(~at_edge)
    covariance = np.zeros((len(names), len(names)))
    if len(free):
        information = _hessian(loss, best.x, free) * observations
        curvature, directions = np.linalg.eigh(information)
        # A direction in which the likelihood hardly bends: the data do not tell its ends apart, as when nobody leaves
        # and the share of those who do may be a millionth or a billionth. Nothing that was seen changes along it.
        is_told = curvature > _LEAST_CURVATURE
        if is_told.sum() < max(1, len(free) - _MOST_FLAT_DIRECTIONS):
            raise FitError(
                f"{subject}: {observations} subjects do not determine "
                f"{', '.join(names[int(i)] for i in free)}: the likelihood is flat around its maximum"
            )
        told = directions[:, is_told]
        covariance[np.ix_(free, free)] = (told / curvature[is_told]) @ told.T
        # A parameter that lies mostly along a direction that the data do not determine is held where the search ended.
        untold = (directions[:, ~is_told] ** 2).sum(axis=1) > 0.5
        at_edge[free[untold]] = True
        covariance[at_edge, :] = covariance[:, at_edge] = 0.0
    return Estimate(
        names=tuple(names),
        values=np.exp(best.x),
        covariance=covariance,
        log_likelihood=float(-best.fun * observations),
        observations=observations,
        held=tuple(name for name, edge in zip(names, at_edge, strict=True) if edge),
    )


def _hessian(function: Callable[[Array], float], at: Array, free: NDArray[np.intp]) -> Array:
    """Second derivatives by central differences in the free directions, shape (len(free), len(free))."""
    size = len(free)
    steps = np.zeros((size, len(at)))
    steps[np.arange(size), free] = _HESSIAN_STEP
    result = np.empty((size, size))
    for i in range(size):
        for j in range(i, size):
            result[i, j] = result[j, i] = (
                function(at + steps[i] + steps[j])
                - function(at + steps[i] - steps[j])
                - function(at - steps[i] + steps[j])
                + function(at - steps[i] - steps[j])
            ) / (4 * _HESSIAN_STEP**2)
    return result


def gradient(function: Callable[[Array], Array], estimate: Estimate) -> Array:
    """Derivatives of a function of the parameters by the logarithm of each, shape (k, *function's shape)."""
    logs = np.log(estimate.values)
    rows = []
    for position, name in enumerate(estimate.names):
        step = np.zeros(len(logs))
        step[position] = _GRADIENT_STEP
        if name in estimate.held:
            rows.append(np.zeros_like(function(estimate.values)))
        else:
            rows.append((function(np.exp(logs + step)) - function(np.exp(logs - step))) / (2 * _GRADIENT_STEP))
    return np.stack(rows)


def standard_error(function: Callable[[Array], Array], estimate: Estimate) -> Array:
    """How uncertain a function of the parameters is because they are estimated: the delta method.

    Args:
        function: from parameters, shape (k,), to an array of any shape.
        estimate: the fit.

    Returns:
        Standard errors, in the function's unit and shape.
    """
    slopes = gradient(function, estimate)
    variance = np.einsum("i...,ij,j...->...", slopes, estimate.covariance, slopes)
    return np.sqrt(np.maximum(variance, 0))
