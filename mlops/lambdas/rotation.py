"""Secrets Manager's rotation: makes a new value where one can be made, asks people where only they can.

`api-keys` holds a key of our own making, `mcp_signing_key`; its other entries stay as they are, and the agents' tokens
in Airflow's connection are signed anew. A token of GitHub, an address of Slack, a mail account are given out by others:
for these a rotation is a reminder, and the value stays. Standard library and boto3 only.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from mlops.lambdas import connection
from mlops.telemetry.lines import tell

KEYS_SECRET = "api-keys"  # noqa: S105
KEY = "mcp_signing_key"
PREVIOUS_KEY = "mcp_signing_key_previous"
"""The MCP server takes tokens of both: agents go on through a rotation, and an old key ends with the next one."""
EVERY_S = 90 * 86400
BY_PEOPLE = {
    "github-token": "In the bot's GitHub account, make a token with the same permissions; revoke the old one then.",
    "slack-webhook": "In Slack's app settings, add a webhook for the channel; remove the old one then.",
    "email-smtp": "At the mail provider, make a new password for the account; the value is JSON with host, port, user, "
    "password, sender, to.",
}
"""Name -> how a person renews it."""
REMINDED = "REMINDED-"
"""Staging label on the value that people were asked to renew; it ends with the rotation's token."""

_CURRENT, _PENDING = "AWSCURRENT", "AWSPENDING"
_KEY_BYTES = 32


class RotationRefused(Exception):
    """This cannot be rotated; Secrets Manager tries again, and the alarm on the function's errors rings."""


@dataclass(frozen=True)
class Rotation:
    """One rotation of one secret; each step may come again. No step logs or tells a value."""

    manager: Any
    publish: Callable[[str, str], None]
    """Sends (subject, text) to people."""
    secret: str
    """What Secrets Manager calls it: an ARN."""
    title: str
    """Its name."""
    name: str
    """The same without the project's prefix."""
    token: str
    """The version that is to become current."""
    versions: Mapping[str, list[str]]
    """Version -> its staging labels."""

    def create(self) -> None:
        """createSecret: put the new value beside the current one, or ask people for one."""
        if self.name in BY_PEOPLE:
            self._remind()
        elif self._value(_PENDING, version=self.token) is None:
            current = self._keys()
            renewed = {**_others(current), KEY: secrets.token_hex(_KEY_BYTES)}
            if KEY in current:
                renewed[PREVIOUS_KEY] = current[KEY]
            self.manager.put_secret_value(
                SecretId=self.secret, ClientRequestToken=self.token, SecretString=json.dumps(renewed),
                VersionStages=[_PENDING],
            )  # fmt: skip

    def set(self) -> None:
        """setSecret: sign the agents' tokens with the key of today, which the server takes until the next rotation.

        Not with the new one, which the server learns only after it is current. The server reads the keys itself.
        """
        if self.name in BY_PEOPLE:
            return
        self.agents.renew(_signing(self._keys()), time.time())

    def test(self) -> None:
        """testSecret: is the new key one, and is all else what it is in the current value?"""
        if self.name in BY_PEOPLE:
            return
        # When rotation is set up Secrets Manager tries this step alone, with a copy of the current value.
        if self._pending_keys() != self._keys():
            self._check()

    def finish(self) -> None:
        """finishSecret: the new value becomes the current one; where there is none, nothing stays pending."""
        if self.name in BY_PEOPLE:
            if _PENDING in self.versions[self.token]:
                self._move(_PENDING, source=self.token)
            return
        # A person may have put a value since the test.
        self._check()
        others = ", ".join(sorted(_others(self._keys()))) or "none"
        # Told before it is done: told twice does less harm than not at all.
        left = self.agents.ending_before(time.time() + EVERY_S, _signing(self._keys())[:1])
        if left:
            agents = (
                f"Until then mint {left} anew (python -m mcp_bridge token --all --days 120) and put them into "
                f"{self.agents.name}; mint anew the tokens that people keep elsewhere."
            )
        else:
            agents = (
                "Until then mint anew the tokens that people keep elsewhere. "
                f"Those of the agents in {self.agents.name} were renewed."
            )
        self.publish(
            f"{self.title} is being rotated" + (": mint tokens anew" if left else ""),
            f"{KEY} in {self.title} gets a new value. Tokens signed with the one before go on until the next rotation, "
            f"and no longer. {agents} Entries of this secret that only people renew: {others}.",
        )
        self._move(_CURRENT, source=self._current_version(), target=self.token)

    @property
    def agents(self) -> connection.AgentTokens:
        return connection.AgentTokens(self.manager, self.title.removesuffix(self.name) + connection.NAME)

    def _check(self) -> None:
        current, pending = self._keys(), self._pending_keys()
        if len(str(pending.get(KEY, ""))) < 2 * _KEY_BYTES or pending[KEY] == current.get(KEY):
            raise RotationRefused(f"The pending {KEY} is no new key of {_KEY_BYTES} bytes.")
        if _others(pending) != _others(current):
            raise RotationRefused("Somebody changed the secret during its rotation; rotate it again.")

    def _remind(self) -> None:
        current = self._current_version()
        label = REMINDED + self.token
        if label in self.versions[current]:
            return
        self.publish(
            f"Renew {self.title}",
            f"It is time to renew {self.title}; only a person can. {BY_PEOPLE[self.name]} Then: "
            f"aws secretsmanager put-secret-value --secret-id {self.title} --secret-string file://new-value. "
            "Until then the value of today goes on being used.",
        )
        # A version holds at most 20 labels: the reminder before gives its place.
        for old in (stage for stage in self.versions[current] if stage.startswith(REMINDED)):
            self._move(old, source=current)
        self._move(label, target=current)

    def _current_version(self) -> str:
        for version, stages in self.versions.items():
            if _CURRENT in stages:
                return version
        raise RotationRefused(f"{self.title} has no value yet.")

    def _move(self, stage: str, *, source: str | None = None, target: str | None = None) -> None:
        places = {"RemoveFromVersionId": source, "MoveToVersionId": target}
        self.manager.update_secret_version_stage(
            SecretId=self.secret, VersionStage=stage, **{name: version for name, version in places.items() if version}
        )

    def _pending_keys(self) -> dict[str, Any]:
        return self._keys(_PENDING, version=self.token)

    def _keys(self, stage: str = _CURRENT, **version: str) -> dict[str, Any]:
        try:
            keys = json.loads(self._value(stage, **version) or "")
        except ValueError:
            # The decoder's error would carry the value with it.
            keys = None
        if not isinstance(keys, dict):
            raise RotationRefused(f"The {stage} value is not a JSON object.")
        return keys

    def _value(self, stage: str, version: str | None = None) -> str | None:
        which = {"VersionId": version} if version else {}
        try:
            found = self.manager.get_secret_value(SecretId=self.secret, VersionStage=stage, **which)
        except self.manager.exceptions.ResourceNotFoundException:
            return None
        return found.get("SecretString")


def _others(keys: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in keys.items() if name not in (KEY, PREVIOUS_KEY)}


def _signing(keys: Mapping[str, Any]) -> list[str]:
    """The keys whose tokens are taken, the newest first."""
    return [str(keys[name]) for name in (KEY, PREVIOUS_KEY) if keys.get(name)]


STEPS: dict[str, Callable[[Rotation], None]] = {
    "createSecret": Rotation.create,
    "setSecret": Rotation.set,
    "testSecret": Rotation.test,
    "finishSecret": Rotation.finish,
}


def handler(event: Mapping[str, Any], context: object) -> None:
    """What Secrets Manager calls, once a step. Settings: `ALARM_TOPIC_ARN`, `SECRET_PREFIX`.

    Raises:
        RotationRefused: not a secret of ours, not a version of it, or a value that must not become current.
    """
    try:
        _rotate(event)
    except Exception as failed:
        # What the runtime writes of it is text, in which no filter of the log group finds a level.
        tell("error", "rotation", f"Step {event.get('Step')} failed", error=type(failed).__name__)
        raise


def _rotate(event: Mapping[str, Any]) -> None:
    manager, publish = clients()
    secret, token, step = str(event["SecretId"]), str(event["ClientRequestToken"]), str(event["Step"])
    described = manager.describe_secret(SecretId=secret)
    prefix = os.environ.get("SECRET_PREFIX", "mlops/")
    name = str(described["Name"]).removeprefix(prefix)
    if described["Name"] != prefix + name or name not in {KEYS_SECRET, *BY_PEOPLE}:
        raise RotationRefused(f"{described['Name']} is not a secret that this function knows.")
    if step not in STEPS:
        raise RotationRefused(f"{step} is not a step of a rotation.")
    versions = described.get("VersionIdsToStages", {})
    if _CURRENT in versions.get(token, ()):
        _told("was done before", described["Name"], step)
        return
    if token not in versions:
        raise RotationRefused(f"{described['Name']} has no version {token}: nothing asked for this rotation.")
    STEPS[step](Rotation(manager, publish, secret, described["Name"], name, token, versions))
    _told("is people's to do" if name in BY_PEOPLE else "was made", described["Name"], step)


@cache
def clients() -> tuple[Any, Callable[[str, str], None]]:
    """(Secrets Manager, publish), one for each running instance."""
    import boto3

    topic, sns = os.environ["ALARM_TOPIC_ARN"], boto3.client("sns")

    def publish(subject: str, text: str) -> None:
        sns.publish(TopicArn=topic, Subject=subject, Message=text)

    return boto3.client("secretsmanager"), publish


def _told(what: str, secret: str, step: str) -> None:
    tell("info", "rotation", f"Step {step} {what}", secret=secret, step=step)
