"""GitHub-flavoured Markdown to safe HTML: tables, task lists, alerts, mentions, coloured code."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from html import escape
from typing import Any
from urllib.parse import urljoin

from markdown_it import MarkdownIt
from markdown_it.token import Token

from twin.github.web.sanitise import sanitise

Known = Callable[[str], str | None]
"""`@login` or `#12` -> address of its page, None where there is none."""

_REFERENCE = re.compile(r"(?<![\w/@#&])([@#])([A-Za-z0-9](?:[A-Za-z0-9-]{0,38}))(?![\w-])")
_ALERT = re.compile(r"\[!(NOTE|TIP|IMPORTANT|WARNING|CAUTION)\]\s*")
_TASK = re.compile(r"\[([ xX])\]\s+")


def render(text: str, known: Known = lambda _: None, base: str = "") -> str:
    """Safe HTML. `base` is the raw address of the file the text comes from, for relative images and links."""

    def rewrite(tag: str, address: str) -> str:
        if not base or not address or address.startswith(("#", "/", "http:", "https:", "mailto:")):
            return address
        whole = urljoin(base, address)
        return whole if tag == "img" else whole.replace("/raw/", "/blob/", 1)

    parser = _parser(breaks=not base)
    tokens = parser.parse(text)
    _mark_tasks(tokens)
    _mark_alerts(tokens)
    for token in tokens:
        if token.type == "inline" and token.children:
            token.children = _with_references(token.children, known)
    return sanitise(parser.renderer.render(tokens, parser.options, {}), rewrite)


@cache
def _parser(*, breaks: bool) -> MarkdownIt:
    """`breaks`: a line end is a line break, as in issues and comments, not in files."""
    parser = MarkdownIt("gfm-like", {"html": True, "linkify": True, "breaks": breaks, "highlight": highlight})
    # `readme.md` is a file name far more often than a site in Moldova.
    parser.linkify.set({"fuzzy_link": False, "fuzzy_email": False})  # type: ignore[union-attr]
    return parser


def highlight(code: str, language: str, _: Any = None) -> str:
    """Code with Pygments' classes; as it is where the language is unknown."""
    from pygments import highlight as paint
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        lexer = get_lexer_by_name(language or "text")
    except ClassNotFound:
        lexer = get_lexer_by_name("text")
    body = paint(code, lexer, HtmlFormatter(nowrap=True))
    return f'<pre class="highlight"><code class="language-{escape(language or "text")}">{body}</code></pre>'


def _mark_tasks(tokens: Sequence[Token]) -> None:
    for item, _paragraph, inline in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if item.type != "list_item_open" or inline.type != "inline" or not inline.children:
            continue
        first = inline.children[0]
        match = _TASK.match(first.content) if first.type == "text" else None
        if match:
            first.content = first.content[match.end() :]
            box = Token("html_inline", "", 0)
            box.content = f'<input type="checkbox"{" checked" if match[1] != " " else ""}> '
            inline.children.insert(0, box)
            item.attrJoin("class", "task-list-item")


def _mark_alerts(tokens: Sequence[Token]) -> None:
    for quote, _paragraph, inline in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if quote.type != "blockquote_open" or inline.type != "inline" or not inline.children:
            continue
        first = inline.children[0]
        match = _ALERT.fullmatch(first.content) if first.type == "text" else None
        if match:
            quote.attrJoin("class", f"alert alert-{match[1].lower()}")
            title = Token("html_inline", "", 0)
            title.content = f'<strong class="alert-title">{match[1].capitalize()}</strong><br>'
            inline.children[:2] = [title]


def _with_references(children: list[Token], known: Known) -> list[Token]:
    """Links for the people and issues that exist, outside links and code."""
    result: list[Token] = []
    inside = 0
    for child in children:
        inside += {"link_open": 1, "link_close": -1}.get(child.type, 0)
        if child.type != "text" or inside:
            result.append(child)
            continue
        at = 0
        for match in _REFERENCE.finditer(child.content):
            address = known(match[0])
            if address:
                result += [_text(child.content[at : match.start()]), _link(address, match[0])]
                at = match.end()
        result.append(_text(child.content[at:]))
    return result


def _text(content: str) -> Token:
    token = Token("text", "", 0)
    token.content = content
    return token


def _link(address: str, content: str) -> Token:
    token = Token("html_inline", "", 0)
    token.content = f'<a href="{escape(address)}">{escape(content)}</a>'
    return token
