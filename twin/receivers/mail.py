"""A mail server that keeps what it is given and delivers nothing."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage
from typing import Any, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from twin.listen import PortTaken, bind
from twin.receivers.store import Inbox

SIZE_LIMIT_BYTES = 10 << 20


class Handler:
    """What aiosmtpd asks for each message."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        recipients = ", ".join(envelope.rcpt_tos)
        rule = self._inbox.faults.take(f"SMTP {recipients}")
        if rule:
            return f"{rule.status if 400 <= rule.status < 600 else 451} Injected fault, try again later"
        content = cast(bytes, envelope.content)
        message = cast(EmailMessage, email.message_from_bytes(content, policy=email.policy.default))
        detail = {
            "recipients": list(envelope.rcpt_tos), "headers": {name: str(value) for name, value in message.items()},
            "parts": [part.get_content_type() for part in message.walk()],
        }  # fmt: skip
        sender = str(message["From"] or envelope.mail_from or "")
        self._inbox.add("mail", recipients, sender, str(message["Subject"] or ""), _text(message), detail)
        return "250 OK"


def _text(message: EmailMessage) -> str:
    body = message.get_body(("plain", "html"))
    try:
        return str(body.get_content()).replace("\r\n", "\n") if body else ""
    except (LookupError, UnicodeDecodeError):
        return ""


class Server(Controller):
    """The running mail server; `port` is the one it took, `stop()` ends it."""

    def __init__(self, host: str, port: int, inbox: Inbox) -> None:
        # The socket is ours, so that port 0 works and a taken port is told in words.
        self._socket = bind(host, port)
        super().__init__(Handler(inbox), hostname=host, port=self._socket.getsockname()[1])

    def factory(self) -> SMTP:
        # Any login is accepted: there is nothing here to protect.
        return SMTP(
            self.handler, data_size_limit=SIZE_LIMIT_BYTES, enable_SMTPUTF8=True, auth_require_tls=False,
            authenticator=lambda *_: AuthResult(success=True), hostname="mail.twin",
        )  # fmt: skip

    def _create_server(self) -> Any:
        return self.loop.create_server(self._factory_invoker, sock=self._socket)


def start(host: str, port: int, store: Inbox) -> Server:
    """Serve SMTP from a thread. Port 0 takes a free one. Raises PortTaken."""
    server = Server(host, port, store)
    server.start()
    return server


__all__ = ["PortTaken", "Server", "start"]
