"""The launcher: exit codes as they are, and no process left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
from aws_requests import wait_for

from twin.aws.children import LAUNCHER


def launch(*command: str, **more) -> subprocess.Popen[str]:
    start = [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid())]
    return subprocess.Popen([*start, *command], stdout=subprocess.PIPE, text=True, **more)


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["true"], 0),
        ([sys.executable, "-c", "raise SystemExit(42)"], 42),
        ([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"], 137),
        (["/no/such/command"], 127),
    ],
    ids=["success", "status", "signal", "missing"],
)
def test_exit_status_is_the_commands(command, code):
    assert launch(*command, stderr=subprocess.DEVNULL).wait(10) == code


def test_what_the_command_leaves_behind_ends_with_it():
    leave = "import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']).pid)"
    process = launch(sys.executable, "-c", leave)
    pid = int(process.stdout.readline())
    process.wait(10)
    wait_for(lambda: not _alive(pid))


def test_sigterm_reaches_the_command_and_sighup_kills_it():
    stubborn = (
        "import signal, time\nsignal.signal(signal.SIGTERM, lambda *_: print('asked', flush=True))\n"
        "print('up', flush=True)\nwhile True: time.sleep(1)"
    )
    process = launch(sys.executable, "-c", stubborn)
    assert process.stdout.readline() == "up\n"
    process.send_signal(signal.SIGTERM)
    assert process.stdout.readline() == "asked\n"
    process.send_signal(signal.SIGHUP)
    assert process.wait(10) == 137


def test_command_ends_when_the_parent_is_killed():
    """The parent starts the launcher, then dies of SIGKILL: the kernel tells the launcher."""
    sleeper = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    parent = (
        "import os, subprocess, sys\n"
        f"subprocess.Popen([sys.executable, '-I', '-S', {str(LAUNCHER)!r}, str(os.getpid()),"
        f" sys.executable, '-c', {sleeper!r}]).wait()"
    )
    process = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True)
    pid = int(process.stdout.readline())
    process.kill()
    process.wait(10)
    wait_for(lambda: not _alive(pid))


def test_launcher_whose_parent_is_gone_already_runs_nothing():
    process = subprocess.run(
        [sys.executable, "-I", "-S", str(LAUNCHER), "1", "echo", "ran"], capture_output=True, text=True, timeout=10
    )
    assert (process.returncode, process.stdout) == (1, "")


def test_launcher_starts_quickly():
    started = time.monotonic()
    launch("true").wait(10)
    assert time.monotonic() - started < 2.0


def _alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
