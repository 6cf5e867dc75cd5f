"""One run, from data to a watched endpoint: seven phases, one task group each."""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Param, TaskGroup, TriggerRule, chain
from operators.bridge import ToolOperator, of_this_run
from operators.closing import CloseRunOperator, report_failure
from operators.deployment import DeploymentOperator
from operators.jobs import JobOperator
from operators.judge import JudgeOperator, VerdictBranchOperator

from mlops.identity import Phase
from mlops.phases.graph import EDGES, FIRST, LAST
from mlops.spec import dag_params


def opening(context):
    """A run without an issue is made from the form; elsewhere the ledger knows the spec already."""
    return {**of_this_run(context), "airflow_run_id": context["run_id"], "parameters": dict(context["params"])}


with DAG(
    dag_id="lifecycle",
    schedule=None,
    catchup=False,
    max_active_runs=32,
    max_active_tasks=64,
    params={name: Param(**schema) for name, schema in dag_params().items()},
    # Issue text reaches tasks as values; it must never become template source or Python.
    render_template_as_native_obj=False,
    default_args={
        # For platform faults; a refusal ends the task at once.
        "retries": 3,
        "retry_delay": timedelta(seconds=5),
        "retry_exponential_backoff": 2,
        "max_retry_delay": timedelta(minutes=2),
        "on_failure_callback": report_failure,
    },
    tags=["mlops"],
    doc_md=__doc__,
) as dag:
    open_run = ToolOperator(
        task_id="open_run", agent="history_writer", tool="open_run", arguments=opening, each_try=True
    )

    with TaskGroup(Phase.PREPARE):
        JobOperator(
            task_id="prepare_data", agent="data_preparation", start="start_preparation", collect="collect_preparation"
        )

    with TaskGroup(Phase.TRAIN):
        JobOperator(task_id="train_model", agent="training", start="start_training", collect="collect_training")

    with TaskGroup(Phase.VALIDATE):
        evaluate_model = JobOperator(
            task_id="evaluate_model", agent="evaluation", start="start_evaluation", collect="collect_evaluation"
        )
        judge_model = JudgeOperator(task_id="judge_model", run="open_run", evaluation="validate.evaluate_model")
        record_verdict = VerdictBranchOperator(
            task_id="record_verdict",
            agent="evaluation",
            verdict="validate.judge_model",
            accepted=["package.package_model"],
            otherwise=["retrain.decide_next"],
        )
        chain(evaluate_model, judge_model, record_verdict)

    with TaskGroup(Phase.PACKAGE):
        JobOperator(task_id="package_model", agent="packaging", start="start_packaging", collect="collect_packaging")

    with TaskGroup(Phase.DEPLOY):
        DeploymentOperator(task_id="deploy_model", agent="deployment")

    with TaskGroup(Phase.MONITOR):
        ToolOperator(task_id="open_watch", agent="monitor", tool="open_watch")

    with TaskGroup(Phase.RETRAIN):
        ToolOperator(
            task_id="decide_next", agent="retrain", tool="decide_next",
            # After a deployment, and after a verdict that ends in none.
            trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS,
        )  # fmt: skip

    # Whatever happened, it is written down; the run itself then ends as its phases did.
    close_run = CloseRunOperator(task_id="close_run", agent="history_writer", trigger_rule=TriggerRule.ALL_DONE)
    ended = EmptyOperator(task_id="ended")

    # Which phase follows which: the graph that the state machine is drawn from, too.
    groups = dag.task_group.children
    for phase, follower in EDGES:
        groups[phase] >> groups[follower]
    open_run >> groups[FIRST]
    chain(groups[LAST], [close_run, ended])
