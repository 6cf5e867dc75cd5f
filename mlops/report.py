"""The one living comment of a run: what happens, what came out, how good it is, and what to do next."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import yaml
from pydantic import ValidationError

from mlops import keys
from mlops.identity import Phase, RunKey
from mlops.markdown import code, details, fence, fit, link, prose, table
from mlops.record import Outcome, PhaseRecord, PhaseState, RunRecord, RunState, TakenBack
from mlops.spec.metrics import in_order
from mlops.spec.model import RunSpec
from mlops.spec.notes import notes
from mlops.spec.render import render_for_reading
from mlops.telemetry import ids

if TYPE_CHECKING:
    from mlops.settings import Settings

_ICONS = {
    PhaseState.PENDING: "⬜",
    PhaseState.RUNNING: "⏳",
    PhaseState.SUCCEEDED: "✅",
    PhaseState.FAILED: "❌",
    PhaseState.SKIPPED: "⏭️",
}
_HEADLINES = {
    Outcome.DEPLOYED: ("🚀", "Deployed"),
    Outcome.REGISTERED: ("📦", "Passed and registered"),
    Outcome.KEPT_CHAMPION: ("🏆", "Passed, but the serving model is better"),
    Outcome.BELOW_THRESHOLD: ("📉", "Below the threshold"),
    Outcome.STOPPED: ("🛑", "Stopped"),
    Outcome.FAILED: ("❌", "Failed"),
}
_PLOTS = {
    "confusion_matrix.png": "Confusion matrix",
    "roc_curve.png": "ROC curve",
    "learning_curve.png": "Learning curve",
    "residuals.png": "Residuals",
    "clusters.png": "Clusters",
    "pr_curve.png": "Precision and recall",
    "threshold_curve.png": "Precision and recall by score threshold",
    "training_curves.png": "Training",
}

_PLOT_NAME = re.compile(r"[a-z0-9_]{1,60}\.png")


@dataclass(frozen=True)
class Addresses:
    """Where links lead; an empty address leaves its link out."""

    repository: str = ""
    """Web address of the repository, without a slash at the end."""
    airflow: str = ""
    mlflow: str = ""
    """A web address; a database file has none."""
    trace: str = ""
    """`{run_key}` and `{trace_id}` are put in."""
    max_retrainings: int = 3
    approve_deployments: bool = False
    """True: every deployment waits for a person; else only those whose issue asks for it."""

    @classmethod
    def from_settings(cls, settings: Settings) -> Addresses:
        tracking = settings.mlflow_tracking_uri
        return cls(
            repository=f"{settings.github_web_url.rstrip('/')}/{settings.github_repository}",
            airflow=settings.airflow_api_url.rstrip("/"),
            mlflow=tracking.rstrip("/") if tracking.startswith("http") else "",
            trace=settings.trace_page,
            max_retrainings=settings.max_retrainings,
            approve_deployments=settings.approve_deployments,
        )


def marker(run_key: str) -> str:
    """The hidden line by which the run's comment is found again."""
    return f"<!-- mlops-run:{run_key} -->"


def render(
    record: RunRecord,
    addresses: Addresses = Addresses(),
    suggestion: Mapping[str, Any] | None = None,
    followed_by: str = "",
) -> str:
    """The comment as Markdown: a pure function of the record.

    Args:
        suggestion: `hyperparameters` worth trying next and `reasons` why; the present ones are shown without.
        followed_by: the run that somebody has answered this one with.
    """
    blocks = [
        marker(record.run_key),
        _headline(record, answered=bool(followed_by)),
        _summary(record),
        _notes(record),
        _phases(record),
        _metrics(record),
        _plots(record, addresses),
        _links(record, addresses),
        _next_steps(_followed(followed_by) if followed_by else _steps(record, addresses, suggestion)),
        _specification(record),
        _footer(record),
    ]
    return fit(blocks, optional=[9, 6, 5])


def document(record: RunRecord) -> str:
    """The record as it is kept in the repository: the comment without what to do next, plots beside it."""
    lines = [f"Run {code(record.run_key)}, {prose(record.trigger.value)}"]
    if record.issue is not None:
        lines[0] += f" of issue {record.issue}"
    blocks = [
        _headline(record).replace("## ", "# ", 1),
        _summary(record),
        _phases(record),
        _metrics(record),
        _gallery([(label, f"{record.run_key}/{name}") for label, name in plot_names(record)]),
        _links(record, Addresses()),
        _specification(record),
        lines[0],
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _specification(record: RunRecord) -> str:
    yaml_text = fence(render_for_reading(record.spec), "yaml")
    return details("The whole specification, with its defaults filled in", yaml_text)


def as_yaml(value: Any) -> str:
    """YAML a person can paste: keys in their order, no anchors, wide lines."""
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100, default_flow_style=False)


def title(record: RunRecord) -> str:
    """Emoji, state, model and version in one line of plain text."""
    emoji, words = state_words(record)
    name = str(record.spec.get("name") or record.spec.get("algorithm") or "run")
    version = model_version(record)
    return f"{emoji} {words}: {name}" + (f" {version}" if version else "")


def state_words(record: RunRecord, answered: bool = False) -> tuple[str, str]:
    """(emoji, words). A run below its threshold waits for a person until somebody has answered."""
    if is_taken_back(record):
        return "↩️", "Deployed, then taken back"
    if record.outcome is not None:
        emoji, words = _HEADLINES[record.outcome]
        waits = record.outcome is Outcome.BELOW_THRESHOLD and not answered
        return emoji, f"{words}: your turn" if waits else words
    if record.state is RunState.AWAITING_APPROVAL:
        return "✋", "Waits for approval"
    if phase := current_phase(record):
        return "⏳", f"Running ({phase.value})"
    begun = any(record.phases[phase].state is not PhaseState.PENDING for phase in Phase)
    return "⏳", "Running" if begun else "Starting"


def is_taken_back(record: RunRecord) -> bool:
    """True where the run's model was deployed and serves no more, because somebody rolled back."""
    return record.outcome is Outcome.DEPLOYED and record.taken_back is not None


def current_phase(record: RunRecord) -> Phase | None:
    running = [phase for phase in Phase if record.phases[phase].state is PhaseState.RUNNING]
    return running[-1] if running else None


def failed_phase(record: RunRecord) -> Phase | None:
    return next((phase for phase in Phase if record.phases[phase].state is PhaseState.FAILED), None)


def approval_word(record: RunRecord) -> str:
    """What `/approve` names: the revision, with the number of the retraining or re-run where there is one."""
    return record.run_key.split("-", 3)[3] if RunKey.parse(record.run_key) else record.revision


def awaits_deployment(record: RunRecord, addresses: Addresses) -> bool:
    """True where a packaged model may go no further until a person agrees."""
    asked = addresses.approve_deployments or (record.spec.get("deployment") or {}).get("approval")
    packaged = record.phases[Phase.PACKAGE].state is PhaseState.SUCCEEDED
    ahead = record.phases[Phase.DEPLOY].state in {PhaseState.PENDING, PhaseState.RUNNING}
    return bool(asked and packaged and ahead and record.may_deploy and not record.deployment_approved_by)


def model_version(record: RunRecord) -> str:
    return str(record.phases[Phase.PACKAGE].handle.get("version") or "")


def _headline(record: RunRecord, answered: bool = False) -> str:
    emoji, words = state_words(record, answered)
    name = str(record.spec.get("name") or record.spec.get("algorithm") or "run")
    version = model_version(record)
    return f"## {emoji} {words}: {code(name, 80)}" + (f" {code(version, 40)}" if version else "")


def _summary(record: RunRecord) -> str:
    facts = []
    if record.actor:
        facts.append(f"asked for by {code(record.actor, 60)}")
    total = seconds_between(record.labelled_at or record.created_at, record.ended_at)
    if total is not None:
        facts.append(f"{duration(total)} from request to result")
    if record.retraining:
        facts.append(f"retraining {record.retraining}" + (f" of {code(record.parent, 80)}" if record.parent else ""))
    if record.data_as_of:
        facts.append(f"on the data as of {code(record.data_as_of, 40)}")
    line = " · ".join(facts)
    lines = [line[0].upper() + line[1:]] if line else []
    if record.taken_back:
        lines.append(f"> {_taken_back(record, record.taken_back)}")
    if record.message:
        lines.append(f"> {prose(record.message, 1500)}")
    return "\n\n".join(lines)


def _taken_back(record: RunRecord, back: TakenBack) -> str:
    return (
        f"Version {code(model_version(record), 40)} was taken back by {code(back.by, 60)} at {code(back.at, 40)}: "
        f"endpoint {code(back.endpoint, 80)} serves {code(back.serves, 40)} again."
    )


def _notes(record: RunRecord) -> str:
    try:
        said = notes(RunSpec.model_validate(record.spec))
    except ValidationError:
        return ""  # an older record's spec: what it was told then stands in its history
    return "\n".join(f"- {prose(note, 600)}" for note in said)


def _phases(record: RunRecord) -> str:
    rows, said = [], {record.message}
    for phase, one in ((phase, record.phases[phase]) for phase in Phase):
        took = duration(seconds_between(one.started_at, one.ended_at))
        # What leaves one phase out often leaves out those after it, and is the outcome, too: it is read once.
        news = one if one.message not in said else one.model_copy(update={"message": ""})
        rows.append([_ICONS[one.state], phase.value, took, _came_out(news)])
        said.add(one.message)
    return table(["", "Phase", "Time", "What came out"], rows, "clrl")


def _came_out(phase: PhaseRecord) -> str:
    retried = max((job.attempt for job in phase.jobs), default=1)
    note = f" (try {retried})" if retried > 1 else ""
    return (prose(phase.message, 800) or ("…" if phase.state is PhaseState.RUNNING else "")) + note


def _metrics(record: RunRecord) -> str:
    evaluation = record.phases[Phase.VALIDATE].handle
    measured: Mapping[str, Any] = evaluation.get("metrics") or {}
    verdict = record.verdict or {}
    checks = {str(check.get("metric")): check for check in verdict.get("checks", []) if isinstance(check, dict)}
    names = [*checks, *in_order(sorted(name for name in measured if name not in checks))]
    if not names:
        return ""
    champion: Mapping[str, Any] = evaluation.get("champion_metrics") or {}
    serving = evaluation.get("champion_version")
    headings = ["", "Metric", "This model", "Threshold"] + ([f"Serving {code(serving, 40)}"] if champion else [])
    rows = []
    for name in names:
        check = checks.get(name)
        row = [_passed(check), code(name, 60), number(check["value"] if check else measured[name]), _limit(check)]
        rows.append(row + ([number(champion.get(name))] if champion else []))
    reasons = "\n".join(f"- {prose(reason)}" for reason in verdict.get("reasons", [])[:20])
    what = "frames" if evaluation.get("task") == "object_detection" else "rows"
    judged = f"On {evaluation['rows']} sealed test {what}." if isinstance(evaluation.get("rows"), int) else ""
    shown = table(headings, rows, "clrr" + ("r" if champion else ""))
    return "\n\n".join(part for part in (shown, judged, reasons) if part)


def _passed(check: Mapping[str, Any] | None) -> str:
    return "" if check is None else "✅" if check.get("passed") else "❌"


def _limit(check: Mapping[str, Any] | None) -> str:
    if check is None or check.get("limit") is None:
        return ""
    sign = "≤" if check.get("direction") == "at_most" else "≥"
    return f"{sign} {number(check['limit'])}"


def _plots(record: RunRecord, addresses: Addresses) -> str:
    if not (record.history_commit and record.history_path and addresses.repository):
        return ""
    year = int(record.history_path.split("/")[1])
    root = f"{addresses.repository}/raw/{record.history_commit}"
    return _gallery(
        [(label, f"{root}/{keys.history_asset(year, record.run_key, name)}") for label, name in plot_names(record)]
    )


def plot_names(record: RunRecord) -> list[tuple[str, str]]:
    """(title, file name) of each plot; a name that cannot be part of a path is left out."""
    names = record.phases[Phase.VALIDATE].handle.get("plots") or []
    fit_names = [name for name in names if isinstance(name, str) and _PLOT_NAME.fullmatch(name)]
    return [(_PLOTS.get(name, name.removesuffix(".png").replace("_", " ")), name) for name in fit_names[:8]]


def _gallery(shown: list[tuple[str, str]]) -> str:
    if not shown:
        return ""
    # Two in a row read well on a desktop and on a telephone.
    pairs = [shown[at : at + 2] for at in range(0, len(shown), 2)]
    # A table for each pair: Markdown has headings on top only, and each picture has its title above it.
    return "\n\n".join(
        table(
            [prose(label) for label, _ in pair],
            [[f"![{prose(label)}]({address})" for label, address in pair]],
        )
        for pair in pairs
    )


def _links(record: RunRecord, addresses: Addresses) -> str:
    lines = []
    deployed = record.phases[Phase.DEPLOY].handle
    # A deployment that was left out names the endpoint that it would have had.
    if deployed.get("endpoint") and deployed.get("state") != "skipped" and not record.taken_back:
        answer = f" answers at {code(deployed['url'])}" if deployed.get("url") else ""
        lines.append(f"Endpoint {code(deployed['endpoint'])}{answer}" + _clause(deployed.get("proof")))
    prepared = record.phases[Phase.PREPARE].handle
    if prepared.get("version"):
        lines.append(f"Data set {code(prepared.get('dataset'))} version {code(prepared['version'])}")
    package = record.phases[Phase.PACKAGE].handle
    if package.get("package_arn"):
        lines.append(f"Model registry {code(package['package_arn'])}")
    if package.get("openapi_uri"):
        lines.append(f"OpenAPI document {code(package['openapi_uri'])}")
    lines += _pages(record, addresses)
    return "\n".join(f"- {line}" for line in lines)


def _clause(text: object) -> str:
    return f": {prose(text)}" if text else ""


def _pages(record: RunRecord, addresses: Addresses) -> list[str]:
    pages = []
    if addresses.airflow and record.state is not RunState.AWAITING_APPROVAL:
        run_id = record.airflow_run_id or record.run_key
        pages.append(link("Airflow run", f"{addresses.airflow}/dags/lifecycle/runs/{quote(run_id, safe='')}"))
    if addresses.trace and record.state is not RunState.AWAITING_APPROVAL:
        trace_id = ids.xray(ids.trace_id(record.run_key))
        pages.append(link("Trace", addresses.trace.format(run_key=record.run_key, trace_id=trace_id)))
    if record.mlflow_run_id:
        server = f" on {link('the server', addresses.mlflow)}" if addresses.mlflow else ""
        pages.append(f"MLflow run {code(record.mlflow_run_id)}{server}")
    if record.history_path and record.history_commit and addresses.repository:
        address = f"{addresses.repository}/blob/{record.history_commit}/{record.history_path}"
        pages.append(link("Record of this run", address))
    return pages


def _followed(run_key: str) -> str:
    return f"Run {code(run_key, 80)} followed; its comment says what you can do now."


def _next_steps(steps: str) -> str:
    return "### What you can do\n\n" + steps if steps else ""


def _steps(record: RunRecord, addresses: Addresses, suggestion: Mapping[str, Any] | None) -> str:
    if record.issue is None:
        return ""
    if record.state is RunState.AWAITING_APPROVAL:
        return f"A maintainer starts it with this comment:\n\n{fence(f'/approve {approval_word(record)}')}"
    if record.outcome is None and awaits_deployment(record, addresses):
        return f"A maintainer lets it be deployed with this comment:\n\n{fence(f'/approve {approval_word(record)}')}"
    if record.outcome is None:
        return "Comment `/stop` to end this run."
    if record.outcome is Outcome.BELOW_THRESHOLD:
        left = max(0, addresses.max_retrainings - record.retraining)
        better = (suggestion or {}).get("hyperparameters")
        lead = "These settings may do better; change them as you like" if better else "Change what you like"
        change = as_yaml({"hyperparameters": better or record.spec.get("hyperparameters") or {}})
        reasons = "\n".join(f"- {prose(reason)}" for reason in (suggestion or {}).get("reasons", []))
        parts = [
            f"{left} of {addresses.max_retrainings} retrainings left. {lead}, and post this as a comment:",
            fence(f"/retrain\n{change}"),
            reasons,
            "Or comment `/stop`.",
        ]
        return "\n\n".join(part for part in parts if part)
    if record.outcome is Outcome.DEPLOYED and not record.taken_back:
        return "Comment `/rollback` to bring back the version that served before, or `/rerun` to train once more."
    if record.outcome is Outcome.FAILED:
        return (
            "Mend the cause named above and comment `/rerun`; comment `/retrain` with other settings below it; "
            "or edit the issue and set the label again."
        )
    if record.outcome is Outcome.STOPPED:
        return "Edit the issue and set the label again, or comment `/rerun`."
    return "Comment `/rerun` to train once more, or edit the issue and set the label again."


def _footer(record: RunRecord) -> str:
    revision = f" · revision {code(record.revision)}" if record.revision else ""
    return f"<sub>Run {code(record.run_key)}{revision} · `/help` lists the commands</sub>"


def number(value: Any) -> str:
    """Four significant digits, no more: nobody reads the fifth."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return "–" if value is None else code(value, 40)
    return f"{value:.4g}"


def seconds_between(start: str | None, end: str | None) -> float | None:
    if not (start and end):
        return None
    try:
        return max(0.0, (_moment(end) - _moment(start)).total_seconds())
    except (ValueError, TypeError):
        return None


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def duration(seconds: float | None) -> str:
    """`8 s`, `3 min 05 s`, `2 h 07 min`; empty where not known."""
    if seconds is None:
        return ""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
