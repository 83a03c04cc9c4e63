"""The public names, for type checkers; ``__init__.py`` loads them lazily."""

from agcore import (
    callbacks as callbacks,
)
from agcore import (
    datasets as datasets,
)
from agcore import (
    executor as executor,
)
from agcore import (
    policy as policy,
)
from agcore import (
    scheduler as scheduler,
)
from agcore import (
    searcher as searcher,
)
from agcore import (
    space as space,
)
from agcore import (
    version as version,
)
from agcore.errors import (
    AgcoreError as AgcoreError,
)
from agcore.errors import (
    EarlyStop as EarlyStop,
)
from agcore.errors import (
    MissingExtraError as MissingExtraError,
)
from agcore.errors import (
    ReportError as ReportError,
)
from agcore.errors import (
    SpaceExhausted as SpaceExhausted,
)
from agcore.errors import (
    SpecError as SpecError,
)
from agcore.errors import (
    TrialFailed as TrialFailed,
)
from agcore.errors import (
    WorkerLost as WorkerLost,
)
from agcore.scheduler import (
    Task as Task,
)
from agcore.scheduler import (
    scheduler_factory as scheduler_factory,
)
from agcore.space import (
    AutoGluonObject as AutoGluonObject,
)
from agcore.space import (
    Bool as Bool,
)
from agcore.space import (
    Categorical as Categorical,
)
from agcore.space import (
    Choice as Choice,
)
from agcore.space import (
    Dict as Dict,
)
from agcore.space import (
    Int as Int,
)
from agcore.space import (
    Linear as Linear,
)
from agcore.space import (
    List as List,
)
from agcore.space import (
    LogLinear as LogLinear,
)
from agcore.space import (
    NestedSpace as NestedSpace,
)
from agcore.space import (
    Ordinal as Ordinal,
)
from agcore.space import (
    Real as Real,
)
from agcore.space import (
    Space as Space,
)
from agcore.train_fn import (
    args as args,
)
from agcore.train_fn import (
    autogluon_function as autogluon_function,
)
from agcore.train_fn import (
    autogluon_object as autogluon_object,
)
from agcore.train_fn import (
    autogluon_register_args as autogluon_register_args,
)
from agcore.train_fn import (
    autogluon_register_dict as autogluon_register_dict,
)
from agcore.train_fn import (
    func as func,
)
from agcore.train_fn import (
    obj as obj,
)
from agcore.train_fn import (
    sample_config as sample_config,
)
from agcore.tuning import (
    TuneResult as TuneResult,
)
from agcore.tuning import (
    tune as tune,
)
from agcore.version import __version__ as __version__
