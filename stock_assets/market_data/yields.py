"""Total returns of government bonds from their yields.

A yield is no price. Its total return is that of a par bond: bought at the close of one session at that
session's par yield y0, with a coupon of y0 paid half-yearly, and sold at the close of the next session
at that session's yield y1. Discounting is half-yearly, as bond yields are quoted::

    price  = sum over k = 1 .. 2T of (y0 / 2) / (1 + y1 / 2)**k  +  1 / (1 + y1 / 2)**(2T)
    return = price * (1 + y1 / 2)**(2 * days / 365)  -  1

``price`` is that of the whole maturity T; the second factor moves it forward by the days that have
passed, which is the accrual: all cash flows are that much nearer. Days are calendar days (Actual/365),
so that Monday's return holds the accrual of three days. With y1 = y0 the price is 1 and the accrual is
all there is. Yields may be zero or negative.

The constant-maturity bond that a par yield stands for is bought anew at each session; compare L. Swinkels,
"Treasury Bond Return Data Starting in 1962", Data 4(3), 91 (2019), who takes duration and convexity in
place of the full price.
"""

import numpy as np

_DAYS_A_YEAR = 365.0
_PERCENT = 100.0
#: A yield in percent has to be above this: at −200 the half-yearly discount factor ceases to exist.
LOWEST_YIELD = -100.0


def par_bond_returns(yields: np.ndarray, days: np.ndarray, maturity_years: float) -> np.ndarray:
    """Return the total return of a par bond from each session to the next.

    Parameters
    ----------
    yields : ndarray of float64, shape (n_sessions,)
        Par yields in percent per year, compounded half-yearly: 4.28 means 0.0428.
    days : ndarray, shape (n_sessions - 1,)
        Calendar days from each session to the next.
    maturity_years : float
        Maturity of the bond, a multiple of a half.

    Returns
    -------
    ndarray of float64, shape (n_sessions - 1,)
        Decimal total returns, accrual included.
    """
    half_yearly = yields / (2 * _PERCENT)
    coupon, discount = half_yearly[:-1], 1 + half_yearly[1:]
    price = np.ones_like(coupon)
    # From the last payment to the first: what a holder has then is the coupon and the price behind it.
    # Element by element, so that a return is the same bytes whatever stands beside it.
    for _ in range(round(2 * maturity_years)):
        price = (price + coupon) / discount
    return price * discount ** (2 * np.asarray(days, dtype=np.float64) / _DAYS_A_YEAR) - 1
