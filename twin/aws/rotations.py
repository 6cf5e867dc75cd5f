"""RotateSecret as AWS does it: a pending version, then the function's four steps, while the caller goes on."""

from __future__ import annotations

import json
import logging
import time
import uuid
from typing import Any

from moto.secretsmanager.exceptions import InvalidRequestException, SecretNotFoundException
from moto.secretsmanager.models import SecretsManagerBackend

from twin.aws.functions import Functions
from twin.aws.twin import Twin
from twin.aws.wire import AwsError

log = logging.getLogger(__name__)

STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
_CURRENT, _PENDING = "AWSCURRENT", "AWSPENDING"
_CALLER = "secretsmanager.amazonaws.com"
_move = SecretsManagerBackend.update_secret_version_stage


def run_rotations(twin: Twin, functions: Functions) -> None:
    """Let rotations run in this process. Safe to call twice."""

    def rotate_secret(
        self: SecretsManagerBackend, secret_id: str, client_request_token: str | None = None,
        rotation_lambda_arn: str | None = None, rotation_rules: dict[str, Any] | None = None,
        rotate_immediately: bool = True,
    ) -> str:  # fmt: skip
        if not self._is_valid_identifier(secret_id):
            raise SecretNotFoundException()
        secret: Any = self.secrets[secret_id]
        if secret.is_deleted():
            raise InvalidRequestException("You can't perform this operation on the secret because it was deleted.")
        function = rotation_lambda_arn or secret.rotation_lambda_arn
        if not function:
            raise InvalidRequestException("No Lambda rotation function ARN is associated with this secret.")
        _require_permission(functions, function)
        pending = _unfinished(secret)
        if pending and not rotation_lambda_arn:
            twin.in_background(lambda: _rotate(secret, function, pending), f"rotate:{secret.name}")
            raise InvalidRequestException("A previous rotation isn't complete. That rotation will be reattempted.")
        secret.rotation_requested, secret.rotation_lambda_arn = True, function
        secret.rotation_enabled = True
        if rotation_rules:
            secret.auto_rotate_after_days = int(rotation_rules.get("AutomaticallyAfterDays", 0))
        secret.next_rotation_date = int(time.time()) + secret.auto_rotate_after_days * 86_400
        token = client_request_token or str(uuid.uuid4())
        secret.remove_version_stages_from_old_versions([_PENDING])
        secret.versions[token] = {"version_id": token, "createdate": int(time.time()), "version_stages": [_PENDING]}
        if rotate_immediately:
            twin.in_background(lambda: _rotate(secret, function, token), f"rotate:{secret.name}")
        else:
            current: dict[str, Any] = next(
                (each for each in secret.versions.values() if _CURRENT in each["version_stages"]), {}
            )
            secret.versions[token] |= {name: current[name] for name in current if name.startswith("secret_")}
            twin.in_background(lambda: _try(secret, function, token), f"rotate:{secret.name}")
        return str(secret.to_short_dict(version_id=token))

    def _rotate(secret: Any, function: str, token: str) -> None:
        for step in STEPS:
            if not _run(secret, function, token, step):
                return
        with twin.locks.changing("secretsmanager"):
            secret.last_rotation_date = int(time.time())
            if secret.auto_rotate_after_days:
                secret.next_rotation_date = secret.last_rotation_date + secret.auto_rotate_after_days * 86_400
            if _PENDING in secret.versions[token]["version_stages"]:
                secret.versions[token]["version_stages"].remove(_PENDING)
            _forget_bare_versions(secret)
        twin.effects.record("RotateSecret", secret.name)

    def _try(secret: Any, function: str, token: str) -> None:
        """Where rotation is set up for later, AWS tries the step testSecret alone and takes the trial away again."""
        _run(secret, function, token, "testSecret")
        with twin.locks.changing("secretsmanager"):
            secret.versions.pop(token, None)

    def _run(secret: Any, function: str, token: str, step: str) -> bool:
        event = {"Step": step, "SecretId": secret.arn, "ClientRequestToken": token}
        try:
            outcome = functions.invoke(function, json.dumps(event).encode())
        except AwsError as gone:
            log.warning("The rotation of %s stops at %s: %s", secret.name, step, gone)
            return False
        if outcome.error:
            said = json.loads(outcome.payload)
            log.warning("The rotation of %s stops at %s: %s", secret.name, step, said.get("errorType"))
        return not outcome.error

    SecretsManagerBackend.rotate_secret = rotate_secret  # type: ignore[method-assign]
    SecretsManagerBackend.update_secret_version_stage = _update_secret_version_stage  # type: ignore[method-assign]


def _update_secret_version_stage(
    self: Any, secret_id: str, version_stage: str, remove_from_version_id: str, move_to_version_id: str
) -> tuple[str, str]:
    """moto would go on answering with the version that was current before."""
    answer = _move(self, secret_id, version_stage, remove_from_version_id, move_to_version_id)
    if version_stage == _CURRENT and move_to_version_id:
        self.secrets[secret_id].set_default_version_id(move_to_version_id)
    return answer


def _require_permission(functions: Functions, function: str) -> None:
    try:
        allowed = functions.may_be_called(function, _CALLER)
    except AwsError:
        allowed = False
    if not allowed:
        raise AwsError(
            "AccessDeniedException",
            "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants "
            f"access to the principal {_CALLER}.",
        )


def _unfinished(secret: Any) -> str:
    """The version that an earlier rotation left pending."""
    for version, content in secret.versions.items():
        if _PENDING in content["version_stages"] and _CURRENT not in content["version_stages"]:
            return str(version)
    return ""


def _forget_bare_versions(secret: Any) -> None:
    """A version without a label is deprecated, and nobody finds it; one without a value was never one."""
    for version in [each for each, content in secret.versions.items() if not content["version_stages"]]:
        del secret.versions[version]
