"""The committed snapshot of each tool's contract: a change shows in the diff, or the check fails."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from mcp_bridge.server import build
from mlops.services import Services
from mlops.settings import Settings

FOLDER = Path(__file__).parent / "schemas"


def current() -> dict[str, str]:
    """Relative file name -> text, for every tool."""
    bridge = build(Services(Settings()), agent="operator")
    tools = asyncio.run(bridge.list_tools())
    return {
        f"{bridge.capability_of[tool.name]}/{tool.name}.json": json.dumps(
            tool.model_dump(mode="json", by_alias=True, exclude_none=True), indent=2, ensure_ascii=False
        )
        + "\n"
        for tool in tools
    }


def differences() -> list[str]:
    """Files that are missing, out of date, or left over."""
    now = current()
    kept = {str(path.relative_to(FOLDER)): path.read_text() for path in FOLDER.glob("*/*.json")}
    return sorted(name for name in now.keys() | kept.keys() if now.get(name) != kept.get(name))


def write() -> None:
    now = current()
    for path in FOLDER.glob("*/*.json"):
        if str(path.relative_to(FOLDER)) not in now:
            path.unlink()
    for name, text in now.items():
        path = FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
