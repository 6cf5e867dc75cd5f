"""What holds for every test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

# The same examples on every machine: a suite that fails by chance teaches people to run it again.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

_SHARING = {
    f"test_{name}.py"
    for name in (
        "accepted_run",
        "detector",
        "killed_processes",
        "permissions",
        "retuned_run",
        "schedules",
        "tracing",
        "watching",
    )
}
"""Of tests/whole: their runs go through one system."""


class BySystem(LoadScopeScheduling):
    """Files go to workers one by one, and those that share a system go to the same one."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "the shared system" if Path(file).name in _SHARING else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> BySystem | None:
    return BySystem(config, log) if config.getvalue("dist") == "loadfile" else None
