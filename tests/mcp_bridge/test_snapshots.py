"""The committed contract of each tool."""

from __future__ import annotations

from mcp_bridge import snapshots


def test_snapshots_are_up_to_date():
    """Where this fails: `python -m mcp_bridge schemas`, and review the difference as a change of contract."""
    assert snapshots.differences() == []
