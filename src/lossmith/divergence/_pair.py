"""Two distributions entry by entry, and the three quantities from which every divergence is built without cancellation.

With `s = p + q` and `y = (p - q) / s` in [-1, 1], `log(p / q) = 2 atanh(y)`: accurate where p and q nearly agree, where
the quotient p / q has lost its digits. Arguments are made safe before a function that would overflow sees them, so that gradients stay finite.
"""

from __future__ import annotations

from dataclasses import dataclass

from lossmith._arrays import Array, Namespace

__all__ = ["Pair", "kl_terms", "log_quotient"]

# |y| below which the series is used: its ninth coefficient is 2^-54 of the first, and above it the direct form loses 3 bits
NEAR = 0.125
_SERIES = tuple(1 / (2 * k + 3) for k in range(9))


@dataclass(frozen=True, slots=True)
class Pair:
    """Entries of p and q, with their logarithms where these were given.

    Entries whose logarithm is finite count as positive even when the entry itself underflows to 0.
    """

    xp: Namespace
    p: Array
    q: Array
    log_p: Array | None = None
    log_q: Array | None = None

    @property
    def swapped(self) -> Pair:
        """The pair with the two sides exchanged."""
        return Pair(self.xp, self.q, self.p, self.log_q, self.log_p)

    @property
    def p_positive(self) -> Array:
        """Where p is not 0."""
        return self.p > 0 if self.log_p is None else self.xp.isfinite(self.log_p)

    @property
    def q_positive(self) -> Array:
        """Where q is not 0."""
        return self.q > 0 if self.log_q is None else self.xp.isfinite(self.log_q)

    @property
    def both(self) -> Array:
        """Where neither is 0."""
        return self.p_positive & self.q_positive

    @property
    def safe_p(self) -> Array:
        """p, but 1 where either is 0."""
        return self.xp.where(self.both, self.p, self.xp.ones_like(self.p))

    @property
    def safe_q(self) -> Array:
        """q, but 1 where either is 0."""
        return self.xp.where(self.both, self.q, self.xp.ones_like(self.q))

    @property
    def log_safe_p(self) -> Array:
        """Logarithm of p, but 0 where either is 0."""
        return _log(self.xp, self.p, self.log_p, self.both)

    @property
    def log_safe_q(self) -> Array:
        """Logarithm of q, but 0 where either is 0."""
        return _log(self.xp, self.q, self.log_q, self.both)

    @property
    def difference(self) -> Array:
        """p - q, from the logarithms where both are given and close."""
        xp, plain = self.xp, self.p - self.q
        if self.log_p is None or self.log_q is None:
            return plain
        gap = self._gap()
        near = self.both & (xp.abs(gap) < 0.5)
        return xp.where(near, -self.p * xp.expm1(-xp.where(near, gap, xp.zeros_like(gap))), plain)

    @property
    def relative(self) -> Array:
        """(p - q) / (p + q), but 0 where either is 0."""
        xp = self.xp
        if self.log_p is not None and self.log_q is not None:
            return xp.tanh(self._gap() / 2)
        both = self.both
        total = xp.where(both, self.p + self.q, xp.ones_like(self.p))
        positive = total > 0
        ratio = self.difference / xp.where(positive, total, xp.ones_like(total))
        return xp.where(both & positive, ratio, xp.zeros_like(ratio))

    @property
    def log_ratio(self) -> Array:
        """log(p / q), but 0 where either is 0."""
        if self.log_p is not None and self.log_q is not None:
            return self._gap()
        if self.log_p is not None or self.log_q is not None:
            return self.log_safe_p - self.log_safe_q
        return log_quotient(self.xp, self.safe_p, self.safe_q, self.relative)

    def _gap(self) -> Array:
        return self.log_safe_p - self.log_safe_q


def _log(xp: Namespace, values: Array, logs: Array | None, where: Array) -> Array:
    if logs is not None:
        return xp.where(where, logs, xp.zeros_like(logs))
    return xp.log(xp.where(where, values, xp.ones_like(values)))


def _near_excess(xp: Namespace, y: Array) -> Array:
    """Return `(atanh(y) - y) / y^3` for |y| < NEAR."""
    square = y * y
    total = xp.zeros_like(y) + _SERIES[-1]
    for coefficient in _SERIES[-2::-1]:
        total = total * square + coefficient
    return total


def log_quotient(xp: Namespace, a: Array, b: Array, relative: Array) -> Array:
    """Return `log(a / b)` of positive arrays, `relative` being (a - b) / (a + b) to full precision."""
    near = xp.abs(relative) < NEAR
    y = xp.where(near, relative, xp.zeros_like(relative))
    close = 2 * y * (1 + y * y * _near_excess(xp, y))
    one = xp.ones_like(a)
    ratio = a / xp.where(b > 0, b, one)
    limits = xp.finfo(a.dtype)
    plain = (ratio > float(limits.smallest_normal)) & (ratio < float(limits.max)) & (b > 0)
    # the quotient over- or underflows only far from 1, where the difference of logarithms is as good
    apart = xp.log(xp.where(a > 0, a, one)) - xp.log(xp.where(b > 0, b, one))
    return xp.where(near, close, xp.where(plain, xp.log(xp.where(plain, ratio, one)), apart))


def kl_terms(xp: Namespace, a: Array, difference: Array, relative: Array, log_ratio: Array) -> Array:
    """Return `a log(a / b) - a + b >= 0` of positive arrays, to a few units in the last place.

    `difference` is a - b, `relative` (a - b) / (a + b), `log_ratio` log(a / b).

    Near equality it is `d y (1 + y (1 + y) (1/3 + y^2/5 + y^4/7 + ...))` with d the difference and y the relative
    difference: a product, not a difference of large numbers.
    """
    near = xp.abs(relative) < NEAR
    y = xp.where(near, relative, xp.zeros_like(relative))
    close = difference * y * (1 + y * (1 + y) * _near_excess(xp, y))
    return xp.where(near, close, a * log_ratio - difference)
