"""Time as the control knob: what fits into a budget, and a run that ends when it is used.

`plan` is arithmetic and may be called by itself. `BudgetKeeper` is what a run with
``time_budget=`` asks before it starts anything.
"""

from agcore.budget.durations import duration, seconds_of
from agcore.budget.keeper import BudgetKeeper
from agcore.budget.plan import Plan, plan
from agcore.budget.request import TimeBudget

__all__ = ["BudgetKeeper", "Plan", "TimeBudget", "duration", "plan", "seconds_of"]
