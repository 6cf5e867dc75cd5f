"""The supervisor with small processes of the test's own: start, restart, stop, nothing left."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
import time

import psutil
import pytest

from twin import environment
from twin.layout import Layout
from twin.supervisor import Service, Supervisor, kill_marked

_SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
# A parent that leaves a child behind when it is killed with -9.
_ORPHAN_MAKER = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
time.sleep(600)
"""
_PARENT = [sys.executable, "-c", _ORPHAN_MAKER]


@pytest.fixture
def layout(tmp_path):
    layout = Layout.create(tmp_path, {})
    yield layout
    kill_marked(tmp_path, spare={os.getpid()})


def _service(layout, argv=_SLEEP):
    return Service("sleeper", argv, {**os.environ, environment.MARK: str(layout.home)}, lambda: True)


def _marked(layout):
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(environment.MARK) == str(layout.home) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


def _until(look, limit_s=10.0):
    deadline = time.monotonic() + limit_s
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_killed_process_is_started_again(layout):
    supervisor = Supervisor(layout)
    service = _service(layout)
    supervisor._start([service])
    first = service.process.pid
    os.kill(first, signal.SIGKILL)
    service.process.wait()
    supervisor._restart_the_dead()
    assert service.alive
    assert service.process.pid != first
    assert service.starts == 2
    supervisor.stop_all()


def test_stopping_leaves_no_process_behind_even_an_orphan(layout):
    supervisor = Supervisor(layout)
    service = _service(layout, _PARENT)
    supervisor._start([service])
    _until(lambda: len(_marked(layout)) == 2)
    os.kill(service.process.pid, signal.SIGKILL)
    supervisor.stop_all()
    _until(lambda: _marked(layout) == [])  # a killed process is there for a moment more


def test_system_ends_with_its_folder(layout):
    supervisor = Supervisor(layout)
    layout.pid_file.write_text("1")
    supervisor._start([_service(layout)])
    threading.Timer(0.3, shutil.rmtree, (layout.home,)).start()
    supervisor._watch()
    supervisor.stop_all()
    _until(lambda: _marked(layout) == [])  # a killed process is there for a moment more


def test_a_process_that_ends_at_once_is_named_with_its_log(layout):
    supervisor = Supervisor(layout)
    service = Service("broken", [sys.executable, "-c", "raise SystemExit(3)"], dict(os.environ), lambda: False)
    supervisor._start([service])
    with pytest.raises(RuntimeError, match=r"broken ended at once; see .*broken.log"):
        supervisor._wait(service)


def test_a_signal_while_starting_stops_the_wait(layout):
    supervisor = Supervisor(layout)
    service = Service("slow", _SLEEP, {**os.environ, environment.MARK: str(layout.home)}, lambda: False)
    supervisor._start([service])
    threading.Timer(0.2, supervisor._on_signal, (signal.SIGTERM, None)).start()
    with pytest.raises(BaseException) as stopped:  # noqa: PT011 - the private marker of a stop
        supervisor._wait(service)
    assert type(stopped.value).__name__ == "_Stopped"
    supervisor.stop_all()


def test_a_renamed_process_is_found_by_its_session_after_the_supervisor_was_killed(layout):
    """Renaming writes over the environment that /proc shows; the mark is gone."""
    renames = "import setproctitle, time; setproctitle.setproctitle('x' * 4000); time.sleep(600)"
    supervisor = Supervisor(layout)
    service = _service(layout, [sys.executable, "-c", renames])
    supervisor._start([service])
    supervisor._write_state("running")
    _until(lambda: not _marked(layout))
    assert kill_marked(layout.home, spare={os.getpid()}) == [service.process.pid]
    service.process.wait()
