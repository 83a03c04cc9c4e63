from __future__ import annotations

import os
import signal
import subprocess

import psutil

from agcore.executor.guardian import Guardian


def test_dismissed_it_kills_nobody_and_is_gone_at_once():
    guardian = Guardian("a-tag-of-nobody")
    guard = psutil.Process(guardian._process.pid)
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as worker:
        guardian.add(worker.pid)
        guard.suspend()
        guardian.dismiss()
        assert not guard.is_running()
        assert worker.poll() is None
        worker.kill()
    guardian.dismiss()


def test_a_closed_pipe_makes_it_kill_the_workers_it_knows():
    guardian = Guardian("a-tag-of-nobody")
    with (
        subprocess.Popen(["sleep", "600"], start_new_session=True) as kept,
        subprocess.Popen(["sleep", "600"], start_new_session=True) as removed,
    ):
        guardian.add(kept.pid)
        guardian.add(removed.pid)
        guardian.remove(removed.pid)
        guardian.let_go()
        assert kept.wait(60) == -signal.SIGKILL
        assert removed.poll() is None
        removed.kill()
    guardian.dismiss()


def test_ctrl_c_does_not_reach_it():
    guardian = Guardian("a-tag-of-nobody")
    assert os.getsid(guardian._process.pid) == guardian._process.pid
    guardian.dismiss()


def test_its_death_is_no_error():
    guardian = Guardian("a-tag-of-nobody")
    guardian._process.kill()
    guardian._process.wait()
    for group in range(10):
        guardian.add(group)
        guardian.remove(group)
    guardian.dismiss()
