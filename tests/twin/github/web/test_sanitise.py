"""Hostile HTML: what stays, what goes, and that nothing acts."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.github.web.markdown import render
from twin.github.web.sanitise import TAGS, sanitise

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href='JaVa\tScRiPt:alert(1)'>x</a>",
    "<a href='&#106;avascript:alert(1)'>x</a>",
    "<a href='data:text/html,<script>1</script>'>x</a>",
    "<svg/onload=alert(1)>",
    "<iframe src='http://127.0.0.1'></iframe>",
    "<form action='/x'><input name=a><button>go</button></form>",
    "<style>*{display:none}</style>",
    "<details open ontoggle=alert(1)>x",
    "<table background='javascript:1'><tr><td style='background:url(javascript:1)'>x",
    "<math><mi//xlink:href='data:x,<script>1</script>'>",
    "<p class='top box' id='answer' style='position:fixed'>x",
    "</div></main><h1>out of the box</h1>",
    "<!--><script>alert(1)</script-->",
    "<img src='http://beacon.example/x.png' srcset='y'>",
    "<meta http-equiv=refresh content='0;url=//x'><base href='//x'><link rel=stylesheet href='//x'>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "[x](javascript:alert(1)) ![y](vbscript:1) <javascript:alert(1)>",
]


class _Auditor(HTMLParser):
    """Collects what a browser would act on."""

    def __init__(self) -> None:
        super().__init__()
        self.depth: list[str] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in TAGS:
            self.wrong.append(tag)
        for name, value in attrs:
            address = (value or "").replace("\t", "").strip().lower()
            if (
                name.startswith("on")
                or name in ("id", "name", "srcset", "action")
                or (name == "style" and "text-align" not in address)
            ):
                self.wrong.append(f"{tag} {name}")
            if name in ("href", "src") and ":" in address.split("/")[0] and not address.startswith(("http", "mailto")):
                self.wrong.append(f"{tag} {name}={value}")
        if tag not in ("br", "hr", "img", "input"):
            self.depth.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.depth or self.depth.pop() != tag:
            self.wrong.append(f"</{tag}>")


def audit(html: str) -> list[str]:
    auditor = _Auditor()
    auditor.feed(html)
    auditor.close()
    return auditor.wrong + auditor.depth


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_hostile_passes(text):
    assert audit(render(text)) == []
    assert audit(sanitise(text)) == []


@given(st.text(alphabet="<>/='\" \n\tabdimgscrptonlv:()[]!&#;-", max_size=120))
def test_whatever_is_typed_comes_out_balanced_and_inert(text):
    assert audit(render(text)) == []


def test_sanitising_again_changes_nothing():
    for text in HOSTILE:
        once = sanitise(text)
        assert sanitise(once) == once


def test_harmless_html_stays():
    text = '<details open><summary>S</summary><p align="center"><kbd>x</kbd><br></p></details>'
    assert sanitise(text) == '<details open=""><summary>S</summary><p align="center"><kbd>x</kbd><br></p></details>'


def test_checkbox_is_the_only_input_and_cannot_be_used():
    assert (
        sanitise("<input type=checkbox checked><input type=text><input>")
        == '<input type="checkbox" checked="" disabled>'
    )
