"""GitHub-flavoured Markdown."""

from __future__ import annotations

import pytest

from twin.github.web.markdown import render


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("| a |\n|--:|\n| 1 |", '<td style="text-align:right">1</td>'),
        ("~~gone~~", "<s>gone</s>"),
        ("- [x] done", '<input type="checkbox" checked="" disabled>'),
        ("- [ ] open", '<input type="checkbox" disabled>'),
        ("one\ntwo", "one<br>"),
        ("> [!WARNING]\n> careful", '<blockquote class="alert alert-warning">'),
        ("see https://example.org/x now", '<a href="https://example.org/x"'),
        ("```yaml\na: 1\n```", '<span class="nt">a</span>'),
        ("<!-- marker -->\nshown", "<p>shown</p>"),
        ("readme.md", "<p>readme.md</p>"),
    ],
)
def test_each_element_is_rendered(text, expected):
    assert expected in render(text)


def test_comment_marker_is_invisible():
    assert "mlops-run" not in render("<!-- mlops-run:gh-1 -->\n# Report")


def test_markdown_inside_details_is_rendered():
    assert "<strong>bold</strong>" in render("<details><summary>S</summary>\n\n**bold**\n\n</details>")


def test_people_and_issues_that_exist_become_links_outside_code():
    known = {"@octocat": "/octocat", "#7": "/acme/perception/issues/7"}.get
    html = render("@octocat #7 @ghost #8 `@octocat` a@octocat [#7](x)", known)
    assert html.count('href="/octocat"') == 1
    assert html.count('href="/acme/perception/issues/7"') == 1
    assert "@ghost #8 <code>@octocat</code> a@octocat" in html


def test_relative_addresses_in_a_file_lead_to_its_neighbours():
    html = render("![p](plots/roc.png) [n](../next.md) [a](#top)", base="/acme/perception/raw/main/history/2026/a.md")
    assert 'src="/acme/perception/raw/main/history/2026/plots/roc.png"' in html
    assert 'href="/acme/perception/blob/main/history/next.md"' in html
    assert 'href="#top"' in html
