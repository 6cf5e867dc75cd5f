"""The zips: small, the same each time, and enough."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile

from mlops.lambdas.__main__ import main
from mlops.lambdas.package import handlers, package, sources


def test_webhook_is_a_handler():
    assert "webhook" in handlers()
    assert "package" not in handlers()


def test_same_sources_give_the_same_bytes(tmp_path):
    first = package("webhook", tmp_path / "a").read_bytes()
    assert package("webhook", tmp_path / "b").read_bytes() == first


def test_zip_holds_what_the_handler_imports_of_ours_and_no_more(tmp_path):
    names = zipfile.ZipFile(package("webhook", tmp_path)).namelist()
    assert names == ["mlops/__init__.py", "mlops/lambdas/__init__.py", "mlops/lambdas/webhook.py"]


def test_imports_of_imports_are_found():
    """`package` itself imports nothing of ours; `__main__` imports it."""
    assert [path.name for path in sources("__main__")] == ["__init__.py", "__init__.py", "__main__.py", "package.py"]


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
