"""Ports, generated secrets and what a newcomer is told about them."""

from __future__ import annotations

import socket

import pytest

from twin.layout import PORTS, Layout, PortTaken


def test_ports_come_from_the_environment_or_the_defaults(tmp_path):
    layout = Layout.create(tmp_path, {"AIRFLOW_PORT": "18080"})
    assert layout.ports == {**PORTS, "airflow": 18080}


def test_secrets_are_kept_when_the_system_is_set_up_again(tmp_path):
    first = Layout.create(tmp_path, {})
    second = Layout.create(tmp_path, {"AWS_PORT": "15000"})
    assert (second.mcp_signing_key, second.airflow_password) == (first.mcp_signing_key, first.airflow_password)
    assert second.ports["aws"] == 15000


def test_secrets_are_readable_by_their_owner_only(tmp_path):
    Layout.create(tmp_path, {})
    assert (tmp_path / "system.json").stat().st_mode & 0o077 == 0


def test_a_taken_port_is_named_with_its_remedy(tmp_path):
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        port = squatter.getsockname()[1]
        layout = Layout.create(
            tmp_path, {"AIRFLOW_PORT": "0", "AWS_PORT": "0", "GITHUB_PORT": "0", "MCP_PORT": str(port)}
        )
        with pytest.raises(PortTaken, match=rf"{port} \(mcp\).*MCP_PORT="):
            layout.check_ports()
