"""A picture of `terraform/`, drawn from the files: a box a concern, an arrow where one names what another makes."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from pathlib import Path

from twin.layout import PROJECT

PAGE = PROJECT / "docs" / "infrastructure.md"
_EVERYWHERE = {
    "kms": "encrypted by", "iam": "acts as a role of", "logs": "writes to",
    "settings": "reads names from", "network": "lies in", "notifications": "tells",
}  # fmt: skip
"""Concerns that nearly everything uses: a line of text says more than thirty arrows."""
_SKIPPED = {"versions", "variables", "locals", "outputs"}
_ROLE = re.compile(r"local\.role_arn\b")
_SETTINGS = re.compile(r"local\.(settings|image)\b")


def page(folder: Path = PROJECT / "terraform") -> str:
    made, used = read(folder)
    return (
        "# The infrastructure, as its files have it\n\n"
        "Drawn by `python -m twin infra --diagram` from `terraform/*.tf`; a test holds it to them. An arrow:\n"
        "the file at its beginning names something that the file at its end makes.\n\n"
        f"```mermaid\n{mermaid(made, used)}\n```\n\n{shared(used)}\n\n{table(made)}\n"
    )


def read(folder: Path) -> tuple[dict[str, Counter[str]], dict[str, set[str]]]:
    """Types of resources by concern, and the concerns that a concern names."""
    texts = {path.stem: path.read_text() for path in sorted(folder.glob("*.tf")) if path.stem not in _SKIPPED}
    made: dict[str, Counter[str]] = {}
    home: dict[str, str] = {}
    for concern, text in texts.items():
        found = re.findall(r'^(?:resource|data) "(\w+)" "(\w+)"', text, re.MULTILINE)
        home.update({f"{kind}.{name}": concern for kind, name in found})
        made[concern] = Counter(re.findall(r'^resource "(\w+)"', text, re.MULTILINE))
    used: dict[str, set[str]] = defaultdict(set)
    for concern, text in texts.items():
        for kind, name in re.findall(r"\b(aws_\w+)\.(\w+)", text):
            if (other := home.get(f"{kind}.{name}", concern)) != concern:
                used[concern].add(other)
        if _ROLE.search(text) and concern != "iam":
            used[concern].add("iam")
        if _SETTINGS.search(text) and concern != "settings":
            used[concern].add("settings")
    return made, used


def mermaid(made: dict[str, Counter[str]], used: dict[str, set[str]]) -> str:
    boxes = [f'  {_id(each)}["{each}"]' for each in sorted(made.keys() - _EVERYWHERE.keys())]
    arrows = [
        f"  {_id(concern)} --> {_id(other)}"
        for concern in sorted(used.keys() - _EVERYWHERE.keys())
        for other in sorted(used[concern] - _EVERYWHERE.keys())
    ]
    return "\n".join(["flowchart LR", *boxes, *arrows])


def shared(used: dict[str, set[str]]) -> str:
    """Who uses what nearly everybody uses."""
    lines = []
    for other, words in _EVERYWHERE.items():
        users = sorted(concern for concern, named in used.items() if other in named)
        lines.append(f"- {words} **{other}**: {', '.join(users)}")
    return "\n".join(lines)


def table(made: dict[str, Counter[str]]) -> str:
    lines = ["| file | makes |", "|---|---|"]
    for concern in sorted(made):
        kinds = ", ".join(f"`{kind.removeprefix('aws_')}`" for kind in sorted(made[concern]))
        lines.append(f"| `{concern}.tf` | {kinds or 'names only'} |")
    return "\n".join(lines)


def _id(concern: str) -> str:
    return concern.replace("-", "_")
