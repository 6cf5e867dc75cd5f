"""Who may call what: the agents of the lifecycle and the capabilities granted to each."""

from __future__ import annotations

CAPABILITIES = (
    "github_integration",
    "workflow_optimization",
    "data_preparation",
    "model_training",
    "model_evaluation",
    "model_packaging",
    "model_deployment",
    "model_monitoring",
    "retrain_management",
    "notification",
    "history_management",
)

OPERATOR = "operator"
"""People and their tools: every capability."""

# A scope is a capability, or one tool of another capability.
_JOBS = frozenset({"follow_job", "stop_job"})

GRANTS: dict[str, frozenset[str]] = {
    "issue_detector": frozenset({"github_integration", "workflow_optimization"}),
    "data_preparation": frozenset({"data_preparation"}) | _JOBS,
    "training": frozenset({"model_training"}),
    "evaluation": frozenset({"model_evaluation"}) | _JOBS,
    # The judge decides in a pure function; it may look, and change nothing.
    "judge": frozenset({"get_run", "list_runs", "list_versions", "describe_dataset"}),
    "packaging": frozenset({"model_packaging"}) | _JOBS,
    "deployment": frozenset({"model_deployment"}),
    "monitor": frozenset({"model_monitoring"}) | _JOBS,
    "retrain": frozenset({"retrain_management"}),
    "notification": frozenset({"notification"}),
    "history_writer": frozenset({"history_management"}),
    OPERATOR: frozenset(CAPABILITIES),
}


def owner(capability: str) -> str:
    """The agent that a capability is made for."""
    return next(agent for agent, scopes in GRANTS.items() if capability in scopes)


AGENTS = tuple(agent for agent in GRANTS if agent != OPERATOR)


def allows(scopes: frozenset[str], capability: str, tool: str) -> bool:
    """True where `scopes` hold the tool's capability or the tool itself."""
    return capability in scopes or tool in scopes
