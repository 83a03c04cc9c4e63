"""``@ag.args``: how arguments are filled, how configs get into them, how all of it travels."""

from __future__ import annotations

import argparse
import copy
import importlib
import os
import pickle
import random
import subprocess
import sys
import threading
import time
import warnings
from collections import OrderedDict
from pathlib import Path
from types import SimpleNamespace

import cloudpickle
import numpy as np
import pytest
from hypothesis import given, strategies as st

import agcore.space
from agcore.errors import SpecError
from agcore.space import (
    AutoGluonObject,
    AutoGluonWarning,
    Bool,
    Categorical,
    Dict,
    Int,
    List,
    Real,
    SearchSpace,
    legacy,
)
from agcore.train_fn import (
    Args,
    ArgsBuilder,
    TrainFunction,
    args,
    as_train_function,
    autogluon_function,
    autogluon_object,
    autogluon_register_args,
    autogluon_register_dict,
    build_args,
    func,
    obj,
    sample_config,
)


def the_users(args):
    """Arguments without what a call adds: the trial, and where it resumes."""
    added = {"task_id": None, "scheduler": {"resume_from": 0}}
    assert {key: args[key] for key in added} == added
    return {key: value for key, value in args.items() if key not in added}


@obj(lr=Real(0.1, 0.9))
class Sgd:
    def __init__(self, lr, wd=0.0):
        self.lr, self.wd = lr, wd


@args({"data": "letter", "nested": {"deep": [{"x": 1}]}}, lr=Real(0, 1), n=Int(1, 9), epochs=3)
def train(args, reporter):
    """Trains."""
    reporter(epoch=1, accuracy=args.lr)
    return args


@args(
    opt=Categorical(Sgd(), "none"),
    layers=List(Int(1, 9), "c", Sgd(lr=0.25)),
    g=Dict(a=Int(1, 9), b="const"),
    fixed=Sgd(lr=0.5),
    flag=Bool(),
)
def nested_train(args, reporter):
    return args


# -- Args ----------------------------------------------------------------------------------


def test_keys_of_args_are_attributes_at_every_depth():
    a = Args({"a": {"b": [{"c": 1}, 2], "t": ({"d": 3},)}}, e=4)
    assert (a.a.b[0].c, a["a"]["b"][1], a.a.t[0].d, a.e) == (1, 2, 3, 4)
    a.new = {"x": 1}
    assert a["new"].x == 1
    del a.e
    assert "e" not in a
    assert isinstance(a, dict)
    assert a.setdefault("z", {"y": 1}).y == 1
    assert repr(Args(x=1)) == "Args({'x': 1})"


def test_a_missing_argument_is_named_with_the_closest_one():
    with pytest.raises(AttributeError, match="args has no 'epoch'; did you mean 'epochs'"):
        _ = Args(epochs=1).epoch
    with pytest.raises(AttributeError, match="args has no 'lr'"):
        del Args().lr


def test_lists_without_dicts_are_kept_as_they_are():
    values = [1, 2]
    assert Args(a=values).a is values


names = st.sampled_from([*(n for n in dir(dict) if not n.startswith("_")), "a", "b.c", "self"])


@given(items=st.dictionaries(names, st.integers() | st.dictionaries(names, st.integers())))
def test_a_key_wins_over_the_dict_method_of_its_name_also_after_copying(items):
    original = Args(items)
    twins = (
        original,
        pickle.loads(pickle.dumps(original)),
        copy.deepcopy(original),
        Args(original),
    )
    for twin in twins:
        assert dict(twin) == items
        assert all(getattr(twin, key) == value for key, value in items.items())


def test_removed_keys_uncover_the_dict_method():
    for remove in (
        lambda a: Args.pop(a, "items"),
        lambda a: a.popitem(),
        lambda a: a.clear(),
        lambda a: a.__delattr__("items"),
    ):
        a = Args(items=5)
        remove(a)
        assert list(a.items()) == []
    a = Args()
    a |= {"keys": 1}
    assert a.keys == 1
    assert Args(b=1).copy().b == 1


# -- the decorator -------------------------------------------------------------------------


def test_decorating_keeps_the_metadata_of_the_function():
    assert isinstance(train, TrainFunction)
    assert (train.__name__, train.__doc__, train.__qualname__) == ("train", "Trains.", "train")
    assert repr(train) == repr(train.f)
    assert train.__wrapped__ is train.f


def test_args_hold_defaults_of_simple_spaces_and_nested_spaces_as_they_are():
    assert train.args == {
        "data": "letter",
        "nested": {"deep": [{"x": 1}]},
        "lr": 0.5,
        "n": 5,
        "epochs": 3,
    }
    assert train.args.nested.deep[0].x == 1
    assert isinstance(nested_train.args.opt, Categorical)
    assert isinstance(nested_train.args.fixed, AutoGluonObject)
    assert nested_train.args.flag is False
    assert train.kwvars == {"lr": Real(0, 1), "n": Int(1, 9), "epochs": 3}
    assert "_default_config" not in train.args


def test_keywords_win_over_defaults():
    m = args({"lr": 5, "b": 1}, lr=Real(0, 1))(print)
    assert m.args == {"lr": 0.5, "b": 1}


def test_kwspaces_are_the_keys_of_a_config():
    assert isinstance(nested_train.kwspaces, OrderedDict)
    assert list(nested_train.kwspaces) == ["opt", "opt.Sgd.lr", "layers.0", "g.a", "flag"]
    assert list(train.cs.names) == ["lr", "n"]


def test_a_constant_does_not_hide_a_space_whose_name_starts_alike():
    for kwvars in ({"lr_factor": Real(0, 1), "lr": 0.1}, {"lr": 0.1, "lr_factor": Real(0, 1)}):
        m = args(**kwvars)(lambda args: args)
        assert m.cs.names == ["lr_factor"]
        m.update(lr=0.2)
        assert m.cs.names == ["lr_factor"]
        assert the_users(m(m.args, {"lr_factor": 0.25})) == {"lr": 0.2, "lr_factor": 0.25}


def test_configs_are_split_by_whole_components():
    m = args(
        a=Dict(x=Int(0, 99)),
        ab=Dict(x=Int(0, 99)),
        l=List(*(Int(0, 99) for _ in range(11))),
    )(lambda args: args)
    config = {"a.x": 1, "ab.x": 2, **{f"l.{i}": 50 + i for i in range(11)}}
    built = m(m.args, config)
    assert (built.a, built.ab, built.l) == ({"x": 1}, {"x": 2}, list(range(50, 61)))
    classic = {key.replace(".", "\u2581"): value for key, value in config.items()}
    assert m(m.args, classic) == built
    assert build_args(m.args, classic) == the_users(built)


def test_names_may_contain_dots():
    m = args(**{"model.name": Categorical("a", "b"), "model.depth": Int(1, 9), "self": 1})(
        lambda args: args
    )
    built = m(m.args, {"model.name": "b", "model.depth": 3})
    assert (built["model.name"], built["model.depth"], built.self) == ("b", 3, 1)


def test_defaults_may_come_from_argparse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default="9")
    parser.add_argument("--name")
    for default in (parser, parser.parse_args([]), SimpleNamespace(epochs=9, name=None)):
        m = args(default, lr=Real(0, 1))(print)
        assert m.args == {"epochs": 9, "name": None, "lr": 0.5}
    parser.add_argument("needed")
    with pytest.raises(SpecError, match=r"needed.*pass parser.parse_args\(\) instead"):
        args(parser)(print)


def test_defaults_are_copied():
    default = {"a": 1}
    m = args(default)(print)
    m.args.a = 2
    assert default == {"a": 1}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: args({"lr": Real(0, 1)})(print), r"default holds a space at 'lr'.*@ag.args\(lr="),
        (lambda: args({"a": {"lr": Real(0, 1)}})(print), r"default\['a'\] holds a space at 'lr'"),
        (lambda: args(a=[Int(1, 2)])(print), r"a holds a space at 0.*use ag.space.List"),
        (lambda: args(a={"b": [Int(1, 2)]})(print), r"a\['b'\] holds a space at 0"),
        (lambda: args(3)(print), r"args=3 must be a dict or a Namespace"),
        (lambda: args(print), r"write @ag.args\(\) with parentheses"),
        (lambda: args()(3), r"decorates a function, not 3"),
        (lambda: args(a=Dict(b=Bool()), **{"a.b": Bool()})(print), r"both have the key 'a.b'"),
        (lambda: args(a=Categorical(1, 2), b=Dict(c=(Bool(),)))(print), r"use ag.space.List"),
    ],
)
def test_a_wrong_decoration_is_refused_at_once(make, message):
    with pytest.raises(SpecError, match=message):
        make()


def test_the_search_space_is_built_once_per_state():
    m = args(lr=Real(0, 1), o=Categorical("a", "b"))(print)
    before = m.cs
    assert m.cs is before
    m.update(n=Int(1, 9))
    assert m.cs.names == ["lr", "o", "n"]
    assert before.names == ["lr", "o"]


def test_changing_a_space_in_place_is_seen():
    m = args(o=Categorical("a", "b"), l=List(Int(1, 2)))(print)
    _ = m.cs
    m.kwvars["o"][1] = Dict(x=Bool())
    m.kwvars["l"].append(Bool())
    assert m.cs.names == ["o", "o.1.x", "l.0", "l.1"]


def test_update_adds_and_overrides():
    m = args({"data": 1}, lr=Real(0, 1), epochs=3)(print)
    m.args.data = 2
    m.update(lr=0.1, n=Int(1, 9))
    assert m.args == {"data": 2, "lr": 0.1, "epochs": 3, "n": 5}
    assert m.cs.names == ["n"]
    with pytest.raises(SpecError):
        m.update(n=3, bad=[Int(1, 2)])
    assert m.args.n == 5
    assert m.cs.names == ["n"]


def test_register_args_starts_anew():
    m = args({"data": 1}, lr=Real(0, 1))(print)
    m.register_args({"other": 2}, n=Int(1, 9), default_name=3)
    assert m.args == {"other": 2, "n": 5, "default_name": 3}
    assert m.cs.names == ["n"]
    m.register_args(default={})
    assert m.args == m.kwvars == {}


def test_deprecated_names_work_and_warn_once():
    legacy.warn_renamed.cache_clear()
    for old, new in (
        (autogluon_register_args, "args"),
        (autogluon_register_dict, "args"),
        (autogluon_object, "obj"),
        (autogluon_function, "func"),
    ):
        with pytest.warns(AutoGluonWarning, match=rf"{old.__name__} is now called {new}") as caught:
            decorate = old(n=Int(1, 9))
        assert caught[0].filename == __file__
        assert decorate(a_function).__name__ == "a_function"
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            old()


def a_function(n):
    return n


# -- putting a config into arguments -------------------------------------------------------


def test_a_config_replaces_simple_values_and_samples_nested_ones():
    config = {"opt": "Sgd", "opt.Sgd.lr": 0.75, "layers.0": 3, "g.a": 9, "flag": True}
    for built in (
        nested_train(nested_train.args, config),
        build_args(nested_train.args, config),
        ArgsBuilder(nested_train.args, nested_train.cs).build(config),
    ):
        assert isinstance(built, Args)
        assert built.opt.lr == 0.75
        assert built.layers[:2] == [3, "c"]
        assert built.layers[2].lr == 0.25
        assert built.g.a == built.g["a"] == 9
        assert built.g.b == "const"
        assert built.fixed.lr == 0.5
        assert built.flag is True
        assert list(built)[: len(nested_train.args)] == list(nested_train.args)


def test_without_a_config_nested_spaces_are_at_their_defaults():
    for built in (nested_train(), build_args(nested_train.args, {})):
        assert built.opt.lr == 0.5
        assert built.layers[0] == 5
        assert built.g == {"a": 5, "b": "const"}
        assert built.flag is False


def test_sample_config_is_the_old_name():
    assert sample_config is build_args


def test_classic_configs_are_understood():
    config = {"opt\u2581choice": 0, "opt\u25810\u2581lr": 0.75, "layers\u25810": 3, "g\u2581a": 9}
    for built in (nested_train(nested_train.args, config), build_args(nested_train.args, config)):
        assert (built.opt.lr, built.layers[0], built.g.a) == (0.75, 3, 9)


def test_unknown_keys_of_a_config_are_refused():
    for build in (train, build_args):
        with pytest.raises(SpecError, match=r"'lrr'.*did you mean 'lr'"):
            build(train.args, {"lrr": 1})
    with pytest.raises(SpecError, match=r"'opt.lr'"):
        build_args(nested_train.args, {"opt.lr": 0.1})
    with pytest.raises(SpecError, match=r"config\['n'\]: 99 must lie in"):
        train(train.args, {"n": 99})


def test_simple_values_changed_in_args_stay_where_the_config_says_nothing():
    changed = Args(train.args)
    changed.lr, changed.epochs = 0.125, 1
    built = train(changed, {"n": 2})
    assert (built.lr, built.epochs, built.n) == (0.125, 1, 2)
    assert train(changed, {"lr": 0.75}).lr == 0.75
    assert build_args(changed, {"n": 2}) == the_users(built)


def test_a_nested_space_replaced_in_args_by_a_value_stays():
    changed = Args(nested_train.args)
    changed.opt = "mine"
    assert nested_train(changed, {}).opt == "mine"
    assert nested_train(changed, {"opt": "none"}).opt == "none"


def test_lazy_objects_put_into_args_by_hand_are_made():
    changed = Args(train.args)
    changed.extra = Sgd(lr=0.25)
    assert ArgsBuilder(changed, train.cs).build({"lr": 0.5, "n": 1}).extra.lr == 0.25
    assert train(changed).extra.lr == 0.25
    assert build_args(changed, {}).extra.lr == 0.25


def test_args_may_be_a_namespace():
    namespace = argparse.Namespace(**train.args)
    assert train(namespace, {"n": 2}).n == 2
    assert build_args(namespace, {"n": 2}).n == 2
    assert ArgsBuilder(namespace, train.cs).build({"lr": 0.5, "n": 2}).n == 2
    assert train(dict(train.args), {"n": 2}).n == 2
    with pytest.raises(SpecError, match="must be a dict or a Namespace"):
        train(3)


def test_trials_do_not_see_what_another_changed():
    shared = [1]
    m = args({"a": shared, "b": shared, "c": {"d": [1]}, "t": (1, "x")}, lr=Real(0, 1))(print)
    builder = ArgsBuilder(m.args, m.cs)
    first = builder.build({"lr": 0.5})
    assert first.a is first.b  # what two arguments share stays shared
    first.a.append(2)
    first.c.d.append(2)
    first.new = 1
    second = builder.build({"lr": 0.25})
    assert second == {"a": [1], "b": [1], "c": {"d": [1]}, "t": (1, "x"), "lr": 0.25}
    assert second.c.d == [1]
    assert second.t is m.args.t
    assert shared == [1]


def test_an_argument_that_cannot_be_copied_is_named():
    m = args(lock=threading.Lock(), fine=[1])(print)
    with pytest.raises(SpecError, match=r"args.lock cannot be copied .* inside the train function"):
        ArgsBuilder(m.args, m.cs).build({})


@given(names=st.sets(names, max_size=4))
def test_arguments_named_like_dict_methods_are_built_too(names):
    m = args({name: [1] for name in names}, values=Int(1, 9), keys=Dict(update=Bool()))(print)
    built = ArgsBuilder(m.args, m.cs).build({"values": 3, "keys.update": True})
    assert built.values == 3
    assert built.keys == {"update": True}
    assert all(getattr(built, name) == [1] for name in names - {"values", "keys"})


def test_a_builder_survives_pickling():
    builder = pickle.loads(pickle.dumps(ArgsBuilder(train.args, train.cs)))
    assert builder.arguments == train.args
    assert builder.build({"lr": 0.25, "n": 1}).lr == 0.25


def test_building_plain_arguments_is_quick():
    m = args({f"c{i}": i for i in range(8)}, **{f"x{i}": Real(0, 1) for i in range(8)})(print)
    builder, config = ArgsBuilder(m.args, m.cs), m.cs.get_default_configuration()
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(500):
            builder.build(config)
        best = min(best, (time.perf_counter() - start) / 500)
    assert best < 30e-6  # 1 microsecond here; generous, for machines that do other things


# -- calling -------------------------------------------------------------------------------


def test_a_call_reports_to_the_given_reporter_and_returns_what_the_function_returns():
    seen = []
    result = train(train.args, {"lr": 0.75}, lambda **metrics: seen.append(metrics))
    assert result.lr == 0.75
    assert seen == [{"epoch": 1, "accuracy": 0.75}]


def test_without_a_reporter_reports_are_dropped():
    @args()
    def f(args, reporter):
        return reporter(a=1)

    assert f() is None


def test_the_reporter_is_passed_only_to_functions_that_take_it():
    def only_args(args):
        return "args"

    def keyword_only(args, *, reporter):
        return "keyword"

    def anything(args, **kwargs):
        return sorted(kwargs)

    def positional_only(args, reporter=None, /):
        return reporter

    assert args()(only_args)() == "args"
    assert args()(keyword_only)() == "keyword"
    assert args()(anything)(extra=1) == ["extra", "reporter"]
    assert args()(positional_only)() is None
    assert [args()(f).accepts_reporter for f in (only_args, keyword_only, anything)] == [
        False,
        True,
        True,
    ]
    assert not args()(min).accepts_reporter


def test_run_calls_the_function_with_arguments_that_are_built():
    built = Args(lr=0.3)
    assert train.run(built) is built


def test_a_call_leaves_the_global_generators_alone():
    random.seed(1)
    before = random.getstate(), np.random.get_state()[1].copy()  # noqa: NPY002
    nested_train()
    assert random.getstate() == before[0]
    assert (np.random.get_state()[1] == before[1]).all()  # noqa: NPY002


def test_callables_without_a_name_can_be_decorated():
    class Trainer:
        def __call__(self, args, reporter):
            return args.lr

    m = args(lr=Real(0, 1))(Trainer())
    assert m() == 0.5
    assert m.__name__ == "Trainer"
    assert cloudpickle.loads(cloudpickle.dumps(m))() == 0.5


# -- as_train_function ---------------------------------------------------------------------


def test_plain_functions_are_wrapped_with_a_space():
    m = as_train_function(lambda args: args, {"lr": Real(0, 1), "default": 3, "self": 4})
    assert m.args == {"lr": 0.5, "default": 3, "self": 4}
    assert as_train_function(train, None) is train


@pytest.mark.parametrize(
    ("fn", "space", "message"),
    [
        (a_function, None, r"a_function has no search space; decorate it with @ag.args\(...\)"),
        (train, {"lr": 1}, r"train has a search space .* already; change it with train.update"),
        (3, None, r"3 is not a function; decorate a function with @ag.args\(...\)"),
    ],
)
def test_what_is_no_train_function_is_refused_with_a_remedy(fn, space, message):
    with pytest.raises(SpecError, match=message):
        as_train_function(fn, space)


# -- travelling to other processes ---------------------------------------------------------

MODULE = """
import agcore.train_fn as ag
from agcore.space import Int

@ag.args(n=Int(1, 9), scale=2)
def train(args, reporter):
    assert train.args is not None
    return args.n * args.scale

class Holder:
    @ag.args(n=Int(1, 3))
    def inner(args):
        return args.n

def plain(args):
    return args.n
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    name = f"importable_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    return importlib.import_module(name)


def in_another_process(pickled, *path):
    root = Path(agcore.space.__file__).parents[2]
    script = "import pickle, sys; print(pickle.load(sys.stdin.buffer)())"
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=pickled,
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (root, *path)))},
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


@pytest.mark.parametrize("pickler", [pickle, cloudpickle])
def test_a_train_function_of_an_importable_module_travels_by_name(module, pickler, tmp_path):
    module.train.update(scale=100)
    pickled = pickler.dumps(module.train)
    assert len(pickled) < 150
    assert pickle.loads(pickled) is module.train
    assert pickle.loads(pickler.dumps(module.Holder.inner)) is module.Holder.inner
    # The state of update() does not travel: whoever ships a train function ships args as well.
    assert in_another_process(pickled, tmp_path) == "10"
    assert copy.deepcopy(module.train) is copy.copy(module.train) is module.train


def test_a_train_function_that_its_name_does_not_lead_to_travels_by_value(module, tmp_path):
    wrapped = as_train_function(module.plain, {"n": Int(1, 7)})
    for pickler in (pickle, cloudpickle):
        twin = pickle.loads(pickler.dumps(wrapped))
        assert twin is not wrapped
        assert twin() == 4
        assert in_another_process(pickler.dumps(wrapped), tmp_path) == "4"


def test_a_module_registered_with_cloudpickle_travels_by_value(module):
    module.train.update(scale=100)
    cloudpickle.register_pickle_by_value(module)
    try:
        pickled = cloudpickle.dumps(module.train)
    finally:
        cloudpickle.unregister_pickle_by_value(module)
    assert in_another_process(pickled) == "500"


def test_a_closure_travels_by_value_with_its_state():
    factor = 10

    @args(n=Int(1, 9))
    def local(args, reporter):
        return args.n * factor + len(local.cs.names)

    local.update(n=Int(1, 3), m=Bool())
    twin = cloudpickle.loads(cloudpickle.dumps(local))
    assert twin is not local
    assert twin() == 22
    assert twin.args == local.args
    assert isinstance(twin.cs, SearchSpace)


def test_a_script_ships_its_train_function_by_value(tmp_path):
    script = (
        "import sys, cloudpickle\n"
        + MODULE
        + "train.update(scale=7)\nsys.stdout.buffer.write(cloudpickle.dumps(train))\n"
    )
    (tmp_path / "script.py").write_text(script)
    root = str(Path(agcore.space.__file__).parents[2])
    done = subprocess.run(
        [sys.executable, tmp_path / "script.py"],
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONPATH": root},
    )
    assert in_another_process(done.stdout) == "35"


def test_a_decorated_function_is_a_lazy_object_when_called():
    decorated = func(n=Int(1, 9))(a_function)
    assert decorated().init() == 5
    assert decorated(n=3).init() == 3
