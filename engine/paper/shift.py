"""Reward vectors, directions and reward shifts (docs/method.md).

A pair's reward vector is (r(chosen), r(rejected)). All angles are in degrees, counter-clockwise
positive, in (−180, 180]. NaN marks an angle that is not defined (a vector of zero length).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from engine.paper.inference import one_sample_t, sign_test
from engine.paper.inputs import Bool, Float, Pairs
from engine.paper.special import LN10
from engine.results.records import ShiftRow, finite


@dataclass(frozen=True)
class Shift:
    """Per pair, float64[N] unless said: direction_pre and direction_post (∠ from (−1,−1)), theta,
    theta_z (of z-scored rewards), gain (degrees towards (1,−1)), margins r(c) − r(r) and their
    change, lengths of the two vectors, small_norm bool[N]."""

    direction_pre: Float
    direction_post: Float
    theta: Float
    theta_z: Float
    gain: Float
    margin_pre: Float
    margin_post: Float
    margin_change: Float
    norm_pre: Float
    norm_post: Float
    small_norm: Bool


def wrap(degrees: Float) -> Float:
    """Angles brought into (−180, 180]."""
    turned = np.mod(degrees, 360.0)
    return np.where(turned > 180.0, turned - 360.0, turned)


def _scaled(w: Float) -> Float:
    """Each vector times a power of two, largest entry in [½, 1): exact, no over- or underflow."""
    if len(w) == 0:
        return w
    _, exponent = np.frexp(np.max(np.abs(w), axis=1))
    return np.asarray(np.ldexp(w, -exponent[:, None]), dtype=np.float64)


def angle(a: Float, b: Float) -> Float:
    """Signed angle ∠(a, b) = atan2(a×b, a·b). a, b: float64[N,2]; NaN where either is zero.

    For vectors on one line the cross product is exactly 0, so equal ties give exactly 0; the
    arccos of the released code gives NaN there for most (609 pairs in the paper).
    """
    a, b = _scaled(a), _scaled(b)
    cross = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    dot = a[:, 0] * b[:, 0] + a[:, 1] * b[:, 1]
    degrees = np.degrees(np.arctan2(cross, dot))
    degrees = np.where(degrees <= -180.0, 180.0, degrees + 0.0)  # −180 and −0 have one name each
    zero = ~a.any(axis=1) | ~b.any(axis=1)
    return np.where(zero, np.nan, degrees)


def z_scored(rewards: Float) -> Float:
    """One model's rewards float64[N,2] with mean 0 and standard deviation 1 over all entries, so
    that neither its zero nor its unit matters; zeros if all are equal."""
    sd = float(np.std(rewards)) if rewards.size else 0.0
    if sd == 0.0:
        return np.zeros_like(rewards)
    return np.asarray((rewards - np.mean(rewards)) / sd, dtype=np.float64)


def released_angle(a: Float, b: Float) -> Float:
    """The released code's shift: arccos of the cosine, signed by the cross product. NaN where
    rounding puts the cosine above 1. Only for the preset released-code."""
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = np.sum(a * b, axis=1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))
        degrees = np.degrees(np.arccos(cosine))
    cross = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    return np.asarray(np.where(cross < 0, -degrees, degrees), dtype=np.float64)


def direction(w: Float) -> Float:
    """Direction ∠(e, w) from e = (−1,−1): in (0, 180) exactly where chosen > rejected."""
    return angle(np.broadcast_to(np.array([-1.0, -1.0]), w.shape), w)


def misdirection(w: Float) -> Float:
    """ψ(w): unsigned angle between w and (1, −1), the most aligned direction; 0 to 180."""
    return np.abs(angle(np.broadcast_to(np.array([1.0, -1.0]), w.shape), w))


def shifts(pairs: Pairs, small_norm: float = 0.05) -> Shift:
    """All of `Shift` for N pairs; a vector is small below `small_norm` × the median length."""
    u, v = pairs.pre, pairs.post
    norm_u, norm_v = np.hypot(u[:, 0], u[:, 1]), np.hypot(v[:, 0], v[:, 1])
    small = np.zeros(len(pairs), np.bool_)
    for norm in (norm_u, norm_v):
        if len(norm):
            small |= norm <= small_norm * float(np.median(norm))
    margin_pre, margin_post = u[:, 0] - u[:, 1], v[:, 0] - v[:, 1]
    return Shift(
        direction_pre=direction(u),
        direction_post=direction(v),
        theta=angle(u, v),
        theta_z=angle(z_scored(u), z_scored(v)),
        gain=misdirection(u) - misdirection(v),
        margin_pre=margin_pre,
        margin_post=margin_post,
        margin_change=margin_post - margin_pre,
        norm_pre=norm_u,
        norm_post=norm_v,
        small_norm=small,
    )


def circular_mean(degrees: Float) -> tuple[float | None, float | None]:
    """Circular mean in degrees and resultant length; the mean is None where the unit vectors
    cancel out."""
    if len(degrees) == 0:
        return None, None
    radians = np.radians(degrees)
    x, y = float(np.mean(np.cos(radians))), float(np.mean(np.sin(radians)))
    length = min(1.0, math.hypot(x, y))
    if length < 1e-12:
        return None, 0.0
    return float(wrap(np.array([math.degrees(math.atan2(y, x))]))[0]), length


def _rayleigh_log10_p(n: int, length: float | None) -> float | None:
    """Rayleigh test of uniform angles, Wilkie's approximation."""
    if n == 0 or length is None:
        return None
    r = n * length
    log_p = math.sqrt(1 + 4 * n + 4 * (n * n - r * r)) - (1 + 2 * n)
    return min(0.0, log_p) / LN10


def shift_row(group: str, shift: Shift, members: Bool) -> ShiftRow:
    """Statistics of θ over the pairs in `members` (bool[N])."""
    theta = shift.theta[members]
    theta = theta[~np.isnan(theta)]
    n, total = len(theta), int(members.sum())
    t = one_sample_t(theta)
    sign = sign_test(int(np.sum(theta > 0)), int(np.sum(theta < 0)))
    mean, length = circular_mean(theta)
    gain = shift.gain[members]
    gain = gain[~np.isnan(gain)]
    change = shift.margin_change[members]
    scored = shift.theta_z[members]
    scored = scored[~np.isnan(scored)]
    return ShiftRow(
        group=group,
        n=n,
        undefined=total - n,
        mean_deg=finite(np.mean(theta)) if n else None,
        median_deg=finite(np.median(theta)) if n else None,
        sd_deg=finite(np.std(theta, ddof=1)) if n > 1 else None,
        circular_mean_deg=mean,
        t=t.statistic,
        t_p=t.p_value,
        sign_m=sign.statistic,
        sign_p=sign.p_value,
        resultant=length,
        rayleigh_log10_p=_rayleigh_log10_p(n, length),
        t_log10_p=t.log10_p,
        sign_log10_p=sign.log10_p,
        small_norms=int(shift.small_norm[members].sum()),
        gain_mean_deg=finite(np.mean(gain)) if len(gain) else None,
        margin_change_mean=finite(np.mean(change)) if total else None,
        z_mean_deg=finite(np.mean(scored)) if len(scored) else None,
        z_circular_mean_deg=circular_mean(scored)[0],
    )
