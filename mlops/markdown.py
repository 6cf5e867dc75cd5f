"""Text from outside, made inert before it enters a comment, a Slack message or a mail header."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

ZERO_WIDTH = "\u200b"
COMMENT_LIMIT = 65_536
"""GitHub's limit for a comment, in characters."""

# Control characters, and those that reorder or hide text around them.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufe00-\ufe0f\ufeff]"
)
_BLANKS = re.compile(r"\s+")
_MARKUP = re.compile(r"([\\`*_\[\]<>|~&$!])")
# A pair of single back-ticks and something to see between them; what stands in longer runs is no name.
_NAME = re.compile(r"(?<!`)`(?!`)([^`]*[^`\s][^`]*)`(?!`)")
_REFERENCE = re.compile(r"(?i)\b(gh)-(?=\d)")
_WEB = re.compile(r"(?i)(https?|ftp|mailto|xmpp|www)([:.])")
_ADDRESS = re.compile(r"^https?://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._~:/?#@!$&*+,;=%-]*)?$")


def one_line(text: object, limit: int = 300) -> str:
    """`text` without line breaks, control or bidirectional characters, cut to `limit`."""
    # Cut before the work: a hostile text may have megabytes.
    flat = _BLANKS.sub(" ", _INVISIBLE.sub(" ", str(text)[: 8 * limit])).strip()
    return flat if len(flat) <= limit else flat[: limit - 1].rstrip() + "…"


def _unmentioned(text: str) -> str:
    return text.replace("@", "@" + ZERO_WIDTH).replace("#", "#" + ZERO_WIDTH)


def _unlinked(text: str) -> str:
    """Break what GitHub turns into a mention, a reference or a link without any markup. `s3://` stays whole."""
    text = _WEB.sub(rf"\1{ZERO_WIDTH}\2", _unmentioned(text))
    return _REFERENCE.sub(rf"\1{ZERO_WIDTH}-", text)


def code(text: object, limit: int = 200) -> str:
    """An untrusted value as a code span that it cannot leave, also inside a table cell."""
    inert = _unmentioned(one_line(text, limit)).replace("`", "ˋ").replace("|", "∣")
    return f"`{inert}`" if inert else "–"


def prose(text: object, limit: int = 600) -> str:
    """A sentence that may hold untrusted words: names between back-ticks are code, nothing else in it works."""
    parts = _NAME.split(one_line(text, limit))
    # Every other part was between back-ticks; `code` is as inert as the rest, whoever wrote the back-ticks.
    return "".join(code(part, limit) if place % 2 else _inert(part) for place, part in enumerate(parts))


def _inert(words: str) -> str:
    return _unlinked(_MARKUP.sub(r"\\\1", words))


def fence(text: str, language: str = "", limit: int = 20_000) -> str:
    """A code block whose fence is longer than any run of back-ticks inside."""
    kept = _INVISIBLE.sub(" ", text.replace("\r\n", "\n").replace("\r", "\n"))
    if len(kept) > limit:
        kept = kept[:limit].rstrip() + "\n…"
    longest = max((len(run) for run in re.findall(r"`+", kept)), default=0)
    marks = "`" * max(3, longest + 1)
    return f"{marks}{language}\n{kept.rstrip()}\n{marks}"


def link(label: str, address: str) -> str:
    """A link to an address of our own making; one that looks odd is quoted instead."""
    if not _ADDRESS.match(address):
        return f"{prose(label)} {code(address)}"
    return f"[{prose(label)}]({address})"


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], align: str = "") -> str:
    """A table of cells that are Markdown already; `align` has one of `l`, `r`, `c` for each column."""
    marks = {"l": ":--", "r": "--:", "c": ":-:"}
    align = align or "l" * len(headings)
    lines = [headings, [marks[one] for one in align], *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def details(summary: str, body: str) -> str:
    return f"<details>\n<summary>{prose(summary)}</summary>\n\n{body}\n\n</details>"


def fit(blocks: Sequence[str], optional: Sequence[int], limit: int = COMMENT_LIMIT) -> str:
    """The blocks joined by blank lines; blocks named in `optional` are left out, in that order, until it fits."""
    kept = dict(enumerate(blocks))
    for index in optional:
        if sum(len(block) + 2 for block in kept.values()) <= limit:
            break
        kept[index] = "_Left out: the comment would be longer than GitHub allows._"
    text = "\n\n".join(block for block in kept.values() if block)
    return text if len(text) <= limit else text[: limit - 20].rstrip() + "\n\n…"


def slack(text: object, limit: int = 2_500) -> str:
    """Text for Slack: no control sequence such as `<!channel>`, no mention, no link of its own."""
    kept = _unlinked(_INVISIBLE.sub(" ", str(text)[:limit]))
    return kept.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def mail_header(text: object, limit: int = 180) -> str:
    """One line for a mail header: a line break in it would start another header."""
    return one_line(text, limit)
