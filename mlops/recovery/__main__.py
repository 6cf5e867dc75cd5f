"""`python -m mlops.recovery runs | bucket | table | check`: what the runbooks of losses tell an operator to run."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime

from mlops.aws import Cloud
from mlops.errors import MlopsError, RequestRefused
from mlops.raw_data import parse_moment
from mlops.recovery import bucket, check, runs, table
from mlops.runs import Remedy
from mlops.services import Services


def command_line() -> argparse.ArgumentParser:
    """What can be asked for; the runbooks' commands are held to it."""
    parser = argparse.ArgumentParser(
        prog="python -m mlops.recovery", description=__doc__,
        epilog="Settings and credentials come from the environment, as for the MCP server. "
        "0: nothing is left to do; 1: something is; 2: it could not be done.",
    )  # fmt: skip
    commands = parser.add_subparsers(dest="command", required=True)
    lost_runs = commands.add_parser("runs", help="Airflow's database is new: carry the ledger's runs on in it")
    lost_runs.add_argument("--wait", type=float, default=900.0, help="seconds to wait for Airflow (default 900)")
    lost = commands.add_parser("bucket", help="objects are lost: bring them back from the copy in the other region")
    lost.add_argument("--bucket", help="default: MLOPS_BUCKET")
    lost.add_argument("--replica", help="default: the one that the bucket's replication rule names")
    lost.add_argument("--replica-region", help="where the replica lies; default: as the bucket")
    lost.add_argument("--as-of", help="objects as they were then, e.g. 2026-11-23T10:00:00Z: undoes later deletions")
    lost.add_argument("--overwrite", action="store_true", help="also what was written to the bucket since the loss")
    items = commands.add_parser(
        "table", help="items of the runs table are lost or wrong: take them from a restored one"
    )
    items.add_argument("--restored", required=True, help="the table that was restored beside ours")
    items.add_argument("--item", action="append", default=[], help="also replace this one, though it is here")
    commands.add_parser("check", help="hold what ledger, registry, endpoints and history name against the buckets")
    for each in (lost_runs, lost, items):
        each.add_argument("--plan", action="store_true", help="say what would be done, and do nothing")
    return parser


def main(arguments: list[str] | None = None) -> int:
    chosen = command_line().parse_args(arguments)
    services = Services.from_environment()
    try:
        if chosen.command == "runs":
            return recover_runs(services, wait_s=chosen.wait, plan_only=chosen.plan)
        if chosen.command == "bucket":
            return recover_bucket(services, chosen, source=Cloud(region=chosen.replica_region))
        if chosen.command == "table":
            return recover_table(services, chosen.restored, chosen.item, plan_only=chosen.plan)
        found = check.check(services)
        print(found)
        return 0 if found.fine else 1
    except MlopsError as failed:
        print(failed, file=sys.stderr)
        return 2


def recover_runs(services: Services, *, wait_s: float, plan_only: bool) -> int:
    paused = runs.wait_for_airflow(services, _say, patience_s=wait_s)
    if paused:
        _say(f"Paused, unpause when you are done: {', '.join(paused)}")
    steps = runs.plan(services)
    due = [step for step in steps if step.remedy is not Remedy.NONE]
    for step in steps:
        _say(f"{'would' if plan_only else 'plan '}  {step}")
    _say(f"{len(steps)} runs are not over, {len(due)} need something.")
    if plan_only:
        return 1 if due else 0
    return 1 if runs.recover(services, steps, _say) else 0


def recover_bucket(services: Services, chosen: argparse.Namespace, source: Cloud) -> int:
    name = chosen.bucket or services.settings.bucket
    if name not in {*services.settings.data_buckets, services.settings.bucket}:
        raise RequestRefused(f"{name} is none of this installation's buckets.")
    replica = chosen.replica or bucket.replica_of(services.cloud, name)
    moment = parse_moment(chosen.as_of) if chosen.as_of else datetime.now(UTC)
    planned = bucket.plan(services.cloud, source, name, replica, moment)
    _say(str(planned))
    wanted = [bucket.State.MISSING, bucket.State.OLDER, *([bucket.State.NEWER] if chosen.overwrite else [])]
    left = [copy for copy in planned.of(bucket.State.NEWER) if not chosen.overwrite]
    for copy in left:
        _say(f"kept as it is, written since: {copy.key} (--overwrite replaces it)")
    if chosen.plan:
        return 1 if planned.of(*wanted) else 0
    with bucket.Silence(services.cloud, services.ledger, name):
        failed = bucket.restore(services.cloud, source, planned, _say, overwrite=chosen.overwrite)
    _say(f"{len(planned.of(*wanted)) - len(failed)} objects are back, each compared by SHA-256; {len(failed)} failed.")
    return 1 if failed else 0


def recover_table(services: Services, restored: str, items: list[str], *, plan_only: bool) -> int:
    planned = table.plan(services.cloud, services.settings.ledger_table, restored)
    _say(str(planned))
    if plan_only:
        return 1 if planned.missing or items else 0
    _say(f"{table.adopt(services.cloud, planned, _say, items)} items are back.")
    return 0


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
