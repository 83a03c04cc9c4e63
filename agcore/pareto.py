"""Points of several objectives: fronts, an order within a front, and scalarisations. Arrays only.

All objectives are maximised and finite. A point *dominates* another if it is at least as good in
every objective and better in one. Front 0 holds the points that none dominates; front k those that
only points of the fronts before dominate, at least one of front k - 1 among them.

Sources: Deb et al., "A fast and elitist multiobjective genetic algorithm: NSGA-II" (2002),
https://doi.org/10.1109/4235.996017 (fronts); Schmucker et al., "Multi-objective Asynchronous
Successive Halving" (2021), https://arxiv.org/abs/2106.12639 (epsilon net); Knowles, "ParEGO"
(2006), https://doi.org/10.1109/TEVC.2005.851274 (augmented Tchebycheff).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Mask = NDArray[np.bool_]

_FIRST_CAPACITY = 16


# -- dominance -----------------------------------------------------------------------------


def dominate(points: Floats, point: Floats) -> Mask:
    """Which of the points dominate one, shape (n,).

    Args:
        points: Shape (n, m).
        point: Shape (m,).
    """
    return np.asarray((points >= point).all(axis=1) & (points > point).any(axis=1))


def non_dominated(points: Floats) -> Mask:
    """Which of the points no other dominates, shape (n,); equal points are so together.

    Takes O(n f m) for a front of f points.

    Args:
        points: Shape (n, m).
    """
    found = np.zeros(len(points), dtype=bool)
    # In falling lexicographic order no point is dominated by one that comes after it.
    left = np.lexsort(-points.T[::-1])
    while len(left):
        best = points[left[0]]
        found[left[(points[left] == best).all(axis=1)]] = True
        left = left[~(points[left] <= best).all(axis=1)]
    return found


class FrontSorting:
    """The fronts of points that come one by one; one more of n costs O(n m) and a little.

    The front of a new point is the one behind the last that holds a point dominating it. Points of
    that front that it dominates move one front back, and push back what they dominate there.

    Args:
        num_objectives: m.
    """

    def __init__(self, num_objectives: int) -> None:
        self._points = np.empty((_FIRST_CAPACITY, num_objectives))
        self._fronts = np.empty(_FIRST_CAPACITY, dtype=np.int64)
        self._size = 0

    @property
    def points(self) -> Floats:
        """All points in the order in which they came, shape (n, m)."""
        return self._points[: self._size]

    @property
    def fronts(self) -> Ints:
        """For each point its front, from 0, shape (n,)."""
        return self._fronts[: self._size]

    def add(self, point: Sequence[float]) -> int:
        """The index of a point that is new."""
        new = np.asarray(point, dtype=float)
        dominators = self.fronts[dominate(self.points, new)]
        front = int(dominators.max()) + 1 if len(dominators) else 0
        moved = new[np.newaxis]
        level = front
        while len(moved):
            own = np.flatnonzero(self.fronts == level)
            pushed = own[_dominated_by_any(self.points[own], moved)]
            moved = self.points[pushed]
            level += 1
            self._fronts[pushed] = level
        return self._append(new, front)

    def _append(self, point: Floats, front: int) -> int:
        if self._size == len(self._points):
            self._points = np.concatenate([self._points, np.empty_like(self._points)])
            self._fronts = np.concatenate([self._fronts, np.empty_like(self._fronts)])
        self._points[self._size] = point
        self._fronts[self._size] = front
        self._size += 1
        return self._size - 1


def _dominated_by_any(points: Floats, others: Floats) -> Mask:
    """Which of the points at least one of the others dominates, shape (n,)."""
    dominated = np.zeros(len(points), dtype=bool)
    for other in others:
        dominated |= (points <= other).all(axis=1) & (points < other).any(axis=1)
    return dominated


# -- an order within a front ---------------------------------------------------------------


def epsilon_net(points: Floats) -> Ints:
    """The points in the order of an epsilon net, as indices of shape (n,).

    The first is the best one in the first objective; each further one is the farthest from those
    chosen before, that is the one whose nearest chosen point is farthest away. So any beginning of
    the order is spread over the whole front. Distances are Euclidean after every objective is
    scaled to the range of the points: the paper leaves units as they are, and seconds would then
    count for nothing beside milliseconds. Among equals the first comes first.

    Args:
        points: Shape (n, m), at least one.
    """
    scaled = _scaled_to_range(points)
    chosen = int(np.argmax(points[:, 0]))
    order = [chosen]
    nearest = np.full(len(points), np.inf)
    for _ in range(len(points) - 1):
        squares = np.square(scaled - scaled[chosen]).sum(axis=1)
        nearest = np.minimum(nearest, squares)
        nearest[chosen] = -1.0
        chosen = int(np.argmax(nearest))
        order.append(chosen)
    return np.asarray(order, dtype=np.int64)


def places_in_front(points: Floats) -> Ints:
    """For each point of one front its place in the order of the epsilon net, from 0, shape (n,).

    Equal points share the best of their places; the places behind it stay empty.

    Args:
        points: Shape (n, m).
    """
    firsts, groups = _distinct(points)
    sizes = np.bincount(groups, minlength=len(firsts))
    order = epsilon_net(points[firsts])
    places = np.empty(len(firsts), dtype=np.int64)
    places[order] = np.concatenate([[0], np.cumsum(sizes[order])[:-1]])
    return np.asarray(places[groups])


def _distinct(points: Floats) -> tuple[Ints, Ints]:
    """Indices of the first of each group of equal points, ascending; and each point's group."""
    numbers: dict[tuple[float, ...], int] = {}
    firsts: list[int] = []
    groups = np.empty(len(points), dtype=np.int64)
    for index, point in enumerate(map(tuple, points.tolist())):
        if point not in numbers:
            numbers[point] = len(firsts)
            firsts.append(index)
        groups[index] = numbers[point]
    return np.asarray(firsts, dtype=np.int64), groups


def _scaled_to_range(points: Floats) -> Floats:
    """The points with every objective in [0, 1]; 0 where all are equal."""
    return scaled(points, points.min(axis=0), points.max(axis=0), where_equal=0.0)


# -- scalarisations ------------------------------------------------------------------------


def scaled(points: Floats, low: Floats, high: Floats, *, where_equal: float = 0.5) -> Floats:
    """The points with ``low`` at 0 and ``high`` at 1 in every objective.

    Args:
        points: Shape (..., m).
        low: Shape (m,).
        high: At least ``low``, shape (m,).
        where_equal: What a value becomes where ``low`` and ``high`` are equal.
    """
    # Halves, so that no difference of two finite numbers overflows.
    span = high / 2 - low / 2
    has_span = span > 0
    share = (points / 2 - low / 2) / np.where(has_span, span, 1.0)
    return np.where(has_span, share, where_equal)


def simplex_weights(rng: np.random.Generator, count: int, num_objectives: int) -> Floats:
    """Weights drawn uniformly from the unit simplex, shape (count, num_objectives).

    Their sum is 1 and none is negative.
    """
    exponential = rng.standard_exponential((count, num_objectives))
    return np.asarray(exponential / exponential.sum(axis=1, keepdims=True))


def weighted_sum(weights: Floats, point: Floats) -> float:
    """The largest of the weighted sums of a point: max over w of w . y.

    Args:
        weights: Shape (count, m).
        point: y, shape (m,).
    """
    return float((weights @ point).max())


def augmented_tchebycheff(weights: Floats, point: Floats, rho: float) -> float:
    """The largest of the augmented Tchebycheff values: max over w of min_i w_i y_i + rho w . y.

    ParEGO's function for objectives that are maximised: there max and minimise, here min and
    maximise (Knowles, equation 2).

    Args:
        weights: Shape (count, m).
        point: y, shape (m,).
        rho: Weight of the sum, at least 0.
    """
    values: Any = (weights * point).min(axis=1) + rho * (weights @ point)
    return float(values.max())
