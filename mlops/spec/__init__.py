"""The one schema of a run, and everything derived from it."""

from mlops.spec.algorithms import ALGORITHMS, WORKLOADS, Algorithm, find_algorithm
from mlops.spec.change import merge, parse_change
from mlops.spec.issue_form import issue_form
from mlops.spec.model import RunSpec, canonical
from mlops.spec.parameters import dag_params, from_parameters, to_parameters
from mlops.spec.parse import parse_issue
from mlops.spec.render import render
from mlops.spec.schema import json_schema, tool_schema

__all__ = [
    "ALGORITHMS",
    "WORKLOADS",
    "Algorithm",
    "RunSpec",
    "canonical",
    "dag_params",
    "find_algorithm",
    "from_parameters",
    "issue_form",
    "json_schema",
    "merge",
    "parse_change",
    "parse_issue",
    "render",
    "to_parameters",
    "tool_schema",
]
