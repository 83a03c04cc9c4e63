"""Arrays with the two methods that MXNet's arrays have and NumPy's have not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


class ClassicArray(np.ndarray[Any, np.dtype[Any]]):
    """A NumPy array that can also be asked as one of MXNet."""

    def asscalar(self) -> Any:
        """The only value, as a number of Python.

        Raises:
            ValueError: There is more than one, or none.
        """
        return self.item()

    def asnumpy(self) -> NDArray[Any]:
        """The same values as a plain array."""
        return np.asarray(self)


def classic_array(values: ArrayLike) -> ClassicArray:
    """The values as a `ClassicArray`."""
    return np.asarray(values).view(ClassicArray)
