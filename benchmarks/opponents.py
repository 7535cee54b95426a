"""Others who plan the same sessions: Opti-VGI's two algorithms, and a plain CVXPY model.

They come with the dependency group `bench`. Each function answers the kW of each session in each
step, and is given what it reads already built: only its own work is timed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import numpy as np

from benchmarks.sessions import STEP_MINUTES, STEPS, Lot

Powers = dict[str, list[float]]
Ready = Callable[[], Powers]

SHORT_PER_KWH: Final = 100.0
"""Currency, in the CVXPY model: far above any price, so that shortfall is the first aim."""


def optivgi(lot: Lot, algorithm: str) -> Ready:
    """`pulp`, a linear program for the largest smallest share, or `heuristic`.

    Its grid is 480 steps of a minute, as the sessions are. The logger stays as it is.
    """
    from optivgi.scm.constants import AlgorithmConstants
    from optivgi.scm.ev import EV
    from optivgi.scm.go_algorithm import GoAlgorithm
    from optivgi.scm.pulp_numerical_algorithm import PulpNumericalAlgorithm

    if STEPS != AlgorithmConstants.TIMESTEPS:
        raise ValueError(f"Opti-VGI plans {AlgorithmConstants.TIMESTEPS} steps, not {STEPS}")
    step = timedelta(minutes=STEP_MINUTES)
    evs = [
        EV(
            ev_id=i,
            active=True,
            station_id=i,
            connector_id=1,
            min_power=0.0,
            max_power=s.max_kw,
            arrival_time=lot.start + s.arrive * step,
            departure_time=lot.start + s.leave * step,
            energy=s.wants_kwh,
        )
        for i, s in enumerate(lot.sessions)
    ]
    kind = {"pulp": PulpNumericalAlgorithm, "heuristic": GoAlgorithm}[algorithm]
    planner = kind(evs, [lot.limit_kw] * STEPS, lot.start)

    def answer() -> Powers:
        planner.calculate()
        return {s.name: ev.power for s, ev in zip(lot.sessions, evs, strict=True)}

    return answer


def cvxpy(lot: Lot) -> Ready:
    """Least shortfall, then least money:

        minimise    w sum_v s_v + h sum_t c_t sum_v p_vt
        subject to  h sum_t p_vt + s_v = e_v,   0 <= s_v,   0 <= p_vt <= u_vt,
                    sum_v p_vt <= L

    with u_vt the highest power while v is there and 0 else. HiGHS solves it, as it does ours.
    """
    import cvxpy as cp

    hours = STEP_MINUTES / 60
    price = np.array(lot.price_per_kwh)
    wants_kwh = np.array([s.wants_kwh for s in lot.sessions])

    def answer() -> Powers:
        most_kw = np.zeros((len(lot.sessions), STEPS))
        for i, s in enumerate(lot.sessions):
            most_kw[i, s.arrive : s.leave] = s.max_kw
        kw: Any = cp.Variable(most_kw.shape, nonneg=True)
        short: Any = cp.Variable(len(lot.sessions), nonneg=True)
        cost = SHORT_PER_KWH * cp.sum(short) + hours * cp.sum(kw @ price)
        laws = [
            kw <= most_kw,
            hours * cp.sum(kw, axis=1) + short == wants_kwh,
            cp.sum(kw, axis=0) <= lot.limit_kw,
        ]
        problem = cp.Problem(cp.Minimize(cost), laws)
        problem.solve(solver=cp.HIGHS)
        if problem.status != cp.OPTIMAL:
            raise ValueError(f"CVXPY ended with {problem.status}")
        return {s.name: list(map(float, kw.value[i])) for i, s in enumerate(lot.sessions)}

    return answer
