"""`python -m twin.aws`"""

from __future__ import annotations

import signal
import subprocess
import sys
import urllib.request


def run(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "twin.aws", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_it_serves_until_asked_to_stop_and_names_a_taken_port_or_folder(tmp_path):
    first = run("--port", "0", "--state", str(tmp_path / "one"))
    url = first.stdout.readline().strip()
    with urllib.request.urlopen(f"{url}/twin/health") as answer:
        assert answer.status == 200
    port = url.rpartition(":")[2]
    second = run("--port", port, "--state", str(tmp_path / "two"))
    _, said = second.communicate(timeout=30)
    assert second.returncode == 1
    assert f"Port {port} on 127.0.0.1 is in use by another program" in said
    third = run("--port", "0", "--state", str(tmp_path / "one"))
    _, said = third.communicate(timeout=30)
    assert third.returncode == 1
    assert "Another twin keeps its state in" in said
    first.send_signal(signal.SIGTERM)
    first.communicate(timeout=30)
    assert first.returncode == 0
