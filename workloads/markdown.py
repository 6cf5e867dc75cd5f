"""Words of data sets in pages for people."""

from __future__ import annotations


def cell(text: str, most: int = 80) -> str:
    """Words of a data set can be anything; in a page they are text and nothing else."""
    safe = "".join(ch if ch.isprintable() else " " for ch in text)[:most].replace("`", "'").replace("|", "\\|")
    return f"`{safe}`" if safe else ""
