"""Tokens as headers: what is no token is refused without being quoted."""

from __future__ import annotations

import pytest
from airflow.sdk.exceptions import AirflowFailException
from hooks.bearer import bearer


def test_token_becomes_a_header():
    assert bearer("abc", "github_default") == "Bearer abc"


def test_line_end_of_a_file_is_taken_off():
    assert bearer("abc\r\n", "github_default") == "Bearer abc"


@pytest.mark.parametrize("token", ["secret\r\nx: y", "sec\0ret", "secreté", "", None], ids=repr)
def test_what_is_no_token_is_refused_without_being_quoted(token):
    with pytest.raises(AirflowFailException, match="connection github_default") as refused:
        bearer(token, "github_default")
    assert "secret" not in str(refused.value)
