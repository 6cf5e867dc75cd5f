"""Issue forms: the YAML under `.github/ISSUE_TEMPLATE`, as fields on a page and as the text they become."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from twin.github.commits import GitRepository

FOLDER = ".github/ISSUE_TEMPLATE"
EMPTY = "_No response_"


class FieldMissing(ValueError):
    """A required field was left empty; the message names it."""


@dataclass(frozen=True)
class Field:
    """One element of a form. `markdown` shows text only, the others become a heading with an answer."""

    kind: str
    id: str
    label: str
    description: str
    placeholder: str
    value: str
    options: tuple[str, ...]
    multiple: bool
    render: str
    required: bool
    default: int | None

    def answer(self, given: list[str]) -> str:
        """What stands under the heading. Raises FieldMissing."""
        chosen = [text.replace("\r\n", "\n").strip("\n") for text in given if text.strip()]
        if self.required and not chosen:
            raise FieldMissing(f"{self.label} is required.")
        if self.kind == "checkboxes":
            return "\n".join(f"- [{'x' if option in chosen else ' '}] {option}" for option in self.options)
        text = ", ".join(chosen) if self.kind == "dropdown" else "\n".join(chosen)
        if not text:
            return EMPTY
        return f"```{self.render}\n{text}\n```" if self.render else text


@dataclass(frozen=True)
class Form:
    file: str
    name: str
    description: str
    title: str
    labels: tuple[str, ...]
    fields: tuple[Field, ...]

    def body(self, given: dict[str, list[str]]) -> str:
        """The issue's text, as GitHub writes it: `### Label`, a blank line, the answer. Raises FieldMissing."""
        asked = [field for field in self.fields if field.kind != "markdown"]
        return "\n\n".join(
            f"### {field.label}\n\n{field.answer(given.get('field.' + field.id, []))}" for field in asked
        )


def forms(git: GitRepository, branch: str) -> list[Form]:
    """The forms of a branch by file name; what is no form is left out."""
    if not git.branches():
        return []
    folder = git.entry(git.resolve(branch), FOLDER)
    if folder is None or folder.type != "tree":
        return []
    files = [
        entry
        for entry in git.folder(folder.sha)
        if entry.name.endswith((".yml", ".yaml")) and entry.name != "config.yml"
    ]
    found = (_parse(entry.name, git.blob(entry.sha)) for entry in files)
    return [form for form in found if form]


def _parse(file: str, data: bytes) -> Form | None:
    try:
        given = yaml.safe_load(data)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    if not isinstance(given, dict) or not isinstance(given.get("body"), list) or not given.get("name"):
        return None
    labels = given.get("labels") or []
    labels = [part.strip() for part in labels.split(",")] if isinstance(labels, str) else labels
    fields = [_field(number, each) for number, each in enumerate(given["body"]) if isinstance(each, dict)]
    name, description, title = (str(given.get(member) or "") for member in ("name", "description", "title"))
    return Form(file, name, description, title, tuple(str(label) for label in labels), tuple(fields))


def _field(number: int, given: dict[str, Any]) -> Field:
    attributes, options = given.get("attributes") or {}, (given.get("attributes") or {}).get("options") or []
    default = attributes.get("default")
    return Field(
        kind=str(given.get("type", "markdown")), id=str(given.get("id") or number),
        label=str(attributes.get("label", "")), description=str(attributes.get("description") or ""),
        placeholder=str(attributes.get("placeholder") or ""), value=str(attributes.get("value") or ""),
        options=tuple(str(option.get("label", "")) if isinstance(option, dict) else str(option) for option in options),
        multiple=bool(attributes.get("multiple")), render=str(attributes.get("render") or ""),
        required=bool((given.get("validations") or {}).get("required")),
        default=default if isinstance(default, int) else None,
    )  # fmt: skip
