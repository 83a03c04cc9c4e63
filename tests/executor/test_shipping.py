from __future__ import annotations

import functools
import importlib.util
import os
import pickle
import sys
import threading

import cloudpickle
import numpy as np
import pytest

import agcore as ag
from agcore.errors import SpecError, WorkerLost
from agcore.executor.shipping import is_importable, pack, shared_memory, unpack
from agcore.jobs import Outcome
from agcore.reporter import ReportRules
from agcore.testing.executor import task_of

# -- where functions come from -------------------------------------------------------------

RUN = """
import agcore as ag
scheduler = ag.scheduler.FIFOScheduler(train, num_trials=2, num_workers=1, progress=False)
scheduler.run()
print("RESULT", [rows[-1]["accuracy"] for rows in scheduler.training_history.values()])
"""

MAIN = """
import agcore as ag
print("MAIN IS RUN")
OFFSET = 40
def helper(x):
    return OFFSET + x
@ag.args(x=ag.Real(0, 1), two=2)
def train(args, reporter):
    reporter(epoch=1, accuracy=helper(args.two))
"""


def test_a_function_of_the_main_script_needs_no_guard(script):
    output, code = script(MAIN + RUN).output()
    assert code == 0, output
    assert "RESULT [42, 42]" in output
    assert output.count("MAIN IS RUN") == 1


@pytest.mark.parametrize("way", ["-c", "stdin"])
def test_a_function_typed_in_works(script, tmp_path, way):
    source = MAIN + RUN
    (tmp_path / "typed").write_text(source)
    command = [sys.executable, "-c", source]
    if way == "stdin":
        command = ["sh", "-c", f"{sys.executable} - < typed"]
    output, code = script(command=command).output()
    assert code == 0, output
    assert "RESULT [42, 42]" in output


def test_a_module_beside_the_script_and_a_package_are_imported_by_name(script, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "beside.py").write_text(MAIN.replace("MAIN IS RUN", "beside of {__name__}"))
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("")
    (tmp_path / "package" / "module.py").write_text(MAIN.replace("OFFSET = 40", "OFFSET = 50"))
    source = "from beside import train\n" + RUN + "from package.module import train\n" + RUN
    script("print('ready')", name="other.py").line("ready")
    (tmp_path / "script.py").write_text(source)
    command = [sys.executable, "../script.py"]
    output, code = script(command=command, folder=tmp_path / "elsewhere").output()
    assert code == 0, output
    assert "RESULT [42, 42]" in output
    assert "RESULT [52, 52]" in output


def test_lambdas_closures_partials_methods_and_callable_objects_run(drive):
    offset = 40

    def inner(args, reporter):
        return offset + 2.0

    class Model:
        def __init__(self):
            self.offset = 41.0

        def fit(self, args, reporter):
            return self.offset + 1

        def __call__(self, args, reporter):
            return self.offset + 1

    def with_more(args, reporter, more):
        return more

    functions = (
        inner,
        lambda args, reporter: offset + 2.0,
        Model().fit,
        Model(),
        functools.partial(with_more, more=42.0),
    )
    for function in functions:
        driver = drive(function)
        assert driver.run(0).outcome is Outcome.RETURNED
        assert driver.reports[0] == [{"accuracy": 42.0}]
        driver.executor.close()


@pytest.fixture
def loaded_by_hand(tmp_path):
    """A module that is loaded from a file outside ``sys.path``."""
    path = tmp_path / "by_hand.py"
    path.write_text(MAIN.replace("print(", "str("))
    spec = importlib.util.spec_from_file_location("loaded_by_hand", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["loaded_by_hand"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["loaded_by_hand"]


def test_a_module_that_cannot_be_imported_by_name_travels_by_value(loaded_by_hand):
    train = loaded_by_hand.train
    scheduler = ag.scheduler.FIFOScheduler(train, num_trials=2, num_workers=1, progress=False)
    scheduler.run()
    assert scheduler.get_best_reward() == 42
    assert "loaded_by_hand" not in cloudpickle.list_registry_pickle_by_value()


def test_it_is_known_which_modules_can_be_imported(loaded_by_hand, monkeypatch):
    assert is_importable(np)
    assert is_importable(np.linalg)
    assert is_importable(sys)
    assert is_importable(os.path)
    assert not is_importable(loaded_by_hand)
    monkeypatch.setitem(sys.modules, "numpy.by_hand", loaded_by_hand)
    loaded_by_hand.__name__ = "numpy.by_hand"
    assert not is_importable(loaded_by_hand)
    loaded_by_hand.__name__ = "json"  # there is one, but it is another
    assert not is_importable(loaded_by_hand)
    loaded_by_hand.__name__ = "json.decoder.nonsense"
    assert not is_importable(loaded_by_hand)


def test_packing_in_several_threads_at_once_is_safe(loaded_by_hand):
    switch_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    wrong = []

    def packs():
        for _ in range(20):
            if b"OFFSET" not in pack(task_of(loaded_by_hand.train.f)):
                wrong.append("by reference")

    threads = [threading.Thread(target=packs) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.setswitchinterval(switch_s)
    assert not wrong


def test_large_data_arrives_and_is_shared(drive, monkeypatch):
    data = np.arange(1_000_000)

    def sums(args, reporter):
        return float(args.data.sum() + data[-1])

    for _ in range(2):
        driver = drive(sums, arguments={"data": data})
        driver.run(0)
        assert driver.reports[0] == [{"accuracy": float(data.sum() + data[-1])}]
        driver.executor.close()
        monkeypatch.delattr(os, "memfd_create", raising=False)


def test_shared_memory_has_no_name_and_may_be_large():
    payload = os.urandom(1 << 20)
    descriptor = shared_memory(payload)
    assert os.pread(descriptor, len(payload) + 1, 0) == payload
    os.close(descriptor)


def test_what_was_packed_comes_out(tmp_path):
    def train(args, reporter):
        return args.x

    task = unpack(memoryview(pack(task_of(train, ReportRules("objective"), x=3))))
    assert task.rules == ReportRules("objective")
    assert task.train_fn.run(task.builder.build({})) == 3


def test_what_cannot_be_sent_ends_the_run_before_it_begins():
    lock = threading.Lock()

    @ag.args(x=ag.Real(0, 1))
    def train(args, reporter):
        return lock

    scheduler = ag.scheduler.FIFOScheduler(train, num_trials=2, progress=False)
    with pytest.raises(SpecError, match="'lock', which train uses"):
        scheduler.run()
    assert scheduler.training_history == {}


# -- what cannot be loaded -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("raise ImportError('only here')", "ImportError: only here"),
        ("import sys; sys.exit('a script without guard')", "SystemExit: a script without guard"),
        ("raise EOFError('a torn file')", "EOFError: a torn file"),
        ("1 / 0", "ZeroDivisionError"),
    ],
)
def test_a_module_that_fails_in_workers_ends_the_run_with_one_clear_error(
    script, tmp_path, source, error
):
    check = "import os\nif os.environ.get('HOME') == 'worker':\n    "
    (tmp_path / "moody.py").write_text(check + source + "\n" + MAIN)
    source = "import os\nfrom moody import train\nos.environ['HOME'] = 'worker'\n" + RUN
    output, code = script(source).output()
    assert code == 1
    assert output.count("agcore.errors.WorkerLost") == 1
    assert "could not load the train function" in output
    assert error in output
    assert "moody.py" in output


def test_all_workers_may_fail_to_load_at_once():
    class Trap:
        def __reduce__(self):
            return exec, ("raise RuntimeError('a trap')",)

    trap = Trap()

    @ag.args(x=ag.Real(0, 1))
    def train(args, reporter):
        return trap

    scheduler = ag.scheduler.FIFOScheduler(train, num_trials=9, num_workers=3, progress=False)
    for _ in range(2):
        with pytest.raises(WorkerLost, match=r"(?s)what it imports must be.*RuntimeError: a trap"):
            scheduler.run()
    assert {trial.state.value for trial in scheduler.trials.values()} == {"interrupted"}


def test_a_process_that_dies_while_loading_is_a_lost_trial(drive):
    class Trap:
        def __reduce__(self):
            return os._exit, (4,)

    trap = Trap()
    end = drive(lambda args, reporter: trap).run(0)
    assert end.error == "the worker process vanished (exit code 4)"


def test_pickles_are_of_the_highest_protocol():
    assert pack(task_of(lambda args, reporter: None))[1] == pickle.HIGHEST_PROTOCOL
