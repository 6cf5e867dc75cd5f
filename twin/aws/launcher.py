"""Runs one command as a process group that ends with its parent: `python -I -S launcher.py PARENT_PID COMMAND...`.

The twin may be killed at any moment (tests do it with -9). The kernel then signals this process, which ends the whole
group of the command; so no job and no server outlives the twin. SIGTERM asks the group to end, SIGHUP kills it.
Written with the standard library only and run isolated: it starts in some ten milliseconds.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> int:
    parent = int(sys.argv[1])
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGHUP)
    pid = 0

    def relay(number: int, _frame: object) -> None:
        if pid:
            signal_group(pid, signal.SIGTERM if number == signal.SIGTERM else signal.SIGKILL)
        else:
            sys.exit(128 + number)

    signal.signal(signal.SIGHUP, relay)
    signal.signal(signal.SIGTERM, relay)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if os.getppid() != parent:  # It died before prctl was heard.
        return 1
    pid = os.fork()
    if not pid:
        become(sys.argv[2:])
    status = os.waitpid(pid, 0)[1]
    signal_group(pid, signal.SIGKILL)  # Whatever the command left behind.
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def become(command: list[str]) -> None:
    """Replace this (forked) process by the command, at the head of its own group."""
    os.setpgid(0, 0)
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    try:
        os.execvp(command[0], command)  # noqa: S606 - no shell is what we want
    except OSError as failed:
        print(f"{command[0]}: {failed.strerror}", file=sys.stderr, flush=True)
        os._exit(127)


def signal_group(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        pass
    except PermissionError:
        os.kill(group, number)


sys.exit(main())
