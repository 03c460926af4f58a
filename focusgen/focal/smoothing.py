"""Depth made whole: semi-global matching along eight directions, and edge-aware weighted least squares."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

STEP_COST = 0.002
"""Cost of moving by one hypothesis between neighbours: a slanted floor pays it all the way."""

JUMP_COST = 0.045
"""Cost of any larger jump where the picture has no edge."""

EDGE_CONTRAST = 0.03
"""Difference of display values at which a jump costs 1 / e of that."""

LEAST_SPAN = 0.01
"""Smallest spread of values, as part of the largest, that the robust rounds measure by. On a wall nine pixels
of ten may hold one number: by their spread, no value would be near enough to its own to be believed."""

MOST_STEPS, SOLVED = 60, 1e-4
"""A system is solved when so small a part of its right side is left, or after so many steps."""

ALONG = ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1))


def semi_global_cost(cost: Floats, guide: Floats) -> Floats:
    """Return the cost of each hypothesis after every pixel has listened to its neighbours.

    Args:
        cost: (H, W, K), small for good hypotheses.
        guide: (H, W, 3) sharp picture, 0 to 1; depth may jump at its edges.

    References:
        Hirschmueller 2008, Stereo processing by semiglobal matching.
    """
    total = np.zeros_like(cost)
    for down, right in ALONG:
        parts = [
            cost,
            total,
            guide,
        ]  # one sweep goes down from row to row: columns become rows, up becomes down
        if down == 0:
            parts = [np.swapaxes(one, 0, 1) for one in parts]
        if (down or right) < 0:
            parts = [one[::-1] for one in parts]
        seen, out, picture = parts
        _sweep(seen, out, picture, right if down else 0)
    return total


def _sweep(cost: Floats, total: Floats, guide: Floats, shift: int) -> None:
    width = cost.shape[1]
    from_column = np.clip(np.arange(width) - shift, 0, width - 1)
    contrast = np.abs(guide[1:] - guide[:-1, from_column]).max(-1)
    jump = JUMP_COST * np.exp(-contrast / EDGE_CONTRAST) + 1.5 * STEP_COST
    path = cost[0].copy()
    total[0] += path
    for row in range(1, len(cost)):
        path = _step(path[from_column] if shift else path, jump[row - 1, :, None])
        path += cost[row]
        total[row] += path


def _step(before: Floats, jump: Floats) -> Floats:
    before = before - before.min(1, keepdims=True)
    best = np.minimum(before, jump)
    near = before + np.float32(STEP_COST)
    np.minimum(best[:, 1:], near[:, :-1], out=best[:, 1:])
    np.minimum(best[:, :-1], near[:, 1:], out=best[:, :-1])
    return best


def weighted_least_squares(
    values: Floats, weights: Floats, guide: Floats, *, pull: float = 0.15, contrast: float = 0.06
) -> Floats:
    """Return values that follow the sure ones and bend at the edges of the guide; two robust rounds.

    Args:
        values: (H, W).
        weights: (H, W) how far each is trusted.
        guide: (H, W, 3), 0 to 1.
        pull: how strongly neighbours hold together.
        contrast: mean difference of the guide at which they do so by 1 / e.
    """
    x = values.astype(np.float64)
    span = max(float(np.ptp(np.percentile(x, [5, 95]))), LEAST_SPAN * float(np.abs(x).max())) + 1e-6
    bonds = [np.exp(-np.abs(np.diff(guide, axis=a)).mean(-1) / contrast) * pull for a in (1, 0)]
    for is_robust in (False, True, True):
        across, down = bonds
        trust = weights.astype(np.float64)
        if is_robust:
            across = across / (1.0 + (np.diff(x, axis=1) / (0.05 * span)) ** 2)
            down = down / (1.0 + (np.diff(x, axis=0) / (0.05 * span)) ** 2)
            trust = trust / (1.0 + ((x - values) / (0.15 * span)) ** 2)
        x = _solve(across, down, trust, values, x)
    return np.asarray(x, np.float32)


def _solve(
    across: npt.NDArray[np.float64],
    down: npt.NDArray[np.float64],
    trust: npt.NDArray[np.float64],
    values: Floats,
    start: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Return x, (H, W), of the normal equations, by conjugate gradients scaled with their diagonal.

    Six to twelve steps are enough. The matrix of five diagonals is applied, not built: building a sparse one
    took three times as long as all steps.

    References:
        Hestenes and Stiefel 1952, Methods of conjugate gradients for solving linear systems.
    """
    diagonal = trust + 1e-6
    for bond, one, other in ((across, np.s_[:, :-1], np.s_[:, 1:]), (down, np.s_[:-1], np.s_[1:])):
        diagonal[one] += bond
        diagonal[other] += bond

    def applied(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        out = diagonal * x
        out[:, 1:] -= across * x[:, :-1]
        out[:, :-1] -= across * x[:, 1:]
        out[1:] -= down * x[:-1]
        out[:-1] -= down * x[1:]
        return out

    wanted = trust * values
    enough = SOLVED**2 * (wanted * wanted).sum()
    x, left = start.copy(), wanted - applied(start)
    along, before = np.zeros_like(left), 1.0
    for _ in range(MOST_STEPS):
        if (left * left).sum() <= enough:
            break
        scaled = left / diagonal
        now = (left * scaled).sum()
        along = scaled + now / before * along
        moved = applied(along)
        step = now / (along * moved).sum()
        x += step * along
        left -= step * moved
        before = now
    return x
