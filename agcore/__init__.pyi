"""The public names, for type checkers; ``__init__.py`` loads them lazily."""

from agcore import (
    budget as budget,
    callbacks as callbacks,
    curves as curves,
    datasets as datasets,
    executor as executor,
    policy as policy,
    scheduler as scheduler,
    searcher as searcher,
    space as space,
    version as version,
)
from agcore.ask_tell import (
    AskedTrial as AskedTrial,
    AskTell as AskTell,
)
from agcore.errors import (
    AgcoreError as AgcoreError,
    EarlyStop as EarlyStop,
    JournalError as JournalError,
    MissingExtraError as MissingExtraError,
    ReportError as ReportError,
    SpaceExhausted as SpaceExhausted,
    SpecError as SpecError,
    TrialFailed as TrialFailed,
    WorkerLost as WorkerLost,
)
from agcore.pickles import (
    load as load,
    save as save,
)
from agcore.scheduler import (
    Task as Task,
    scheduler_factory as scheduler_factory,
)
from agcore.space import (
    AutoGluonObject as AutoGluonObject,
    Bool as Bool,
    Categorical as Categorical,
    Choice as Choice,
    Dict as Dict,
    Int as Int,
    Linear as Linear,
    List as List,
    LogLinear as LogLinear,
    NestedSpace as NestedSpace,
    Ordinal as Ordinal,
    Real as Real,
    Space as Space,
)
from agcore.train_fn import (
    args as args,
    autogluon_function as autogluon_function,
    autogluon_object as autogluon_object,
    autogluon_register_args as autogluon_register_args,
    autogluon_register_dict as autogluon_register_dict,
    func as func,
    obj as obj,
    sample_config as sample_config,
)
from agcore.tuning import (
    TuneResult as TuneResult,
    tune as tune,
)
from agcore.version import __version__ as __version__
from agcore.whatif import (
    ReplayResult as ReplayResult,
    replay as replay,
)
