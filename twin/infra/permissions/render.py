"""The policies of all roles as files that Terraform fills in: `terraform/files/policies/<role>.json`."""

from __future__ import annotations

import json
from pathlib import Path

from twin.infra.permissions.agents import AGENTS
from twin.infra.permissions.people import PEOPLE
from twin.infra.permissions.services import SERVICES
from twin.infra.permissions.table import Role
from twin.layout import PROJECT

ROLES: tuple[Role, ...] = (*AGENTS, *SERVICES, *PEOPLE)
FOLDER = PROJECT / "terraform" / "files" / "policies"


def text(role: Role) -> str:
    return json.dumps(role.policy(), indent=2) + "\n"


def write(folder: Path = FOLDER) -> None:
    wanted = {f"{role.name}.json": text(role) for role in ROLES}
    for name in {path.name for path in folder.glob("*.json")} - wanted.keys():
        (folder / name).unlink()
    for name, content in wanted.items():
        (folder / name).write_text(content)


def differences(folder: Path = FOLDER) -> list[str]:
    """Files that are not as the table has them, or are nobody's."""
    wanted = {f"{role.name}.json": text(role) for role in ROLES}
    found = {path.name: path.read_text() for path in folder.glob("*.json")}
    return sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
