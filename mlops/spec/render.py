"""The canonical spec as YAML that reads back as the same spec."""

from __future__ import annotations

import yaml

from mlops.spec.model import RunSpec, canonical
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
    # The dumper breaks long lines otherwise, and a broken line is harder to compare.
    return yaml.dump(canonical(spec), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=2**20)
