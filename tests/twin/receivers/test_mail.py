"""Mail through smtplib."""

from __future__ import annotations

import smtplib
from email.message import EmailMessage

import pytest

from twin.listen import PortTaken
from twin.receivers import mail
from twin.receivers.store import Inbox


def compose(subject: str, text: str, html: str = "") -> EmailMessage:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = subject, "MLOps <mlops@twin>", "team@twin"
    message.set_content(text)
    if html:
        message.add_alternative(html, subtype="html")
    return message


def test_mail_arrives_decoded(receivers):
    with smtplib.SMTP("127.0.0.1", receivers.smtp_port) as smtp:
        smtp.login("any", "body")
        smtp.send_message(compose("Läuft: 報告", "Zeile eins\nZeile zwei", "<b>html</b>"))
    (message,) = receivers.messages(kind="mail")
    assert (message["subject"], message["channel"], message["sender"]) == (
        "Läuft: 報告",
        "team@twin",
        "MLOps <mlops@twin>",
    )
    assert message["text"] == "Zeile eins\nZeile zwei\n"
    assert "text/html" in message["detail"]["parts"]


def test_server_that_is_down_takes_it_later(receivers):
    receivers.fault(match="^SMTP team", fault="status", status=451)
    with smtplib.SMTP("127.0.0.1", receivers.smtp_port) as smtp:
        with pytest.raises(smtplib.SMTPDataError, match="451"):
            smtp.send_message(compose("s", "t"))
        smtp.send_message(compose("s", "t"))
    assert len(receivers.messages(kind="mail")) == 1


def test_taken_port_is_told(receivers, tmp_path):
    with pytest.raises(PortTaken, match="in use by another program"):
        mail.start("127.0.0.1", receivers.smtp_port, Inbox(tmp_path / "x.sqlite"))
