"""The observations a surrogate is fitted to, as arrays in the order in which they came."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Rows = NDArray[np.int64]


class Case(NamedTuple):
    """Whom a row belongs to.

    Attributes:
        trial_id: The trial; -1 without one.
        key: Of its config.
        resource: Where it was observed, or None.
    """

    trial_id: int
    key: str
    resource: int | None


class ModelData:
    """Rows of the unit cube with a criterion each.

    Args:
        num_columns: Length d of a row.

    Attributes:
        cases: Whom each row belongs to.
        num_removals: How often rows were taken out; rows are numbered anew then.
    """

    def __init__(self, num_columns: int) -> None:
        self._X = np.empty((16, num_columns))
        self._y = np.empty(16)
        self.cases: list[Case] = []
        self.num_removals = 0
        self._provisional: dict[int, Case] = {}

    def __len__(self) -> int:
        return len(self.cases)

    @property
    def X(self) -> Array:
        """All rows, shape (n, d); a view that the next change makes stale."""
        return self._X[: len(self.cases)]

    @property
    def y(self) -> Array:
        """Their criteria, to be minimised, shape (n,); a view likewise."""
        return self._y[: len(self.cases)]

    def add(self, case: Case, row: Array, criterion: float, *, provisional: bool = False) -> None:
        """Add a row; a provisional one of the same trial gives way to it."""
        if case.trial_id >= 0:
            self.drop_provisional(case.trial_id)
            if provisional:
                self._provisional[case.trial_id] = case
        n = len(self.cases)
        if n == len(self._y):
            self._X = np.concatenate([self._X, np.empty_like(self._X)])
            self._y = np.concatenate([self._y, np.empty_like(self._y)])
        self._X[n] = row
        self._y[n] = criterion
        self.cases.append(case)

    def drop_provisional(self, trial_id: int) -> None:
        """Take out the provisional row of a trial, if it has one."""
        before = self._provisional.pop(trial_id, None)
        if before is not None:
            self.remove(before)

    def remove(self, case: Case) -> None:
        """Take out the last row of a case; nothing happens if there is none."""
        at = next((i for i in reversed(range(len(self.cases))) if self.cases[i] == case), None)
        if at is None:
            return
        n = len(self.cases)
        self._X[at : n - 1] = self._X[at + 1 : n]
        self._y[at : n - 1] = self._y[at + 1 : n]
        del self.cases[at]
        self.num_removals += 1

    def rows_at(self, resource: int | None) -> Rows:
        """Numbers of the rows observed at a resource, shape (k,)."""
        return np.array([i for i, c in enumerate(self.cases) if c.resource == resource], np.int64)
