"""Names that Terraform hands over are names that our own settings read."""

from __future__ import annotations

import re
from dataclasses import fields

from mlops.settings import Settings
from twin.layout import PROJECT

_READ_ELSEWHERE = {"MLOPS_DATA_QUEUE_URL"}
"""By dags/data_arrival.py itself."""


def test_every_setting_of_terraform_is_read_by_somebody():
    text = (PROJECT / "terraform" / "settings.tf").read_text()
    named = set(re.findall(r"^    (MLOPS_\w+) ", text, re.MULTILINE))
    known = {f"MLOPS_{field.name.upper()}" for field in fields(Settings)}
    assert named - known == _READ_ELSEWHERE


def test_default_names_are_those_that_terraform_makes():
    names = (PROJECT / "terraform" / "locals.tf").read_text()
    for default in (Settings.bucket, Settings.ledger_table, *Settings.data_buckets):
        assert f'"${{var.name}}-{default.removeprefix("mlops-")}' in names
