"""How a command ends whose reader goes away."""

import subprocess
import sys

import pytest

ENDLESS = "print('x' * 100_000, flush=True)"


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [("return 2", 2, ""), ("raise KeyboardInterrupt", 130, ""), ("raise ValueError('ours')", 1, "ValueError: ours")],
)
def test_a_command_exits_with_its_own_code_and_only_a_defect_shows_a_traceback(body, code, said):
    script = f"from workloads.command_line import leave\ndef main():\n    {body}\nleave(main)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code
    assert done.stderr.rstrip().endswith(said)
    assert bool(done.stderr) is bool(said)


def test_a_reader_that_has_had_enough_ends_the_command_in_silence():
    script = f"from workloads.command_line import leave\ndef main():\n    while True:\n        {ENDLESS}\nleave(main)"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as command:
        assert command.stdout.read(10) == b"x" * 10
        command.stdout.close()
        assert command.wait(60) == 141
        assert command.stderr.read() == b""
