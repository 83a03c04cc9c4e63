"""Configs as points of the unit cube, and back: once for all searchers with a model.

=====================  =======================================================================
space                  columns of an encoded row
=====================  =======================================================================
Real                   one, linear or logarithmic
Int, Real with a step  one; each value has a cell as wide as its share and stands at the centre
Ordinal, Bool          one; each value has a cell of the same width
Categorical            one per option, 1 for the chosen one and 0 for the others
one value only         none
=====================  =======================================================================

A parameter of an option that is not chosen is *inactive*: its numeric column is 0.5, the columns
of an inactive Categorical are all 0. So the column of an option is 1 if and only if the option's
parameters are active: it is their activity flag already, and no further column is added.

Any row of finite numbers can be decoded: numbers are clipped to [0, 1] and rounded to the value
in whose cell they lie, the largest column of a Categorical wins, inactive columns are ignored.

Internally there is a form between config and row: *points*, an array (n, number of
hyperparameters) of the values of Reals and the indices of all others. It holds a number at
inactive parameters too; ``active``, of the same shape, says where it counts.
"""

from __future__ import annotations

from agcore.encoding.columns import Block, BlockKind
from agcore.encoding.encoding import INACTIVE, Encoding

__all__ = ["INACTIVE", "Block", "BlockKind", "Encoding"]
