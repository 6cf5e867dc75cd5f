"""`python -m twin.infra.review`: checks of Terraform, checkov and asl-validator; no gate passes in silence."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from twin.infra.terraform import TerraformMissing, find_plugins, find_program
from twin.layout import PROJECT

ASL_VALIDATOR = "asl-validator@4.0.0"


def main() -> int:
    try:
        terraform = find_program()
    except TerraformMissing as missing:
        print(missing, file=sys.stderr)
        return 1
    failed = []
    with tempfile.TemporaryDirectory(prefix="twin-review-") as scratch:
        folder = Path(scratch) / "terraform"
        shutil.copytree(PROJECT / "terraform", folder, ignore=shutil.ignore_patterns(".terraform*"))
        (Path(scratch) / "build").symlink_to(folder / "tests" / "build")
        plugins = find_plugins()
        init = [terraform, "init", "-backend=false", "-input=false", *([f"-plugin-dir={plugins}"] if plugins else [])]
        steps: list[tuple[str, Path, Sequence[str]]] = [
            ("fmt", folder, [terraform, "fmt", "-check", "-recursive"]),
            *((f"{each} init", folder / "envs" / each, init) for each in ("dev", "prod")),
            *((f"{each} validate", folder / "envs" / each, [terraform, "validate"]) for each in ("dev", "prod")),
            ("init", folder, init),
            ("test", folder, [terraform, "test"]),
        ]
        for name, where, argv in steps:
            if not _run(name, where, argv):
                failed.append(name)
        if not _checkov(PROJECT / "terraform"):
            failed.append("checkov")
        if not _state_machine(PROJECT / "terraform" / "files" / "mlops-workflow.asl.json"):
            failed.append("asl-validator")
    print("All checks passed." if not failed else f"Failed: {', '.join(failed)}")
    return 1 if failed else 0


def _run(name: str, where: Path, argv: Sequence[str]) -> bool:
    environment = {**os.environ, "CHECKPOINT_DISABLE": "1"}
    if not Path(environment.get("TF_CLI_CONFIG_FILE", "/")).is_file():
        environment.pop("TF_CLI_CONFIG_FILE", None)
    done = subprocess.run(argv, cwd=where, env=environment, capture_output=True, text=True, check=False)
    print(f"terraform {name}: {'ok' if done.returncode == 0 else 'failed'}", flush=True)
    if done.returncode != 0:
        print((done.stdout + done.stderr)[-4000:])
    return done.returncode == 0


def _state_machine(definition: Path) -> bool:
    """asl-validator (Apache-2.0) is a package of Node's; without Node it is said that it did not run."""
    npx = shutil.which("npx")
    if not npx:
        print("asl-validator: not run, there is no Node here")
        return True
    argv = [npx, "--yes", ASL_VALIDATOR, "--json-path", str(definition)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    print(f"asl-validator: {'ok' if done.returncode == 0 else 'failed'}", flush=True)
    if done.returncode != 0:
        print((done.stdout + done.stderr)[-2000:])
    return done.returncode == 0


def _checkov(folder: Path) -> bool:
    """checkov has pins of its own and lives in an environment of its own: `make infra-check` sets it up."""
    program = os.environ.get("CHECKOV") or shutil.which("checkov")
    if not program:
        print("checkov: not found; `make infra-check` installs it")
        return False
    argv = [program, "-d", str(folder), "--framework", "terraform", "--skip-download", "--compact", "-o", "json"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    try:
        return judge(json.loads(done.stdout))
    except ValueError:
        print(f"checkov: no report. {done.stderr[-1000:]}")
        return False


def judge(report: dict) -> bool:
    """A file that could not be read, or a report about nothing, is no success."""
    counts = report["summary"]
    print(", ".join(f"{counts[name]} {name}" for name in ("passed", "failed", "skipped", "parsing_errors")))
    for each in report["results"]["failed_checks"]:
        print(f"  {each['check_id']} {each['resource']}: {each['check_name']}")
    for each in report["results"].get("skipped_checks", []):
        if not each["check_result"].get("suppress_comment"):
            print(f"  {each['check_id']} {each['resource']} is suppressed without a reason")
            return False
    return counts["passed"] > 0 and counts["failed"] == 0 and counts["parsing_errors"] == 0


if __name__ == "__main__":
    sys.exit(main())
