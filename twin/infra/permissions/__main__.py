"""`python -m twin.infra.permissions render | check [TRAIL ...] | record TRAIL ...`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from twin.infra.permissions.page import PAGE, page
from twin.infra.permissions.render import ROLES, differences, write
from twin.infra.permissions.replay import Proof, essence, read, replay
from twin.layout import PROJECT, default_home

RECORDED = PROJECT / "tests" / "twin" / "infra" / "permissions" / "recorded.json"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m twin.infra.permissions", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("render", help="write terraform/files/policies and docs/permissions.md anew")
    check = commands.add_parser("check", help="hold recorded calls against the policies")
    check.add_argument("trails", nargs="*", type=Path, help="state/aws/trail.jsonl; left out: of the system here")
    record = commands.add_parser("record", help="keep what is needed of a recording, for the tests")
    record.add_argument("trails", nargs="+", type=Path)
    chosen = parser.parse_args(arguments)
    match chosen.command:
        case "render":
            write()
            PAGE.write_text(page(ROLES))
        case "check":
            return _check(chosen.trails or [default_home() / "state" / "aws" / "trail.jsonl"])
        case "record":
            kept = essence(ROLES, read(*chosen.trails))
            RECORDED.write_text("[\n" + ",\n".join(json.dumps(each) for each in kept) + "\n]\n")
            print(f"{len(kept)} calls in {RECORDED}")
    return 0


def _check(trails: Sequence[Path]) -> int:
    missing = [str(path) for path in trails if not path.exists()]
    if missing:
        print(f"No recorded calls in {', '.join(missing)}; the running twin writes them.", file=sys.stderr)
        return 2
    proof = replay(ROLES, read(*trails))
    show(proof)
    stale = differences()
    for name in stale:
        print(f"{name} is not as the table has it; run `python -m twin.infra.permissions render`.", file=sys.stderr)
    return 1 if stale or proof.refused or proof.unexplained else 0


def show(proof: Proof) -> None:
    print(f"{'role':24} {'asked for':>9} {'granted':>8} {'used':>5} {'justified':>10} {'not':>4}")
    for role in ROLES:
        granted = sum(len(grant.actions) for grant in role.grants)
        idle = [each for each in proof.idle if each.role == role.name and each.name in each.grant.actions]
        open_ = sum(not each.reason for each in idle)
        print(
            f"{role.name:24} {proof.calls.get(role.name, 0):9} {granted:8} {granted - len(idle):5} "
            f"{len(idle) - open_:10} {open_:4}"
        )
    print("\nNot used, and why:")
    for reason in dict.fromkeys((each.role, each.grant.sid, each.reason) for each in proof.idle if each.reason):
        names = [each.name for each in proof.idle if (each.role, each.grant.sid, each.reason) == reason]
        print(f"  {reason[0]}/{reason[1]}: {', '.join(names)[:120]}: {reason[2]}")
    for title, found in (("REFUSED", proof.refused), ("NOT USED, AND NOBODY SAYS WHY", proof.unexplained)):
        print(f"\n{title}: {len(found)}")
        for each in found:
            print(f"  {each}")
    if proof.stale:
        print(f"\nUsed, though the table says not: {', '.join(map(str, proof.stale))}")


if __name__ == "__main__":
    sys.exit(main())
