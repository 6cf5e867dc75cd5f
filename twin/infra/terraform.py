"""The terraform program, in a scratch copy of our configuration that points at the twin."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twin.layout import PROJECT

PLUGIN_FOLDERS = ("TF_PLUGIN_DIR", "/opt/tf-plugins")
"""Where a copy of the provider may lie: a variable that names the folder, then a usual place."""
_PROVIDER = "registry.terraform.io/hashicorp/aws/5.100.0"


class TerraformMissing(Exception):
    """The program, or the provider's plug-in, is not on this machine."""


class TerraformFailed(Exception):
    """A step ended with an error; the message holds what terraform said."""


@dataclass(frozen=True)
class Resource:
    """A resource in the state: one instance."""

    address: str
    type: str
    values: dict[str, Any]

    @property
    def short(self) -> str:
        return self.address.removeprefix("module.mlops.")


class Terraform:
    """One working folder: a copy of `terraform/`, with `envs/<name>` as its root."""

    def __init__(self, folder: Path, url: str, environment: str = "dev", say: Callable[[str], None] = print):
        self._program = find_program()
        self._folder = folder
        self.root = folder / "terraform" / "envs" / environment
        self._url = url
        self._say = say

    def prepare(self, override: str) -> None:
        """Copy the configuration and lay `override` over it. State that an earlier call left stays."""
        kept = self.root / "terraform.tfstate"
        state = kept.read_bytes() if kept.exists() else None
        shutil.rmtree(self._folder / "terraform", ignore_errors=True)
        ignored = shutil.ignore_patterns(".terraform*", "*.tfstate*", "__pycache__")
        shutil.copytree(PROJECT / "terraform", self._folder / "terraform", ignore=ignored)
        (self.root / "twin_override.tf").write_text(override)
        if state is not None:
            kept.write_bytes(state)

    def init(self) -> None:
        plugins = find_plugins()
        given = [f"-plugin-dir={plugins}"] if plugins else []
        self._run("init", "-input=false", "-no-color", *given)

    def plan(self) -> int:
        """Returns how many resources are to be created or changed."""
        self._run("plan", "-input=false", "-no-color", "-out=plan", "-parallelism=8")
        changes = json.loads(self._run("show", "-json", "plan"))["resource_changes"]
        return sum(1 for each in changes if each["mode"] == "managed" and each["change"]["actions"] != ["no-op"])

    def apply(self, planned: int) -> int:
        return self._watched(["apply", "-json", "-input=false", "-parallelism=8", "plan"], planned)

    def destroy(self, known: int) -> int:
        words = ["destroy", "-json", "-input=false", "-auto-approve", "-parallelism=8"]
        return self._watched(words, known)

    def resources(self) -> list[Resource]:
        state = json.loads(self._run("show", "-json"))
        return list(_resources(state.get("values", {}).get("root_module", {})))

    def outputs(self) -> dict[str, Any]:
        return {name: each["value"] for name, each in json.loads(self._run("output", "-json")).items()}

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_"))}
        configured = os.environ.get("TF_CLI_CONFIG_FILE", "")
        if configured and Path(configured).is_file():
            kept["TF_CLI_CONFIG_FILE"] = configured
        return {
            **kept,
            "AWS_ENDPOINT_URL": self._url,
            "AWS_ACCESS_KEY_ID": "twin",
            "AWS_SECRET_ACCESS_KEY": "twin",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "CHECKPOINT_DISABLE": "1",
            "TF_IN_AUTOMATION": "1",
        }

    def _run(self, *words: str) -> str:
        done = subprocess.run(
            [self._program, *words], cwd=self.root, env=self._environment(), capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise TerraformFailed(f"terraform {words[0]}:\n{(done.stderr or done.stdout).strip()[-6000:]}")
        return done.stdout

    def _watched(self, words: list[str], expected: int) -> int:
        """Run a step that reports in JSON lines, and say how far it is. Returns how many resources it finished."""
        process = subprocess.Popen(
            [self._program, *words], cwd=self.root, env=self._environment(),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        done, errors = 0, []
        progress = Progress(words[0], expected, self._say)
        for line in process.stdout:
            try:
                event = json.loads(line)
            except ValueError:
                errors.append(line.rstrip())
                continue
            if event.get("type") == "apply_complete" and event["hook"]["action"] != "read":
                done += 1
                progress.finished(event["hook"]["resource"]["addr"])
            elif event.get("type") == "diagnostic" and event["diagnostic"]["severity"] == "error":
                found = event["diagnostic"]
                errors.append(f"{found.get('address', '')}: {found['summary']} {found.get('detail', '')}".strip())
        if process.wait() != 0:
            raise TerraformFailed(f"terraform {words[0]} ({done} of {expected} done):\n" + "\n".join(errors))
        return done


class Progress:
    """One line that is rewritten on a terminal; elsewhere a line now and then."""

    def __init__(self, what: str, expected: int, say: Callable[[str], None]):
        self._what, self._expected, self._say = what, expected, say
        self._done, self._said_at = 0, time.monotonic()

    def finished(self, address: str) -> None:
        self._done += 1
        line = f"  {self._what} {self._done}/{self._expected} {address.removeprefix('module.mlops.')}"
        last = self._done == self._expected
        if sys.stdout.isatty():
            print(f"\r\033[K{line[:110]}", end="\n" if last else "", flush=True)
        elif last or time.monotonic() - self._said_at > 10:
            self._said_at = time.monotonic()
            self._say(line)


def find_program() -> str:
    found = shutil.which("terraform")
    if not found:
        raise TerraformMissing(
            "terraform was not found. Install Terraform 1.11 (https://developer.hashicorp.com/terraform/install), "
            "then call this again; nothing else of the project needs it."
        )
    return found


def find_plugins() -> Path | None:
    """A folder with the provider, where there is one; otherwise `terraform init` downloads it."""
    for place in PLUGIN_FOLDERS:
        folder = Path(os.environ.get(place, "") if place.isupper() else place)
        if folder.name and (folder / _PROVIDER).is_dir():
            return folder
    return None


def _resources(module: dict[str, Any]) -> Iterator[Resource]:
    for each in module.get("resources", []):
        if each["mode"] == "managed":
            yield Resource(each["address"], each["type"], each["values"])
    for child in module.get("child_modules", []):
        yield from _resources(child)
