"""What a comment asks for, told from talk."""

from __future__ import annotations

import pytest

from mlops.commands import Command, Verb, parse_command, settings_of
from mlops.errors import IssueRejected
from tests.mlops.bodies import plain


@pytest.mark.parametrize(
    ("body", "command"),
    [
        ("/stop", Command(Verb.STOP)),
        ("  /stop please", Command(Verb.STOP, "please")),
        ("Looks fine.\n\n/approve 0123456789ab\nThanks", Command(Verb.APPROVE, "0123456789ab")),
        ("/approve", Command(Verb.APPROVE)),
        ("/retrain\nmax_depth: 8", Command(Verb.RETRAIN)),
        ("/retrain\r\nmax_depth: 8\r\n", Command(Verb.RETRAIN)),
        ("/stop\n/rerun", Command(Verb.STOP)),
        ("```yaml\nmax_depth: 8\n```", Command(Verb.RETRAIN, implicit=True)),
        ("/help", Command(Verb.HELP)),
        ("/STOP", Command(Verb.STOP)),
        ("/Approve 0123456789AB", Command(Verb.APPROVE, "0123456789AB")),
    ],
)
def test_a_command_stands_at_the_start_of_a_line(body, command):
    assert parse_command(body) == command


@pytest.mark.parametrize(
    "body",
    [
        "",
        "please do not /stop it",
        "/stopping is bad",
        "/usr/bin/python",
        "/unknown",
        "> /stop",
        "`/stop`",
        "    /stop",
        "max_depth: 8",
        "/stop <!-- mlops-run:gh-1-1-0123456789ab -->",
    ],
)
def test_talk_is_no_command(body):
    assert parse_command(body) is None


def test_a_command_inside_a_code_block_is_an_example():
    assert parse_command("```\n/stop\n```") == Command(Verb.RETRAIN, implicit=True)
    assert parse_command("~~~\n/stop\n~~~\n/rerun") == Command(Verb.RERUN)


def test_settings_are_read_from_yaml_and_from_lines():
    fenced = settings_of("/retrain\n```yaml\nhyperparameters:\n  max_depth: 8\n```")
    assert plain(fenced) == {"hyperparameters": {"max_depth": 8}}
    assert plain(settings_of("/retrain\nmax_depth: 8")) == {"max_depth": 8}


def test_a_retraining_without_settings_says_what_to_write():
    with pytest.raises(IssueRejected) as rejected:
        settings_of("Once more.\n/Retrain")
    assert "/rerun" in rejected.value.problems[0].remedy
    assert rejected.value.problems[0].line == 2
    assert settings_of("```\nsome log\n```", required=False) == {}
