"""`training_history/`: one Markdown and one JSON record for each finished run, each naming the one before by hash."""

from __future__ import annotations

import argparse
import json
import logging
import random
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops import keys, report
from mlops.errors import Conflict, MlopsError, Unavailable
from mlops.history_chain import CHAIN, Commit, Folder, Link, Tree, sha256, verify
from mlops.identity import Phase
from mlops.record import RunRecord

if TYPE_CHECKING:
    from mlops.aws import Cloud
    from mlops.github import GitHubRepository
    from mlops.services import Services

log = logging.getLogger(__name__)

_TRIES = 40
_PLOT_LIMIT = 2_000_000
_PNG = b"\x89PNG\r\n\x1a\n"


def commit_record(services: Services, record: RunRecord) -> tuple[str, str]:
    """Commit the record of a finished run exactly once: (path of its Markdown, commit). Safe to repeat.

    Raises:
        Unavailable: GitHub did not take it in the time given; try again later.
    """
    branch = services.settings.default_branch
    repository = services.repository
    year = _year(record)
    path = keys.history_path(year, record.run_key, "md")
    json_path = keys.history_path(year, record.run_key, "json")
    plots = read_plots(services.cloud, record)
    for attempt in range(_TRIES):
        try:
            head = repository.head(branch)
            if repository.read_file(json_path, head) is not None:
                _remember_head(services, _read_chain(repository, head))
                return path, repository.last_commit(json_path, branch) or head
            before = _read_chain(repository, head)
            files, newest = compose(record, before, plots)
            commit = repository.commit(branch, files, _message(record), expected_head=head)
            _remember_head(services, newest)
            return path, commit
        except (Conflict, Unavailable) as error:
            # Somebody else committed first, or the reply was lost; the next turn reads what stands.
            log.info("History of %s, try %d: %s", record.run_key, attempt + 1, error)
            if attempt == _TRIES - 1:
                raise Unavailable(f"The record of {record.run_key} could not be committed: {error}") from error
            time.sleep(random.uniform(0, min(2.0, 0.05 * 2 ** min(attempt, 6))))  # noqa: S311
    raise AssertionError


def compose(record: RunRecord, before: Link | None, plots: Mapping[str, bytes]) -> tuple[dict[str, bytes], Link]:
    """The files of one record, the chain's head last, and the link that names it."""
    year = _year(record)
    path = keys.history_path(year, record.run_key, "md")
    record = record.model_copy(update={"history_path": path})
    text = report.document(record).encode()
    assets = {keys.history_asset(year, record.run_key, name): content for name, content in sorted(plots.items())}
    number = before.number + 1 if before else 1
    body = {
        "number": number,
        "run_key": record.run_key,
        "outcome": record.outcome,
        "record": record.model_dump(mode="json"),
        "files": {name: sha256(content) for name, content in {path: text, **assets}.items()},
        "previous": before.as_dict() if before else None,
    }
    content = _dump(body)
    newest = Link(keys.history_path(year, record.run_key, "json"), sha256(content), number)
    return {**assets, path: text, newest.path: content, CHAIN: _dump(newest.as_dict())}, newest


def read_plots(cloud: Cloud, record: RunRecord) -> dict[str, bytes]:
    """The evaluation's plots as file name -> PNG; one that is missing, too large or no PNG is left out."""
    prefix = str(record.phases[Phase.VALIDATE].handle.get("prefix") or "")
    plots = {}
    for _, name in report.plot_names(record) if prefix.startswith("s3://") else []:
        bucket, key = keys.split_uri(prefix)
        try:
            answer = cloud.s3.get_object(Bucket=bucket, Key=f"{key.rstrip('/')}/{name}")
            content = answer["Body"].read(_PLOT_LIMIT + 1)
        except Exception as error:
            # A picture is not worth a record.
            log.warning("Plot %s of %s is left out: %s", name, record.run_key, type(error).__name__)
            continue
        if content.startswith(_PNG) and len(content) <= _PLOT_LIMIT:
            plots[name] = content
    return plots


def _message(record: RunRecord) -> str:
    outcome = record.outcome.value if record.outcome else "finished"
    # The key, not the model's name: it is ours, and a commit message may close issues and mention people.
    return f"Record run {record.run_key}: {outcome}"


def _read_chain(repository: GitHubRepository, ref: str) -> Link | None:
    content = repository.read_file(CHAIN, ref)
    return Link(**json.loads(content)) if content else None


def _anchor_item(repository: str) -> str:
    return f"chain#{repository}"


def _remember_head(services: Services, newest: Link | None) -> None:
    """Keep the chain's head outside the repository: whoever rewrites the branch does not hold the ledger."""
    if newest is None:
        return

    def later(known: dict[str, Any]) -> dict[str, Any]:
        return newest.as_dict() if newest.number > known.get("number", 0) else known

    services.ledger.change_item(_anchor_item(services.settings.github_repository), later)


def _year(record: RunRecord) -> int:
    return int((record.ended_at or record.created_at)[:4])


def _dump(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m mlops.history", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("verify", help="Check the chain of hashes; exit 1 names the first bad record.")
    check.add_argument("--directory", type=Path, help="A checkout; without it the configured repository is read.")
    chosen = parser.parse_args(arguments)
    try:
        tree, anchor = _subject(chosen.directory)
        problems = verify(tree, anchor)
    except MlopsError as error:
        print(error, file=sys.stderr)
        return 2
    for problem in problems:
        print(problem)
    if not problems:
        count = len([path for path in tree.paths() if path.endswith(".json") and path != CHAIN])
        print(f"The chain holds: {count} records.")
    return 1 if problems else 0


def _subject(directory: Path | None) -> tuple[Tree, Link | None]:
    if directory is not None:
        return Folder(directory), None
    from mlops.services import Services

    return stored(Services.from_environment())


def stored(services: Services) -> tuple[Tree, Link | None]:
    """What the repository holds now, and the chain's head as the ledger remembers it."""
    ref = services.repository.head(services.settings.default_branch)
    item = services.ledger.get_item(_anchor_item(services.settings.github_repository))
    return Commit(services.repository, ref), Link(**item.value) if item else None


if __name__ == "__main__":
    sys.exit(main())
