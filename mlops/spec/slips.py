"""What people type for YAML that YAML reads otherwise; looked for where a text could not be read."""

from __future__ import annotations

import re
from collections.abc import Collection

from mlops.errors import Problem

_LINE = re.compile(
    r"(?P<indent>\s*)(?:- )?(?P<key>[A-Za-z_][A-Za-z0-9_]{0,63})(?P<colon>[ ]*:|[ \u3000]*\uff1a)(?P<rest>.*)"
)


def slips(text: str, first_line: int = 1, keys: Collection[str] | None = None) -> list[Problem]:
    """Every slip in `text`, by line.

    Args:
        text: lines that were meant for YAML.
        first_line: line of the issue on which `text` begins.
        keys: look at lines with these keys only; None: at every `key: value` line.
    """
    found = []
    for number, line in enumerate(text.split("\n"), first_line):
        match = _LINE.fullmatch(line)
        if match and (keys is None or match["key"] in keys):
            problem = _slip(match, number)
            found += [problem] if problem else []
    return found


def _slip(match: re.Match[str], line: int) -> Problem | None:
    key, rest = match["key"], match["rest"]
    if "\t" in match["indent"]:
        return Problem(line, key, "yaml_syntax", "is indented by a tab, which YAML forbids.", "Indent by spaces.")
    stranger = match["indent"].strip(" \t")
    if stranger:  # the wide space of Japanese keyboards, the fixed one of web pages
        message = f"is indented by a character that YAML does not take for a space (U+{ord(stranger[0]):04X})."
        return Problem(line, key, "bad_character", message, "Indent by ordinary spaces.")
    if "\uff1a" in match["colon"]:
        message = "is followed by a full-width colon (U+FF1A), which is no colon to YAML."
        return Problem(line, key, "yaml_syntax", message, f"Write `{key}: value`.")
    if rest and rest[0].isspace() and rest[0] not in " \t\r":
        message = f"has a space after its colon that YAML does not take for one (U+{ord(rest[0]):04X})."
        return Problem(line, key, "bad_character", message, "Write an ordinary space there.")
    if rest.startswith("\t"):
        return Problem(line, key, "yaml_syntax", "has a tab after its colon.", "Write one space there.")
    if rest and not rest[0].isspace() and not rest.startswith("//"):
        return Problem(line, key, "yaml_syntax", "has no space after its colon.", f"Write `{key}: value`.")
    return None
