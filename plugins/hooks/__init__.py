"""Connections: the MCP bridge."""
