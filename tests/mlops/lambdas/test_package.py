"""The zips: small, the same each time, and enough."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile

import pytest

from mlops.lambdas.__main__ import main
from mlops.lambdas.package import PROJECT, handlers, package, sources

TERRAFORM = (PROJECT / "terraform" / "functions.tf").read_text()
FUNCTIONS = sorted(re.findall(r"^ {4}(\w+) = {$", TERRAFORM, re.MULTILINE))


def test_handlers_are_the_functions_that_terraform_makes():
    assert handlers() == FUNCTIONS == ["rotation", "webhook"]


def test_same_sources_give_the_same_bytes(tmp_path):
    first = package("webhook", tmp_path / "a").read_bytes()
    assert package("webhook", tmp_path / "b").read_bytes() == first


@pytest.mark.parametrize("handler", FUNCTIONS)
def test_zip_holds_what_the_handler_imports_of_ours_and_no_more(tmp_path, handler):
    names = zipfile.ZipFile(package(handler, tmp_path)).namelist()
    own = {"rotation": ["connection", "rotation", "tokens"], "webhook": ["webhook"]}[handler]
    assert names == [
        "mlops/__init__.py", "mlops/lambdas/__init__.py", *(f"mlops/lambdas/{name}.py" for name in own),
        "mlops/masking.py", "mlops/telemetry/__init__.py", "mlops/telemetry/lines.py",
    ]  # fmt: skip


def test_imports_of_imports_are_found():
    """`package` itself imports nothing of ours; `__main__` imports it."""
    assert [path.name for path in sources("__main__")] == ["__init__.py", "__init__.py", "__main__.py", "package.py"]


@pytest.mark.parametrize("handler", FUNCTIONS)
def test_standard_library_is_all_that_a_handler_needs_to_be_imported(tmp_path, handler):
    code = f"import sys; sys.path.insert(0, sys.argv[1]); from mlops.lambdas.{handler} import handler"
    command = [sys.executable, "-I", "-S", "-c", code, str(package(handler, tmp_path))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env={})
    assert (done.returncode, done.stderr) == (0, "")


def test_handler_starts_from_its_zip_alone_without_heavy_imports(tmp_path):
    archive = package("webhook", tmp_path)
    code = (
        f"import sys, json; sys.path.insert(0, {str(archive)!r})\n"
        "from mlops.lambdas.webhook import handler\n"
        "loaded = sorted({'boto3', 'pydantic', 'httpx', 'github', 'yaml'} & set(sys.modules))\n"
        "print(json.dumps([loaded, handler({'headers': {}, 'body': ''}, None)['statusCode']]))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, timeout=60, check=True, env={}
    )
    # Without boto3, a queue and a secret it can only say that it cannot.
    assert json.loads(done.stdout.splitlines()[-1]) == [[], 503]


def test_command_writes_a_zip_a_handler(tmp_path, capsys):
    assert main(["package", str(tmp_path)]) == 0
    assert {path.stem for path in tmp_path.glob("*.zip")} == set(handlers())
    assert "webhook.zip" in capsys.readouterr().out
