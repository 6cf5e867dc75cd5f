"""Every call of AWS that this session's runs made is allowed to the role that made it. Runs last (conftest.py)."""

from __future__ import annotations

import pytest

from twin.infra.permissions.render import ROLES
from twin.infra.permissions.replay import replay

pytestmark = [pytest.mark.whole, pytest.mark.timeout(900)]


def test_no_process_did_what_its_role_may_not(system):
    proof = replay(ROLES, system.trail())
    assert {"mcp", "airflow", "jobs"} <= proof.calls.keys()
    assert [str(each) for each in proof.refused] == []
