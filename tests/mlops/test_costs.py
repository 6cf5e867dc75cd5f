from __future__ import annotations

import pytest

from mlops import costs
from mlops.errors import IssueRejected
from mlops.services import Services
from mlops.settings import Settings
from mlops.spec import RunSpec

BODY = """```yaml
model_type: supervised_learning
algorithm: random_forest
dataset: {name: wine}
deployment: {target: sagemaker_endpoint, instance_type: ml.m5.large, auto_scaling: {min_instances: 1, max_instances: 3}}
```"""


def spec(**deployment) -> RunSpec:
    return RunSpec.model_validate(
        {
            "name": "wine",
            "model_type": "supervised_learning",
            "algorithm": "random_forest",
            "dataset": {"name": "wine"},
            "deployment": deployment or {"target": "none"},
        }
    )


def test_a_run_without_deployment_costs_four_jobs_to_their_limit():
    """By hand: 4 jobs x 1 hour x 0.115 USD."""
    assert costs.estimate(Settings(), spec()).total_usd == pytest.approx(0.46)
    assert costs.estimate(Settings(max_job_runtime_s=1800), spec()).total_usd == pytest.approx(0.23)


def test_a_deployment_adds_a_day_of_its_most_instances():
    """By hand: 0.46 + 24 h x 3 x 0.115 USD at most; 24 h x 1 are expected."""
    wanted = spec(target="sagemaker_endpoint", auto_scaling={"min_instances": 1, "max_instances": 3})
    cost = costs.estimate(Settings(), wanted)
    assert cost.total_usd == pytest.approx(0.46 + 24 * 3 * 0.115)
    assert cost.expected_usd == pytest.approx(0.115 * 16 / 60 + 24 * 0.115, abs=0.01)


def test_an_unknown_machine_costs_as_much_as_the_dearest_known():
    assert costs.price("ml.u9.metal") == (3.825, False)


def test_every_machine_an_issue_may_ask_for_has_a_price():
    assert all(costs.price(name)[1] for name in Settings().instance_types)


def test_a_plan_says_whether_a_person_must_approve():
    services = Services(Settings())
    assert costs.explain(services, BODY)["needs_approval"] is False
    cheap = Services(Settings(cost_ceiling_usd=1.0))
    plan = costs.explain(cheap, BODY)
    assert plan["needs_approval"] is True
    assert plan["endpoint"] == "mlops-random-forest-wine"
    assert plan["approval_reason"] == "8.74 USD is above the ceiling of 1.00 USD."


def test_a_body_with_mistakes_has_no_plan():
    with pytest.raises(IssueRejected):
        costs.explain(Services(Settings()), BODY.replace("random_forest", "nonsense"))
