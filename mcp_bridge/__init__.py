"""The eleven capabilities of the lifecycle, as MCP tools."""
