"""The canonical spec as YAML that reads back as the same spec: whole, or without what says nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from mlops.spec.algorithms import find_algorithm
from mlops.spec.model import Preprocessing, RunSpec, canonical
from mlops.spec.yaml12 import resolve


class _Dumper(yaml.SafeDumper):
    """PyYAML quotes by YAML 1.1; text that YAML 1.2 would take for a number is quoted here."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    quoted = '"' if not isinstance(resolve(text), str) or "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=quoted)


_Dumper.add_representer(str, _text)


def render(spec: RunSpec) -> str:
    """YAML of the canonical spec; `parse_issue(render(spec)) == spec`."""
    return _as_yaml(canonical(spec))


def render_for_reading(data: Mapping[str, Any]) -> str:
    """YAML of canonical data without what says nothing; `parse_issue(render_for_reading(canonical(spec))) == spec`.

    Left out are null, empty lists and, where no table is learnt from, the cleaning of tables at its defaults. `data`
    may be no spec any more: an older record's is shown as it is.
    """
    return _as_yaml(_telling({**data, "preprocessing": _used_preprocessing(data)}))


def _as_yaml(data: Any) -> str:
    # The dumper breaks long lines otherwise, and a broken line is harder to compare.
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=2**20)


_REQUIRED = frozenset({"observation", "action"})
"""Mappings that must be written even where they are empty."""


def _telling(section: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: _telling(value) if isinstance(value, Mapping) else value for key, value in section.items()}
    return {key: value for key, value in kept.items() if key in _REQUIRED or value not in (None, [], {})}


_OF_TABLES = Preprocessing().model_dump(
    mode="json", include={"missing", "outliers", "duplicates", "encoding", "scaling"}
)


def _used_preprocessing(data: Mapping[str, Any]) -> Any:
    written, name = data.get("preprocessing"), data.get("algorithm")
    algorithm = find_algorithm(name) if isinstance(name, str) else None
    if algorithm is None or algorithm.workload == "tabular" or not isinstance(written, Mapping):
        return written
    return {key: value for key, value in written.items() if key not in _OF_TABLES or value != _OF_TABLES[key]}
