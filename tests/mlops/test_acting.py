"""Whose credentials sign: the actor's, the process's own where nobody acts, and new ones before the old run out."""

from __future__ import annotations

import contextvars
import threading
from datetime import UTC, datetime, timedelta

import pytest
from botocore.credentials import Credentials

from mlops.acting import AgentCredentials, acting

PREFIX = "arn:aws:iam::123456789012:role/mlops-agent-"


class Sts:
    """Gives credentials that name what was asked for, and keeps count."""

    def __init__(self, lifetime: timedelta = timedelta(hours=1)):
        self.asked: list[tuple[str, str]] = []
        self._lifetime = lifetime

    def assume_role(self, RoleArn: str, RoleSessionName: str) -> dict:
        self.asked.append((RoleArn, RoleSessionName))
        key = {"AccessKeyId": RoleArn.rpartition("-")[2], "SecretAccessKey": "s", "SessionToken": "t"}
        return {"Credentials": {**key, "Expiration": datetime.now(UTC) + self._lifetime}}


@pytest.fixture
def sts() -> Sts:
    return Sts()


@pytest.fixture
def credentials(sts) -> AgentCredentials:
    return AgentCredentials(Credentials("own", "secret"), sts, PREFIX)


def test_nobody_acts_the_process_signs_itself(credentials, sts):
    assert credentials.get_frozen_credentials().access_key == "own"
    assert sts.asked == []


def test_whoever_acts_signs_in_a_session_of_the_run(credentials, sts):
    with acting("training", "gh-4242-7-0123456789ab"):
        assert credentials.get_frozen_credentials().access_key == "training"
        with acting("judge", "gh-4242-7-0123456789ab"):
            assert credentials.get_frozen_credentials().access_key == "judge"
        assert credentials.get_frozen_credentials().access_key == "training"
    assert credentials.get_frozen_credentials().access_key == "own"
    assert sts.asked[0] == (f"{PREFIX}training", "gh-4242-7-0123456789ab")


def test_a_session_is_asked_for_once(credentials, sts):
    for _ in range(3):
        with acting("training", "gh-1"):
            credentials.get_frozen_credentials()
    assert len(sts.asked) == 1


def test_session_that_ends_soon_is_renewed():
    """AWS refuses a request that is signed with credentials that ran out on its way."""
    soon = Sts(timedelta(minutes=4))
    credentials = AgentCredentials(Credentials("own", "secret"), soon, PREFIX)
    for _ in range(2):
        with acting("training", "gh-1"):
            credentials.get_frozen_credentials()
    assert len(soon.asked) == 2


@pytest.mark.parametrize("about", ["x", "a run/with blanks", "r" * 100])
def test_session_name_is_one_that_sts_takes(credentials, sts, about):
    """STS: 2 to 64 characters of letters, digits and =,.@_- only."""
    with acting("training", about):
        credentials.get_frozen_credentials()
    assert 2 <= len(sts.asked[0][1]) <= 64
    assert not set(sts.asked[0][1]) & set(" /")


def test_thread_acts_as_nobody_unless_it_is_handed_the_context(credentials):
    found: dict[str, str] = {}

    def look(name: str) -> None:
        found[name] = credentials.get_frozen_credentials().access_key

    with acting("training", "gh-1"):
        threads = [
            threading.Thread(target=look, args=("bare",)),
            threading.Thread(target=contextvars.copy_context().run, args=(look, "handed")),
        ]
    for thread in threads:
        thread.start()
        thread.join()
    assert found == {"bare": "own", "handed": "training"}
