"""What holds for every test."""

from __future__ import annotations

from hypothesis import settings

# The same examples on every machine: a suite that fails by chance teaches people to run it again.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")
