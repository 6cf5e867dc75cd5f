"""`python -m mlops.spec`: check an issue body; print the schema and what is derived from it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from mlops.errors import IssueRejected, Problem
from mlops.settings import Settings
from mlops.spec.body import MAX_BODY_BYTES
from mlops.spec.issue_form import issue_form
from mlops.spec.model import canonical
from mlops.spec.parameters import dag_params
from mlops.spec.parse import parse_issue
from mlops.spec.reference import reference_page
from mlops.spec.render import render
from mlops.spec.schema import json_schema
from mlops.spec.words import quote


def _as_json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


_PRINTED: dict[str, tuple[Callable[[], str], str]] = {
    "schema": (lambda: _as_json(json_schema()), "the JSON Schema of a run spec"),
    "form": (issue_form, "the issue form, .github/ISSUE_TEMPLATE/mlops.yml"),
    "docs": (reference_page, "the reference page, docs/run-spec.md"),
    "params": (lambda: _as_json(dag_params()), "the parameters of the DAG lifecycle"),
}


class _Parser(argparse.ArgumentParser):
    """Answers a wrong call as it answers a wrong issue: by a problem."""

    def error(self, message: str) -> NoReturn:
        raise IssueRejected([Problem(None, "arguments", "usage", f"{message}.", self.format_usage().strip())])


def _parser() -> _Parser:
    parser = _Parser(prog="python -m mlops.spec", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    check = commands.add_parser(
        "check", help="read one issue body; exit 0 and its canonical spec, or 1 and its problems"
    )
    check.add_argument("file", metavar="FILE", help="Markdown of the issue body; - for standard input")
    check.add_argument("--json", action="store_true", help="print JSON")
    for name, (_, help_text) in _PRINTED.items():
        commands.add_parser(name, help=f"print {help_text}")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """0: printed what was asked for. 1: every problem was printed. Never another status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        options = _parser().parse_args(given)
        if options.command in _PRINTED:
            _write(_PRINTED[options.command][0]())
            return 0
        buckets, instance_types = _policy()
        spec = parse_issue(_read(options.file), data_buckets=buckets, instance_types=instance_types)
        _write(_as_json(canonical(spec)) if options.json else render(spec))
    except IssueRejected as rejected:
        problems = [problem.as_dict() for problem in rejected.problems]
        _write(_as_json(problems) if "--json" in given else "".join(map(_line, rejected.problems)))
        return 1
    return 0


def _policy() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Buckets and instance types of the deployment whose environment this is."""
    try:
        settings = Settings.from_environment()
    except ValueError as wrong:
        message = f"holds a setting that cannot be read: {quote(str(wrong))}."
        raise IssueRejected([Problem(None, "environment", "usage", message, "Mend the MLOPS_* variable.")]) from wrong
    return settings.data_buckets, settings.instance_types


def _read(file: str) -> str:
    try:
        if file == "-":
            content = sys.stdin.buffer.read(MAX_BODY_BYTES + 1)
        else:
            with open(file, "rb") as opened:
                content = opened.read(MAX_BODY_BYTES + 1)
        return content.decode("utf-8")
    except UnicodeDecodeError as broken:
        if len(content) > MAX_BODY_BYTES and broken.start > MAX_BODY_BYTES - 4:
            return content.decode("utf-8", "ignore") + " " * 4  # cut inside a character: too long anyway
        line = content.count(b"\n", 0, broken.start) + 1
        raise IssueRejected(
            [Problem(line, "document", "not_utf8", "is not UTF-8 text.", "Save it as UTF-8.")]
        ) from broken
    except (OSError, ValueError) as unread:
        why = getattr(unread, "strerror", None) or str(unread)
        raise IssueRejected(
            [Problem(None, "file", "unreadable", f"cannot be read: {why}.", "Name a text file.")]
        ) from unread


def _line(problem: Problem) -> str:
    where = f"line {problem.line}: " if problem.line else ""
    return f"{where}{problem.field}: {problem.message} {problem.remedy} [{problem.code}]\n"


def _write(text: str) -> None:
    """UTF-8 whatever the locale: the issue may be in any language."""
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    try:
        status = main()
    except BrokenPipeError:  # the reader of our output has gone
        sys.stderr.close()
        status = 1
    sys.exit(status)
