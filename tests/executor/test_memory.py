import os
import signal

import pytest

from agcore.executor.memory import MemorySources, MemoryWatch
from agcore.jobs import Outcome

KILLED = -signal.SIGKILL
GB = 10**9


@pytest.fixture
def machine(tmp_path):
    """Files as a container has them: group /job of cgroups version 2."""
    (tmp_path / "proc" / "self").mkdir(parents=True)
    (tmp_path / "cgroup" / "job").mkdir(parents=True)
    (tmp_path / "proc" / "self" / "cgroup").write_text("0::/job\n")
    (tmp_path / "proc" / "vmstat").write_text("nr_free_pages 7\noom_kill 50\n")
    (tmp_path / "cgroup" / "job" / "memory.events").write_text("low 0\noom 3\noom_kill 2\n")
    (tmp_path / "cgroup" / "job" / "memory.max").write_text("2000000000\n")
    return tmp_path


def watch(machine):
    sources = MemorySources.of_this_process(machine / "proc", machine / "cgroup")
    return MemoryWatch(sources)


def set_kills(machine, group=None, everywhere=None):
    if group is not None:
        events = machine / "cgroup" / "job" / "memory.events"
        events.write_text(f"low 0\noom_kill {group}\n")
    if everywhere is not None:
        (machine / "proc" / "vmstat").write_text(f"oom_kill {everywhere}\n")


def test_a_count_that_rose_is_evidence_once(machine):
    memory = watch(machine)
    assert memory.evidence(KILLED, 0) == ""
    set_kills(machine, group=4)
    assert "oom_kill rose by 2" in memory.evidence(KILLED, 0)
    assert memory.evidence(KILLED, 0) == ""


def test_other_peoples_kills_do_not_count_where_the_group_has_a_count(machine):
    memory = watch(machine)
    set_kills(machine, everywhere=99)
    assert memory.evidence(KILLED, 0) == ""


def test_without_a_group_the_machine_counts(machine):
    (machine / "cgroup" / "job" / "memory.events").unlink()
    memory = watch(machine)
    set_kills(machine, everywhere=51)
    assert "rose by 1" in memory.evidence(KILLED, 0)


def test_a_process_that_was_large_was_probably_killed_for_it(machine):
    memory = watch(machine)
    assert "more than half of the limit of 2.00 GB" in memory.evidence(KILLED, int(1.2 * GB))
    assert memory.evidence(KILLED, int(0.8 * GB)) == ""


@pytest.mark.parametrize("code", [1, 0, None, -signal.SIGTERM, -signal.SIGSEGV])
def test_other_ends_are_no_matter_of_memory(machine, code):
    memory = watch(machine)
    set_kills(machine, group=9)
    assert memory.evidence(code, 10 * GB) == ""


def test_groups_of_version_1_count_too(tmp_path):
    (tmp_path / "proc" / "self").mkdir(parents=True)
    folder = tmp_path / "cgroup" / "memory" / "job"
    folder.mkdir(parents=True)
    (tmp_path / "proc" / "self" / "cgroup").write_text("5:cpu,cpuacct:/job\n3:memory:/job\n")
    (folder / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 1\n")
    (folder / "memory.limit_in_bytes").write_text(f"{2**63 - 4096}\n")
    memory = watch(tmp_path)
    (folder / "memory.oom_control").write_text("oom_kill_disable 0\noom_kill 2\n")
    assert "rose by 1" in memory.evidence(KILLED, 0)


def test_nothing_that_can_be_read_is_no_evidence(tmp_path):
    memory = MemoryWatch(MemorySources((tmp_path / "a",), (tmp_path / "b",)), limit_bytes=0)
    assert memory.evidence(KILLED, 10**15) == ""


def test_a_trial_that_was_large_when_it_was_killed_ran_out_of_memory(drive):
    def grows(args, reporter):
        held = bytearray(300 << 20)
        held[:: 1 << 12] = bytes(len(held[:: 1 << 12]))  # touch every page
        os.kill(os.getpid(), signal.SIGKILL)

    memory = MemoryWatch(MemorySources((), ()), limit_bytes=400 << 20)
    end = drive(grows, memory=memory).run(0)
    assert end.outcome is Outcome.OUT_OF_MEMORY
    assert "more than half of the limit of 0.42 GB" in end.evidence
    assert end.exit_code == KILLED
