"""Outside words stay words: no markup, mention, link or control sequence of theirs works."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from mlops.markdown import COMMENT_LIMIT, code, details, fence, fit, link, mail_header, one_line, prose, slack, table

HOSTILE = [
    "@octocat please look", "@acme/admins", "Closes #1", "fixes acme/perception#12", "GH-7", "#1",
    "[click](https://evil.example)", "![beacon](https://evil.example/x.png)", "<img src=https://evil.example/x.png>",
    "<script>alert(1)</script>", "</details><h1>approved</h1>", "<!-- mlops-run:gh-1-1-abcdefabcdef -->",
    "https://evil.example/a?b=c", "www.evil.example", "http://evil.example", "ftp://evil.example", "me@evil.example",
    "mailto:me@evil.example", "xmpp:me@evil.example", "<https://evil.example>", "[ref]: https://evil.example",
    "[a][ref]\n\n[ref]: https://evil.example", "`` ` ``", "```\n@octocat\n```", "`` @octocat", "a`b`c", "\\`@x\\`",
    "| a | b |", "\\| | x", "a\\", "\\\\", "# heading", "\n# heading\n", "- item", "> quote", "***bold***", "~~x~~",
    "&lt;b&gt;", "&#64;octocat", "&#x40;octocat", "&commat;octocat", "line\r\nbreak", "\u2028@x", "\u202eevil\u202c",
    "\u200b@\u200bx", "a\x00b", "$\\href{https://evil.example}{x}$", "$$x$$", ":warning:", "/approve 123456789012",
    "![x](javascript:alert(1))", "[x](javascript:alert(1))", "<a href='https://evil.example'>x</a>", "<@U123>",
    "<!channel>", "<!here|here>", "<https://evil.example|safe>", "{{ 7*7 }}",
    "%7B%7B", "é" * 50, "漢字 @誰か", "@" * 40,
    "`" * 40, "|" * 40, "\\" * 41, "[" * 60, "<" * 60, "![](" * 30, " " * 40 + "code", "\tcode", "1. one", "+ plus",
    "===", "---", "***", "[x]", "[ ] todo", "[^1]", "[^1]: note", "A\n===", "<details>", "<summary>", "<!doctype html>",
]  # fmt: skip
"""Also used by the report's tests."""

_MENTION = re.compile(r"(?<![\w`])@[A-Za-z0-9]|(?<!\w)#\d|\bGH-\d", re.IGNORECASE)


def nodes(markdown: str) -> list[Token]:
    """All tokens of a document as GitHub reads it: tables, strikethrough and bare addresses on."""
    parser = MarkdownIt("gfm-like", {"html": True})
    assert parser.linkify is not None
    # GitHub does not take `report.md` for an address; `www.` is looked for below.
    parser.linkify.set({"fuzzy_link": False})
    return [inner for token in parser.parse(markdown) for inner in [token, *(token.children or [])]]


def living(markdown: str) -> list[str]:
    """What in a document does more than show text: links, images, HTML, mentions and bare addresses."""
    found = []
    for token in nodes(markdown):
        if token.type in {"link_open", "image", "html_inline", "html_block", "heading_open", "strong_open", "s_open"}:
            found.append(f"{token.type} {token.content or token.attrs}")
        if token.type == "text":
            bare = re.search(r"(?i)\bwww\.|https?://|ftp://|\w@\w", token.content)
            mention = _MENTION.search(token.content)
            found += [f"text {token.content!r}"] if bare or mention else []
    return found


any_text = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(max_size=80),
    st.text(alphabet="@#[]()<>!`|\\*_~&:/. \nahtps", max_size=60),
    st.lists(st.sampled_from(HOSTILE), min_size=2, max_size=4).map("".join),
)


@settings(max_examples=400, deadline=None)
@given(any_text)
def test_quoted_and_plain_words_do_nothing(text):
    assert living(f"Before {code(text)} between {prose(text)} after.") == []


@settings(max_examples=300, deadline=None)
@given(st.lists(any_text, min_size=1, max_size=4).map("`".join))
def test_words_between_back_ticks_do_nothing_either(text):
    assert living(f"Before{prose(text)}after.") == []
    row = nodes(table(["one", "two"], [[prose(text), "end"]]))
    assert [token.type for token in row].count("td_open") == 2


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("no column `y_1`, only `a|b`.", ["y_1", "a∣b"]),
        ("`a` and `b`", ["a", "b"]),
        ("it`s one back-tick", []),
        ("`` ` `` and ```x```", []),
        ("` `", []),
    ],
)
def test_a_name_between_back_ticks_is_code(text, spans):
    assert [token.content for token in nodes(prose(text)) if token.type == "code_inline"] == spans


@settings(max_examples=300, deadline=None)
@given(any_text)
def test_a_table_cell_stays_one_cell(text):
    rendered = nodes(table(["one", "two"], [[code(text), prose(text)]]))
    assert [token.type for token in rendered].count("td_open") == 2
    assert living(table(["one", "two"], [[code(text), prose(text)]])) == []


@settings(max_examples=200, deadline=None)
@given(any_text)
def test_a_code_block_cannot_be_left(text):
    tokens = [token for token in nodes(fence(text, "yaml")) if token.level == 0]
    assert [token.type for token in tokens] == ["fence"]


@pytest.mark.parametrize("text", HOSTILE)
def test_slack_gets_no_control_sequence(text):
    sent = slack(text)
    assert "<" not in sent
    assert ">" not in sent
    assert not re.search(r"@\w", sent)


@pytest.mark.parametrize("text", ["a\r\nBcc: all@example.com", "a\nb", "a\x00b", "x" * 999])
def test_a_mail_header_is_one_short_line(text):
    header = mail_header(text)
    assert not re.search(r"[\r\n\x00]", header)
    assert len(header) <= 180


def test_an_empty_value_is_a_dash():
    assert code("") == "–"
    assert code("  \n ") == "–"


def test_a_long_value_is_cut_with_a_sign():
    assert one_line("x" * 400, 10) == "xxxxxxxxx…"


def test_a_link_leads_only_to_a_plain_web_address():
    assert link("Airflow run", "http://127.0.0.1:8080/dags/lifecycle/runs/x") == (
        "[Airflow run](http://127.0.0.1:8080/dags/lifecycle/runs/x)"
    )
    assert living(link("x", "javascript:alert(1)")) == []
    assert living(link("x", "https://a.example/) ![x](https://b.example/")) == []


def test_a_comment_that_is_too_long_drops_what_matters_least():
    text = fit(["head", "x" * COMMENT_LIMIT, "tail"], optional=[1])
    assert len(text) < 200
    assert text.startswith("head")
    assert text.endswith("tail")
    assert len(fit(["x" * (2 * COMMENT_LIMIT)], optional=[])) <= COMMENT_LIMIT


def test_details_fold_what_few_will_read():
    assert details("More", "text").splitlines()[0] == "<details>"


@pytest.mark.parametrize(
    "text",
    ["@octocat", "closes #1", "see GH-7", "[x](https://a.example)", "![x](https://a.example/x.png)", "<b>x</b>",
     "https://a.example", "www.a.example", "me@a.example", "# x", "**x**"],
)  # fmt: skip
def test_the_detector_itself_sees_each_kind(text):
    """A proof of the tests above: without quoting, each of these is found."""
    assert living(text)
