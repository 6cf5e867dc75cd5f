"""Settings from the environment."""

from __future__ import annotations

import pytest

from mlops.settings import Settings


@pytest.mark.parametrize(
    ("variable", "text", "field", "value"),
    [
        pytest.param("MLOPS_BUCKET", "b", "bucket", "b", id="text"),
        pytest.param("MLOPS_DATA_BUCKETS", "a, b,", "data_buckets", ("a", "b"), id="list"),
        pytest.param("MLOPS_COST_CEILING_USD", "2.5", "cost_ceiling_usd", 2.5, id="number"),
        pytest.param("MLOPS_MAX_RETRAININGS", "2", "max_retrainings", 2, id="whole number"),
        pytest.param("MLOPS_APPROVE_DEPLOYMENTS", "yes", "approve_deployments", True, id="yes"),
        pytest.param("MLOPS_APPROVE_DEPLOYMENTS", "0", "approve_deployments", False, id="no"),
        pytest.param("GITHUB_REPOSITORY", "o/r", "github_repository", "o/r", id="plain name"),
    ],
)
def test_a_variable_sets_its_field(variable, text, field, value):
    assert getattr(Settings.from_environment({variable: text}), field) == value


def test_plain_names_are_honoured_for_addresses_only():
    assert Settings.from_environment({"BUCKET": "other"}).bucket == Settings().bucket


def test_our_own_prefix_wins_over_a_plain_name():
    both = {"GITHUB_REPOSITORY": "a/a", "MLOPS_GITHUB_REPOSITORY": "b/b"}
    assert Settings.from_environment(both).github_repository == "b/b"
