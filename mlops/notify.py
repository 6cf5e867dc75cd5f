"""Tell people outside GitHub: Slack, mail and PagerDuty, each at least once and none in the way of another."""

from __future__ import annotations

import json
import logging
import smtplib
import time
from collections.abc import Callable, Mapping
from email.message import EmailMessage
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import httpx
from pydantic import BaseModel, ConfigDict, Field

from mlops.aws import is_missing
from mlops.errors import MlopsError, RequestRefused, Unavailable
from mlops.identity import digest
from mlops.markdown import mail_header, slack

if TYPE_CHECKING:
    from mlops.aws import Cloud
    from mlops.ledger import Ledger
    from mlops.services import Services
    from mlops.settings import Settings

log = logging.getLogger(__name__)

_TIMEOUT_S = 10
_TRIES = 3
_KEEP_S = 30 * 86_400
_SETTLED_S = 60.0
"""A message younger than this may still be on its way from another process."""


class Event(StrEnum):
    BELOW_THRESHOLD = "below_threshold"
    FAILED = "failed"
    DEPLOYED = "deployed"
    REGISTERED = "registered"
    KEPT_CHAMPION = "kept_champion"
    DRIFT = "drift"
    ALARM = "alarm"
    AWAITING_APPROVAL = "awaiting_approval"
    STOPPED = "stopped"


PAGED = {Event.FAILED: "error", Event.DRIFT: "warning"}
"""Events that page somebody, with PagerDuty's severity, unless the message wakes nobody."""


class Message(BaseModel):
    """One thing to tell. `key` names this very message, `incident` what it is about: PagerDuty groups by it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    event: Event
    key: str
    incident: str
    title: str
    text: str = ""
    url: str = ""
    wakes: bool = Field(True, description="False: nobody is paged, whatever the event.")
    ends: list[str] = Field(default_factory=list, description="Incidents that are over now.")

    @property
    def id(self) -> str:
        return digest([self.event, self.key], 24)


class Delivery(BaseModel):
    """Where a message went; `failed` is tried again by `flush`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sent: list[str] = Field(default_factory=list)
    failed: dict[str, str] = Field(default_factory=dict, description="Channel -> reason.")


class Notifier:
    """The three channels. One without its secret is not configured, which is no failure."""

    def __init__(self, settings: Settings, cloud: Cloud):
        self._settings = settings
        self._cloud = cloud

    @classmethod
    def from_settings(cls, settings: Settings, cloud: Cloud) -> Notifier:
        return cls(settings, cloud)

    @property
    def channels(self) -> dict[str, Callable[[Message], bool]]:
        return {"slack": self._slack, "email": self._email, "pagerduty": self._pagerduty}

    def send(self, message: Message, channels: list[str] | None = None) -> Delivery:
        """Send to each of `channels` (all by default); a failure is noted and stops nothing."""
        sent, failed = [], {}
        for name in channels if channels is not None else list(self.channels):
            try:
                if self.channels[name](message):
                    sent.append(name)
            except Exception as error:
                # Whatever a channel does, the run and the other channels go on; the outbox keeps the message.
                failed[name] = type(error).__name__ if not isinstance(error, MlopsError) else str(error)
                log.warning("Could not send %s to %s: %s", message.event, name, failed[name])
        return Delivery(sent=sent, failed=failed)

    # -- channels: each returns False where it is not configured or not meant for this event ------------------------
    def _slack(self, message: Message) -> bool:
        address = self._secret(self._settings.slack_secret)
        if not address:
            return False
        # A bare address is an incoming webhook; JSON with a token speaks to the Web API.
        options = json.loads(address) if address.startswith("{") else {"webhook_url": address}
        payload = slack_payload(message)
        if options.get("token"):
            from slack_sdk import WebClient

            client = WebClient(
                token=options["token"], timeout=_TIMEOUT_S, retry_handlers=_slack_retries(), **_base(options)
            )
            client.chat_postMessage(channel=options["channel"], link_names=False, **payload)
            return True
        url = str(options.get("webhook_url") or options.get("url") or "")
        if not url:
            return False
        if not url.startswith(("https://", "http://")):
            # Slack's client would log the whole of it.
            raise RequestRefused(f"Secret {self._settings.slack_secret} holds no address; put it again.")
        from slack_sdk.webhook import WebhookClient

        answer = WebhookClient(url, timeout=_TIMEOUT_S, retry_handlers=_slack_retries()).send(**payload)
        if answer.status_code != 200:
            raise Unavailable(f"Slack answered {answer.status_code}.")
        return True

    def _email(self, message: Message) -> bool:
        text = self._secret(self._settings.email_secret)
        if not text:
            return False
        account = json.loads(text)
        recipients = account.get("to") or account.get("recipients") or []
        recipients = [recipients] if isinstance(recipients, str) else list(recipients)
        if not recipients:
            return False
        sender = account.get("from") or account.get("sender") or account.get("user") or "mlops@localhost"
        mail = compose_mail(message, sender, recipients)
        _repeat(lambda: _submit_mail(account, mail))
        return True

    def _pagerduty(self, message: Message) -> bool:
        events = page_events(message)
        if not events:
            return False
        keys = json.loads(self._secret(self._settings.api_keys_secret) or "{}")
        routing_key = keys.get("pagerduty_routing_key")
        if not routing_key:
            return False
        url = f"{self._settings.pagerduty_url.rstrip('/')}/v2/enqueue"
        for event in events:
            _repeat(lambda event=event: _post(url, {"routing_key": routing_key, **event}))  # type: ignore[misc]
        return True

    def _secret(self, name: str) -> str:
        """The secret's text; empty where nobody made it, which switches the channel off."""
        try:
            return self._cloud.secret(name).strip()
        except RequestRefused as refused:
            if refused.__cause__ is not None and is_missing(refused.__cause__):
                return ""
            # It is there, and we may not read it: no reason to be silent for ever.
            raise


def deliver(services: Services, message: Message) -> Delivery:
    """Send a message once to each channel, however often it is called; what fails is kept for `flush`."""
    item_id = f"message#{message.id}"
    known = services.ledger.get_item(item_id)
    if known is None:
        left = list(services.notifier.channels)
        # Written first: a process that dies here leaves the message for `flush`.
        value = {"message": message.model_dump(mode="json"), "left": left}
        services.ledger.put_item(item_id, value, keep_s=_KEEP_S)
        _note_incidents(services, message)
    else:
        left = list(known.value["left"])
        # As it was first told: what it ends is noted as ended by now.
        message = Message.model_validate(known.value["message"])
    delivery = services.notifier.send(message, left) if left else Delivery()
    done = [name for name in left if name not in delivery.failed]
    if done:
        services.ledger.change_item(item_id, lambda item: _without(item, done))
    return delivery


def is_open(ledger: Ledger, incident: str) -> bool:
    """True where people were paged about `incident` and we have not ended it; what they did by hand is not known."""
    item = ledger.get_item(f"incident#{incident}")
    return item is not None and bool(item.value["open"])


def _note_incidents(services: Services, message: Message) -> None:
    begins = [message.incident] if message.event in PAGED and message.wakes else []
    for incident, stands in [*((over, False) for over in message.ends), *((new, True) for new in begins)]:
        services.ledger.change_item(f"incident#{incident}", lambda _, stands=stands: {"open": stands})  # type: ignore[misc]


def flush(services: Services) -> int:
    """Send what could not be sent before; the number of messages that are complete now."""
    complete = 0
    for item in services.ledger.list_items("message"):
        if not item.value["left"] or time.time() - item.updated_at < _SETTLED_S:
            continue
        delivery = deliver(services, Message.model_validate(item.value["message"]))
        complete += not delivery.failed
    return complete


def _without(item: Mapping[str, Any], done: list[str]) -> dict[str, Any]:
    return {**item, "left": [name for name in item.get("left", []) if name not in done]}


def page_events(message: Message) -> list[dict[str, Any]]:
    """What PagerDuty is told, without its key: incidents that are over, and one that begins. Mostly nothing."""
    over = [{"event_action": "resolve", "dedup_key": incident[:255]} for incident in message.ends]
    if message.event not in PAGED or not message.wakes:
        return over
    begins = {
        "event_action": "trigger",
        # One incident a run or an endpoint, however often we tell.
        "dedup_key": message.incident[:255],
        "payload": {
            "summary": mail_header(message.title, 1024),
            "source": message.incident[:255],
            "severity": PAGED[message.event],
            "custom_details": {"text": message.text[:4000]},
        },
        "links": [{"href": message.url, "text": "Open"}] if message.url else [],
    }
    return [*over, begins]


def slack_payload(message: Message) -> dict[str, Any]:
    """Text for the phone's lock screen and blocks for the channel, with every outside word made inert."""
    title = slack(message.title, 150)
    blocks: list[dict[str, Any]] = [{"type": "section", "text": {"type": "mrkdwn", "text": f"*{title}*"}}]
    if message.text:
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": slack(message.text, 2000)[:3000]}})
    if message.url:
        blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": f"<{message.url}|Open>"}]})
    return {"text": title, "blocks": blocks, "unfurl_links": False, "unfurl_media": False}


def compose_mail(message: Message, sender: str, recipients: list[str]) -> EmailMessage:
    mail = EmailMessage()
    mail["Subject"] = mail_header(f"[mlops] {message.title}")
    mail["From"] = mail_header(sender)
    mail["To"] = ", ".join(mail_header(one) for one in recipients)
    # Mail programs gather what belongs to one incident.
    mail["References"] = f"<{digest(message.incident, 24)}@mlops>"
    mail.set_content("\n\n".join(part for part in (message.title, message.text, message.url) if part) + "\n")
    return mail


def _submit_mail(account: Mapping[str, Any], mail: EmailMessage) -> None:
    host, port = str(account.get("host", "localhost")), int(account.get("port", 25))
    kind = smtplib.SMTP_SSL if port == 465 else smtplib.SMTP
    with kind(host, port, timeout=_TIMEOUT_S) as server:
        if account.get("starttls", port == 587):
            server.starttls()
        user = account.get("user") or account.get("username")
        if user and account.get("password") and server.has_extn("auth"):
            server.login(str(user), str(account["password"]))
        server.send_message(mail)


def _post(url: str, event: Mapping[str, Any]) -> None:
    answer = httpx.post(url, json=event, timeout=_TIMEOUT_S, trust_env=False)
    if answer.status_code == 429 or answer.status_code >= 500:
        raise Unavailable(f"PagerDuty answered {answer.status_code}.")
    if answer.status_code >= 300:
        raise RequestRefused(f"PagerDuty answered {answer.status_code}: {answer.text[:200]}")


def _repeat(call: Callable[[], None]) -> None:
    for attempt in range(_TRIES):
        try:
            return call()
        except (OSError, smtplib.SMTPException, httpx.HTTPError, Unavailable):
            if attempt == _TRIES - 1:
                raise
            time.sleep(0.2 * 2**attempt)


def _slack_retries() -> list[Any]:
    from slack_sdk.http_retry.builtin_handlers import (
        ConnectionErrorRetryHandler,
        RateLimitErrorRetryHandler,
        ServerErrorRetryHandler,
    )

    return [
        ConnectionErrorRetryHandler(max_retry_count=_TRIES - 1),
        RateLimitErrorRetryHandler(max_retry_count=_TRIES - 1),
        ServerErrorRetryHandler(max_retry_count=_TRIES - 1),
    ]


def _base(options: Mapping[str, Any]) -> dict[str, Any]:
    return {"base_url": str(options["base_url"])} if options.get("base_url") else {}
