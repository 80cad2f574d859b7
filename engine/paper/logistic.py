"""Logistic regression: Newton (IRLS), average marginal effects, separation, Firth.

Designs of labels have few distinct rows, so everything runs on distinct rows with counts: exact,
and many times faster (docs/method.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.paper.inputs import Float, Int, Int8
from engine.paper.linear import cluster_sums

_STEPS = 35
_TOLERANCE = 1e-10


@dataclass(frozen=True)
class Patterns:
    """Distinct rows x float64[P,K], how often each occurs (trials) and with outcome 1 (events);
    row int[n] maps the original rows to them."""

    x: Float
    trials: Float
    events: Float
    row: Int


@dataclass(frozen=True)
class LogitFit:
    """beta float64[K], cov float64[K,K], log-likelihood (penalised for Firth), n rows, whether
    Newton converged, method `logit` or `firth`."""

    beta: Float
    cov: Float
    loglik: float
    n: int
    converged: bool
    method: str

    @property
    def std_error(self) -> Float:
        return np.sqrt(np.clip(np.diag(self.cov), 0.0, None))


def patterns(x: Int8, y: Float) -> Patterns:
    """Collapse int8[n,K] rows and outcomes float64[n] of 0 and 1; an intercept column is added in
    front. O(nK + n log n)."""
    n, k = x.shape
    code = np.zeros(n, np.int64)
    size = 1
    for j in range(k):
        low = int(x[:, j].min(initial=127))
        levels = int(x[:, j].max(initial=-128)) - low + 1 if n else 1
        if size > 2**62 // levels:
            distinct, code = np.unique(code, return_inverse=True)
            size = len(distinct)
        code = code * levels + (x[:, j].astype(np.int64) - low)
        size *= levels
    _, first, row = np.unique(code, return_index=True, return_inverse=True)
    trials = np.bincount(row, minlength=len(first)).astype(np.float64)
    events: Float = np.bincount(row, weights=y, minlength=len(first)).astype(np.float64)
    return Patterns(with_intercept(x[first]), trials, events, row)


def with_intercept(x: Int8) -> Float:
    """The design as float64 with a leading column of ones."""
    return np.column_stack([np.ones(len(x)), x.astype(np.float64)])


def _sigmoid(eta: Float) -> Float:
    e = np.exp(-np.abs(eta))
    return np.where(eta >= 0, 1.0 / (1.0 + e), e / (1.0 + e))


def _loglik(p: Patterns, eta: Float) -> float:
    log_one_plus = np.logaddexp(0.0, eta)
    return float(np.sum(p.events * eta - p.trials * log_one_plus))


def _information(p: Patterns, prob: Float) -> Float:
    weight = p.trials * prob * (1.0 - prob)
    return p.x.T @ (p.x * weight[:, None])


def fit_logit(p: Patterns) -> LogitFit:
    """Maximum likelihood. Not converged (the coefficients still move after 35 Newton steps, or
    the information is singular) means separation: the estimate does not exist."""
    k = p.x.shape[1]
    beta, n = np.zeros(k), int(p.trials.sum())
    eta = np.zeros(len(p.x))
    loglik = _loglik(p, eta)
    converged = False
    for _ in range(_STEPS):
        prob = _sigmoid(eta)
        try:
            step = np.linalg.solve(_information(p, prob), p.x.T @ (p.events - p.trials * prob))
        except np.linalg.LinAlgError:
            break
        size = 1.0
        while True:
            new = beta + size * step
            new_eta = p.x @ new
            new_loglik = _loglik(p, new_eta)
            if new_loglik >= loglik - 1e-12 * abs(loglik) or size < 1e-6:
                break
            size /= 2
        moved = float(np.max(np.abs(new - beta), initial=0.0))
        beta, eta, loglik = new, new_eta, new_loglik
        if moved <= _TOLERANCE * (1.0 + float(np.max(np.abs(beta), initial=0.0))):
            converged = True
            break
    try:
        cov = np.asarray(np.linalg.inv(_information(p, _sigmoid(eta))), dtype=np.float64)
    except np.linalg.LinAlgError:
        cov, converged = np.full((k, k), np.nan), False
    return LogitFit(beta, cov, loglik, n, converged, "logit")


def clustered_cov(p: Patterns, fit: LogitFit, y: Float, cluster: Int) -> Float:
    """Sandwich covariance by cluster, CR1 factor as in `linear`. y, cluster: per original row."""
    residual = y - _sigmoid(p.x @ fit.beta)[p.row]
    scores = cluster_sums(p.x[p.row] * residual[:, None], cluster)
    g, n, k = len(scores), len(y), len(fit.beta)
    factor = g / (g - 1) * (n - 1) / (n - k)
    return factor * fit.cov @ (scores.T @ scores) @ fit.cov


def smallest_cells(x: Int8, y: Float) -> Int:
    """Per column, the fewest rows in any level × outcome cell; 0 is the usual sign of separation.
    x: int8[n,K]; y: 0 and 1."""
    out = np.zeros(x.shape[1], np.int64)
    outcome = (y > 0).astype(np.int64)
    for j in range(x.shape[1]):
        level = x[:, j].astype(np.int64) - int(x[:, j].min(initial=0))
        counts = np.bincount(2 * level + outcome)
        counts = np.append(counts, np.zeros(len(counts) % 2, np.int64)).reshape(-1, 2)
        out[j] = int(counts[counts.sum(axis=1) > 0].min(initial=len(y)))
    return out


def marginal_effects(p: Patterns, fit: LogitFit) -> tuple[Float, Float]:
    """Average marginal effects dP/dx over all rows, with delta-method SE; float64[K] each (the
    intercept's entry has no meaning)."""
    prob = _sigmoid(p.x @ fit.beta)
    slope = p.trials * prob * (1 - prob)
    n = p.trials.sum()
    mean = float(slope.sum() / n)
    bend = (slope * (1 - 2 * prob)) @ p.x / n
    jacobian = np.outer(fit.beta, bend) + mean * np.eye(len(fit.beta))
    return fit.beta * mean, _delta_se(jacobian, fit.cov)


def discrete_effects(
    p: Patterns, fit: LogitFit, columns: list[int], off: dict[int, int] | None = None
) -> tuple[Float, Float]:
    """Average change of P when each 0/1 column of `columns` goes from 0 to 1, with delta-method
    SE. off[j] is a column set to 0 meanwhile (the opposite flip); without it, exactly
    statsmodels' `dummy=True`."""
    n = p.trials.sum()
    effect = np.zeros(len(columns))
    jacobian = np.zeros((len(columns), p.x.shape[1]))
    for i, j in enumerate(columns):
        x = p.x.copy()
        if off is not None and j in off:
            x[:, off[j]] = 0.0
        x[:, j] = 0.0
        eta = x @ fit.beta
        prob_on, prob_off = _sigmoid(eta + fit.beta[j]), _sigmoid(eta)
        effect[i] = float(p.trials @ (prob_on - prob_off) / n)
        slope_on, slope_off = (p.trials * q * (1 - q) for q in (prob_on, prob_off))
        jacobian[i] = (slope_on - slope_off) @ x / n
        jacobian[i, j] = slope_on.sum() / n
    return effect, _delta_se(jacobian, fit.cov)


def _delta_se(jacobian: Float, cov: Float) -> Float:
    variance: Float = np.sum((jacobian @ cov) * jacobian, axis=1)
    return np.asarray(np.sqrt(np.clip(variance, 0.0, None)), dtype=np.float64)


def fit_firth(
    p: Patterns,
    fixed: int = -1,
    value: float = 0.0,
    start: Float | None = None,
    tolerance: float = 1e-9,
) -> LogitFit:
    """Firth's penalised likelihood: finite estimates under separation, less bias in sparse cells.

    fixed: a column held at `value` (for profile likelihood; the penalty keeps the full
    information, as in R's logistf). The information must be regular at 0, which the screened
    designs are.
    """
    k = p.x.shape[1]
    free = np.array([j for j in range(k) if j != fixed], dtype=np.intp)
    beta = np.zeros(k) if start is None else start.copy()
    if fixed >= 0:
        beta[fixed] = value
    eta = p.x @ beta
    loglik, info = _penalised(p, eta)
    converged = False
    for _ in range(200):
        prob = _sigmoid(eta)
        inverse = _inverse(info)
        leverage = p.trials * prob * (1 - prob) * np.sum((p.x @ inverse) * p.x, axis=1)
        score = p.x.T @ (p.events - p.trials * prob + leverage * (0.5 - prob))
        step = np.zeros(k)
        if fixed < 0:
            step = inverse @ score
        elif len(free):
            step[free] = _inverse(info[np.ix_(free, free)]) @ score[free]
        largest = float(np.max(np.abs(step), initial=0.0))
        if largest <= tolerance:
            converged = True
            break
        size = min(1.0, 5.0 / largest)
        while True:
            new = beta + size * step
            new_eta = p.x @ new
            new_loglik, new_info = _penalised(p, new_eta)
            if new_loglik >= loglik - 1e-12 * abs(loglik) or size < 1e-6:
                break
            size /= 2
        beta, eta, loglik, info = new, new_eta, new_loglik, new_info
    return LogitFit(beta, _inverse(info), loglik, int(p.trials.sum()), converged, "firth")


def _inverse(matrix: Float) -> Float:
    try:
        return np.asarray(np.linalg.inv(matrix), dtype=np.float64)
    except np.linalg.LinAlgError:
        return np.asarray(np.linalg.pinv(matrix, hermitian=True), dtype=np.float64)


def _penalised(p: Patterns, eta: Float) -> tuple[float, Float]:
    """Log-likelihood + ½ ln det I, and I."""
    info = _information(p, _sigmoid(eta))
    sign, logdet = np.linalg.slogdet(info)
    if sign <= 0:
        return -np.inf, info
    return _loglik(p, eta) + 0.5 * float(logdet), info


def profile_test(p: Patterns, fit: LogitFit, column: int) -> float:
    """Penalised likelihood-ratio statistic (chi², 1 df) of beta[column] = 0."""
    return max(0.0, 2.0 * (fit.loglik - fit_firth(p, column, 0.0, fit.beta, 1e-6).loglik))


def profile_interval(
    p: Patterns, fit: LogitFit, column: int, root: float
) -> tuple[float | None, float | None]:
    """Interval of beta[column] in which sqrt(2(l_max − l_profile)) <= root (1.96 for 95 %).

    That root is nearly linear in the distance from the estimate, so a bracketed secant takes a
    few steps. None where no end is found within 40 of the estimate.
    """
    centre, width = float(fit.beta[column]), float(fit.std_error[column])
    ends: list[float | None] = []
    for way in (-1.0, 1.0):
        inner, outer, guess, start = 0.0, 40.0, min(root * width, 20.0), fit.beta
        end: float | None = None
        last, last_reached = 0.0, 0.0
        for _ in range(30):
            there = fit_firth(p, column, centre + way * guess, start, 1e-6)
            start = there.beta
            reached = np.sqrt(max(0.0, 2.0 * (fit.loglik - there.loglik)))
            if abs(reached - root) < 1e-4:
                end = centre + way * guess
                break
            if reached < root:
                inner = guess
            else:
                outer = guess
            rise = reached - last_reached
            step = (root - reached) * (guess - last) / rise if rise != 0 else guess
            last, last_reached, guess = guess, reached, guess + step
            if not inner < guess < outer:
                guess = (inner + outer) / 2
            if outer - inner < 1e-6:
                break
        ends.append(end)
    return ends[0], ends[1]
