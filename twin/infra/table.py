"""What was found, resource by resource, and the same in a few lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from twin.infra.checks import CHECKS, Account, Wrong
from twin.infra.terraform import Resource


@dataclass(frozen=True)
class Finding:
    resource: Resource
    fine: bool
    words: str


def look(resource: Resource, account: Account) -> Finding:
    """One resource held against its check; a type without a check is a finding, too."""
    check = CHECKS.get(resource.type)
    if check is None:
        return Finding(resource, False, "nobody looks at resources of this type")
    try:
        return Finding(resource, True, check(account, resource.values))
    except Wrong as wrong:
        return Finding(resource, False, str(wrong))
    except (ClientError, BotoCoreError, KeyError, IndexError, TypeError) as failed:
        return Finding(resource, False, f"{type(failed).__name__}: {failed}")


def lines(findings: Sequence[Finding]) -> Iterable[str]:
    """A line a type, the first words seen beside it; then a line for each resource that is not as it is meant."""
    by_type: dict[str, list[Finding]] = {}
    for each in findings:
        by_type.setdefault(each.resource.type, []).append(each)
    width = max(map(len, by_type), default=0)
    for kind in sorted(by_type):
        found = by_type[kind]
        fine = [each for each in found if each.fine]
        seen = Counter(each.words for each in fine).most_common(1)
        words = seen[0][0] if seen else "-"
        more = f" (+{len({each.words for each in fine}) - 1} more)" if len({each.words for each in fine}) > 1 else ""
        yield f"  {kind:{width}} {len(fine):3}/{len(found):<3} {words[:80]}{more}"
    for each in findings:
        if not each.fine:
            yield f"  NOT AS MEANT {each.resource.short}: {each.words}"
