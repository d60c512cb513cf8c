"""Special functions that the array API standard lacks, for arrays of any library, with ordinary derivatives.

Chebyshev coefficients come from 50-digit arithmetic: the tests compute the functions anew and compare.
"""

from __future__ import annotations

import math

from lossmith._arrays import Array, Namespace

__all__ = ["SHAPE_LIMIT", "chebyshev", "erf", "log_gamma", "log_partition", "power"]

# log(erfc(x) exp(x^2) / t) in t = 2 / (2 + x) on [0, 1], the form of Numerical Recipes, section 6.2
_ERFC = (
    -0.651326859890854717,
    0.64196979235649026,
    0.0194764732041858363,
    -0.00956151478680863164,
    -0.000946595344482036866,
    0.000366839497852761452,
    0.0000425233248069077716,
    -0.0000202785781125342432,
    -1.62429000464702551e-6,
    1.3036558355805232e-6,
    1.56264417220661432e-8,
    -8.52380959149265425e-8,
    6.5290544390988515e-9,
    5.05934349555146894e-9,
    -9.91364156493033087e-10,
    -2.27365122293183585e-10,
    9.64679110201552679e-11,
    2.39403808303911486e-12,
    -6.8860275264975535e-12,
    8.94487927309072662e-13,
    3.13092139934295729e-13,
    -1.12708223613672456e-13,
    3.81090525518867179e-16,
    7.10609761360928122e-15,
    -1.52302820145713659e-15,
    -9.45749457128921089e-17,
    1.21023718922419796e-16,
    -2.81666308774758222e-17,
    5.00300556106532436e-20,
    2.32810425792464547e-18,
)
SHAPE_LIMIT = math.log(1.999 / 0.001)  # log-odds of alpha / 2 at the ends of [0.001, 1.999], Barron's range
# log of the integral of exp(-rho(x, alpha, 1)) in log-odds of alpha / 2 on [-SHAPE_LIMIT, SHAPE_LIMIT]
_LOG_PARTITION = (
    1.20251454269794,
    -0.343022941556599,
    0.00615723296462852,
    0.0752047888627367,
    -0.00530595302700634,
    -0.0218652695400853,
    0.00325008389064955,
    0.00588932880965711,
    -0.00152693156074578,
    -0.00132628151468255,
    0.000572564058889539,
    0.000205893633351153,
    -0.00017046137495281,
    1.85422763002104e-6,
    3.68514003392704e-5,
    -1.65357147315259e-5,
    -3.14075217338373e-6,
    7.47600278238431e-6,
    -1.90157480002555e-6,
    -2.11738534171044e-6,
    1.30548313929573e-6,
    3.66534932801823e-7,
    -5.09659017214941e-7,
    5.79412711842357e-9,
    1.49831015061392e-7,
    -3.41792927745317e-8,
    -3.49263240435462e-8,
    1.65837664466178e-8,
    6.44613811903721e-9,
    -5.79229861132546e-9,
    -9.04892918885451e-10,
    1.86413044941836e-9,
    5.62296221017823e-11,
    -6.4731662821584e-10,
    5.38737684756219e-11,
    2.48743517996656e-10,
    -5.94702388440301e-11,
    -9.47137449158537e-11,
    4.33292048706588e-11,
    3.12738861253929e-11,
    -2.49803880253339e-11,
    -7.47375445714404e-12,
)


def chebyshev(xp: Namespace, coefficients: tuple[float, ...], u: Array) -> Array:
    """Return `sum c_k T_k(u)` for u in [-1, 1], by Clenshaw's recurrence."""
    last, before = xp.zeros_like(u), xp.zeros_like(u)
    for coefficient in reversed(coefficients[1:]):
        last, before = 2 * u * last - before + coefficient, last
    return u * last - before + coefficients[0]


def erf(xp: Namespace, x: Array) -> Array:
    """Return the error function, to 1e-15."""
    # abs has subgradient 0 at 0; the two halves meet there with one slope, so take the side by hand
    positive = x >= 0
    size = xp.where(positive, x, -x)
    t = 2 / (2 + size)
    complement = t * xp.exp(-size * size + chebyshev(xp, _ERFC, 2 * t - 1))
    return xp.where(positive, 1 - complement, complement - 1)


def log_gamma(xp: Namespace, x: Array) -> Array:
    """Return `log Gamma(x)` for x > 0, to 1e-14 of its size: Stirling's series at x + 8."""
    product, y = x, x
    for _ in range(7):
        y = y + 1
        product = product * y
    y = y + 1
    inverse = 1 / (y * y)
    series = 1 / 12 - inverse * (
        1 / 360 - inverse * (1 / 1260 - inverse * (1 / 1680 - inverse * (1 / 1188 - inverse * 691 / 360360)))
    )
    return (y - 0.5) * xp.log(y) - y + 0.5 * math.log(2 * math.pi) + series / y - xp.log(product)


def log_partition(xp: Namespace, log_odds: Array) -> Array:
    """Return the log of the integral of `exp(-rho(x, alpha, 1))`, alpha = 2 sigmoid(log_odds), to 1e-10.

    `rho` is Barron's general robust function; `log_odds` must lie in [-SHAPE_LIMIT, SHAPE_LIMIT].
    """
    return chebyshev(xp, _LOG_PARTITION, log_odds / SHAPE_LIMIT)


def power(xp: Namespace, base: Array, exponent: float) -> Array:
    """Return `base ** exponent` for base >= 0, with value 0 and gradient 0 at base 0 if the exponent is positive."""
    empty = base <= 0
    raised = xp.exp(exponent * xp.log(xp.where(empty, xp.ones_like(base), base)))
    return xp.where(empty, xp.full_like(base, 0.0 if exponent > 0 else 1.0), raised)
