"""Hostile HTML made harmless: an allow-list over tags, attributes and addresses, rewritten from scratch."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape
from html.parser import HTMLParser
from urllib.parse import urlsplit

_TAG_NAMES = """
a b blockquote br code dd del details div dl dt em h1 h2 h3 h4 h5 h6 hr i img input ins kbd li mark ol p pre q s samp
small span strike strong sub summary sup table tbody td tfoot th thead tr tt ul var
"""
TAGS = frozenset(_TAG_NAMES.split())
_VOID = frozenset({"br", "hr", "img", "input"})
_SILENT = frozenset(
    {"script", "style", "iframe", "object", "embed", "noscript", "template", "textarea", "title", "svg", "math"}
)
"""What stands inside these is no text for a reader."""
_ATTRIBUTES = {
    "a": {"href", "title"}, "img": {"src", "alt", "title", "width", "height"}, "td": {"align", "colspan", "rowspan"},
    "th": {"align", "colspan", "rowspan"}, "details": {"open"}, "ol": {"start"}, "input": {"type", "checked"},
    "h1": {"align"}, "h2": {"align"}, "p": {"align"}, "div": {"align"},
}  # fmt: skip
_CLASS = re.compile(
    r"highlight|language-[\w+-]+|[a-z]{1,2}\d?|contains-task-list|task-list-item|alert(-[a-z]+)?|alert-title"
)
_ALIGNED = re.compile(r"text-align: ?(left|center|right)")
_SCHEMES = frozenset({"http", "https", "mailto"})

Rewrite = Callable[[str, str], str]


def sanitise(html: str, rewrite: Rewrite = lambda tag, address: address) -> str:
    """Balanced HTML with nothing in it that acts. `rewrite(tag, address)` may change relative addresses."""
    cleaner = _Cleaner(rewrite)
    cleaner.feed(html)
    cleaner.close()
    return cleaner.result()


class _Cleaner(HTMLParser):
    def __init__(self, rewrite: Rewrite) -> None:
        super().__init__(convert_charrefs=True)
        self._rewrite = rewrite
        self._out: list[str] = []
        self._open: list[str] = []
        self._silent: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SILENT:
            self._silent.append(tag)
        if self._silent or tag not in TAGS:
            return
        kept = "".join(f' {name}="{escape(value)}"' for name, value in self._kept(tag, attrs))
        if tag == "input":
            if ' type="checkbox"' in kept:
                self._out.append(f"<input{kept} disabled>")
            return
        self._out.append(f"<{tag}{kept}>")
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._silent:
            while self._silent and self._silent.pop() != tag:
                pass
        elif not self._silent and tag in self._open:
            # Everything opened inside is closed with it, so that nothing leaks out of our own page's boxes.
            while self._open:
                last = self._open.pop()
                self._out.append(f"</{last}>")
                if last == tag:
                    return

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self._out.append(escape(data, quote=False))

    def result(self) -> str:
        return "".join(self._out) + "".join(f"</{tag}>" for tag in reversed(self._open))

    def _kept(self, tag: str, attrs: list[tuple[str, str | None]]) -> list[tuple[str, str]]:
        kept = []
        for name, value in attrs:
            value = value or ""
            if name == "class":
                value = " ".join(part for part in value.split() if _CLASS.fullmatch(part))
                if value:
                    kept.append((name, value))
            elif name == "style" and tag in ("td", "th") and _ALIGNED.fullmatch(value):
                kept.append((name, value))
            elif name in _ATTRIBUTES.get(tag, ()):
                if name in ("href", "src"):
                    value = _address(self._rewrite(tag, value.strip()))
                kept.append((name, value))
        return [*kept, ("rel", "nofollow noopener")] if tag == "a" else kept


def _address(value: str) -> str:
    """The address, or `#` for a scheme that could run something."""
    # Browsers ignore control characters inside a scheme, so `java\tscript:` would pass a naive look.
    plain = re.sub(r"[\x00-\x20]", "", value)
    try:
        scheme = urlsplit(plain).scheme.lower()
    except ValueError:
        return "#"
    return value if scheme in _SCHEMES or (not scheme and ":" not in plain.split("/")[0]) else "#"
