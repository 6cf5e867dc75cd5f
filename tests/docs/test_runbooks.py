"""Each alarm has its runbook, and a runbook names nothing that does not exist."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from botocore import xform_name
from botocore.session import get_session

from mlops.phases.monitor.plan import Latency, alarms
from mlops.policy import Monitoring
from mlops.recovery.__main__ import command_line

PROJECT = Path(__file__).resolve().parents[2]
FOLDER = PROJECT / "docs" / "runbooks"
TERRAFORM = PROJECT / "terraform"
LOCALS = (TERRAFORM / "locals.tf").read_text()
PAGES = sorted(FOLDER.glob("*.md"))
RUNBOOKS = [page for page in PAGES if page.name != "README.md"]
session = get_session()
HEADINGS = [
    "What it means", "What users see", "First three checks", "How to mend", "Mended when", "Whom to tell", "Rehearsed",
]  # fmt: skip
SERVICES = {"mwaa": "airflow", "stepfunctions": "states", "elbv2": "elasticloadbalancing", "s3api": "s3"}
"""IAM's prefix of the CLI's services, where it is another word."""
CLI = {"s3api": "s3"}
EVERYWHERE = {"query", "output", "region", "max-items"}
ACTIONS = {
    "logs:Tail": "logs:FilterLogEvents", "s3:Ls": "s3:ListBucket", "s3:HeadBucket": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject", "s3:ListObjectVersions": "s3:ListBucketVersions",
    "s3:GetBucketReplication": "s3:GetReplicationConfiguration",
}  # fmt: skip
"""What IAM calls commands that have another name there."""


def names(pages: list[Path]) -> list[str]:
    return [page.stem for page in pages]


def alarms_of_terraform() -> set[str]:
    """What the alarms' descriptions call their pages."""
    text = (TERRAFORM / "alarms.tf").read_text()
    keys = re.findall(r"^    ([a-z-]+) = \{\n      what ", text, re.MULTILINE)
    filters = re.search(r'"errors" \{\n  for_each = \{ for key in \[(.*?)\]', (TERRAFORM / "logs.tf").read_text())
    assert keys
    assert filters
    errors = [f"errors-{key}" for key in re.findall(r'"([a-z-]+)"', filters[1])]
    pages = re.findall(r"docs/runbooks/(.+?)\.md", text)
    assert {"${each.key}", "errors-${each.key}"} <= set(pages)
    return {*keys, *errors, *(page for page in pages if "$" not in page)}


def alarms_of_endpoints() -> set[str]:
    requests = alarms("ENDPOINT", "variant", Monitoring(), Latency(50), 0.3, "")
    return {request["AlarmName"].replace("ENDPOINT", "endpoint") for request in requests}


def commands(text: str) -> list[str]:
    """Lines of code blocks, and what stands between backticks; `(admin)` after these means `# admin`."""
    blocks = re.findall(r"^ *```\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    lines = [line.strip() for block in blocks for line in re.sub(r"\\\n\s*", "", block).splitlines()]
    rest = re.sub(r"^ *```\n.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE)
    spans = re.finditer(r"`([^`]+)`(\s+\(admin\))?", rest)
    return lines + [span[1] + ("  # admin" if span[2] else "") for span in spans]


def actions(command: str) -> set[str]:
    """IAM actions of each `aws service verb` in a command; by their first words, as the CLI spells them."""
    found = re.findall(r"\baws ([a-z0-9-]+) ([a-z0-9-]+)", command)
    spelled = {f"{SERVICES.get(service, service)}:{verb.title().replace('-', '')}" for service, verb in found}
    return {ACTIONS.get(action, action) for action in spelled}


def calls(text: str) -> list[tuple[str, str, str]]:
    """(service, verb, options) of each call but those that only the CLI knows; a call within a call is its own."""
    found = []
    for command in commands(text):
        for inner in re.split(r"\$\((?=aws )", command):
            call = re.match(r"aws ([a-z0-9-]+) ([a-z0-9-]+)(.*)", inner.split("  # admin")[0])
            if call and call[1] != "s3" and (call[1], call[2]) != ("logs", "tail"):
                found.append((call[1], call[2], call[3]))
    return found


def operator_may(action: str) -> bool:
    """By the action alone: which resources it is allowed on is not looked at."""
    policy = json.loads((TERRAFORM / "files" / "policies" / "operator.json").read_text())
    allowed = [action for statement in policy["Statement"] for action in statement["Action"]]
    assert {statement["Effect"] for statement in policy["Statement"]} == {"Allow"}
    return any(fnmatchcase(action.lower(), one.lower()) for one in [*allowed, "sts:AssumeRole"])


def test_each_alarm_has_its_page_and_each_page_its_alarm():
    recovery = {name for name in names(RUNBOOKS) if name.startswith("recovery-")}
    assert set(names(RUNBOOKS)) - recovery == alarms_of_terraform() | alarms_of_endpoints()
    assert len(recovery) == 3, "Airflow's database, a bucket, the ledger (NFR-005)"


def test_index_names_every_page():
    assert set(re.findall(r"\]\(([a-z0-9-]+)\.md\)", (FOLDER / "README.md").read_text())) == set(names(RUNBOOKS))


@pytest.mark.parametrize("page", RUNBOOKS, ids=names(RUNBOOKS))
def test_page_answers_all_questions_in_order(page):
    text = page.read_text()
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADINGS
    assert re.search(r"^## Rehearsed\n(No, only written|On the twin)", text, re.MULTILINE)
    checks = text.split("## First three checks\n")[1].split("## ")[0]
    assert len([line for line in commands(checks) if line.startswith("aws ")]) == 3


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_links_and_paths_lead_somewhere(page):
    text = page.read_text()
    secrets = {f"mlops/{name}" for name in re.findall(r'^    "([a-z-]+)" += "', LOCALS, re.MULTILINE)}
    paths = set(re.findall(r"`((?:dags|mlops|terraform|tests|docs)/[\w./-]*)`", text)) - secrets
    linked = [FOLDER / link for link in re.findall(r"\]\(([^)#]+)\)", text)]
    assert not [found for found in [*linked, *(PROJECT / path for path in paths)] if not found.exists()]


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_modules_and_make_targets_exist(page):
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    for command in commands(page.read_text()):
        for module in re.findall(r"python -m ([\w.]+)", command):
            place = PROJECT.joinpath(*module.split("."))
            source = next((one for one in (place / "__main__.py", place.with_suffix(".py")) if one.exists()), None)
            assert source, f"python -m {module}"
            assert '__name__ == "__main__"' in source.read_text(), f"python -m {module}"
            word = re.search(rf"python -m {re.escape(module)} ([a-z-]+)", command)
            assert not word or f'"{word[1]}"' in source.read_text(), command
        assert set(re.findall(r"^make ([a-z-]+)", command)) <= targets, command


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_commands_of_recovery_are_those_that_there_are(page):
    for command in commands(page.read_text()):
        words = command.split("  # admin")[0].removesuffix("# admin").split()
        if words[:3] == ["python", "-m", "mlops.recovery"] and len(words) > 3:
            command_line().parse_args(words[3:])  # exits where it does not know a word


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_aws_commands_have_operations_and_options_that_aws_has(page):
    for service, verb, rest in calls(page.read_text()):
        model = session.get_service_model(CLI.get(service, service))
        operations = {xform_name(name, "-"): name for name in model.operation_names}
        assert verb in operations, f"aws {service} {verb}"
        shape = model.operation_model(operations[verb]).input_shape
        options = {xform_name(name, "-"): name for name in (shape.members if shape else {})}
        used = set(re.findall(r"(?<=\s)--(?:no-)?([a-z][a-z-]*)", rest)) - EVERYWHERE
        # `--force-new-deployment` and the like name members of their own; `--no-...` turns one off.
        assert used <= set(options), f"aws {service} {verb}: {sorted(used - set(options))}"
        required = {xform_name(name, "-") for name in (shape.required_members if shape else ())}
        assert "--" not in rest or required <= used, f"aws {service} {verb}: {sorted(required - used)}"


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_what_is_not_marked_is_allowed_to_operators(page):
    unmarked = [command for command in commands(page.read_text()) if not command.endswith("# admin")]
    refused = {action for command in unmarked for action in actions(command) if not operator_may(action)}
    assert not refused, f"mark these commands `# admin`, or give role operator {sorted(refused)}"


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_names_of_resources_are_those_that_terraform_builds(page):
    files = {file.stem: file.read_text() for file in TERRAFORM.glob("*.tf")}
    built = {found.rstrip("-") for found in re.findall(r"\$\{var\.name\}-([a-z-]+)", "\n".join(files.values()))}
    keyed = files["functions"] + files["iam"]
    keys = set(re.findall(r"^    ([a-z-]+) += [\[{]", keyed, re.MULTILINE)) | set(
        re.findall(r'"([a-z-]+)"', images(LOCALS))
    )
    derived = {f"{name}-dead" for name in built} | {f"{key}-replica" for key in ("lifecycle", "datasets")}
    passing = {"ledger-restored", "xgboost-wine"}  # made by the steps of a page; an example of an endpoint
    used = set(re.findall(r"(?<![\w-])mlops-([a-z-]*[a-z])", " ".join(commands(page.read_text()))))
    assert used <= built | keys | derived | passing | alarms_of_terraform()


def images(text: str) -> str:
    found = re.search(r"^  images += \[(.*)\]", text, re.MULTILINE)
    assert found
    return found[1]
