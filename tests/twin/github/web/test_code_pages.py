"""Files, folders and commits as pages."""

from __future__ import annotations

import httpx
import pytest

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"


@pytest.fixture(scope="module")
def page(server, repo):
    repo.create_file("docs/guide.md", "Write a guide\n\nBecause.", "# Guide\n\n![p](p.png) [s](../s.py)\n")
    repo.create_file("docs/p.png", "Add a picture", PNG)
    repo.create_file("docs/evil.html", "Add HTML", "<script>alert(1)</script>")
    repo.create_file("s.py", "Add a script", "import os\n")
    repo.create_git_ref("refs/heads/feature/x", repo.get_branch("main").commit.sha)
    with httpx.Client(base_url=f"{server.url}/acme/perception", follow_redirects=True) as client:
        yield client.get


def test_folder_lists_its_entries_and_shows_the_readme(page):
    text = page("").text
    assert all(name in text for name in ("docs", "s.py", "README.md", "<h1>perception</h1>"))


def test_markdown_file_is_rendered_with_its_picture(page):
    text = page("/blob/main/docs/guide.md").text
    assert "<h1>Guide</h1>" in text
    assert 'src="/acme/perception/raw/main/docs/p.png"' in text
    assert 'href="/acme/perception/blob/main/s.py"' in text
    assert "# Guide" in page("/blob/main/docs/guide.md?plain=1").text.replace('<span class="gh">', "")


def test_picture_is_served_as_one_and_html_is_not(page):
    assert (page("/raw/main/docs/p.png").headers["Content-Type"], page("/raw/main/docs/p.png").content) == (
        "image/png",
        PNG,
    )
    html = page("/raw/main/docs/evil.html")
    assert html.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert "sandbox" in html.headers["Content-Security-Policy"]


def test_branch_with_a_slash_and_a_sha_lead_to_files(page, repo):
    assert "import" in page("/blob/feature/x/s.py").text
    sha = repo.get_branch("main").commit.sha
    assert page(f"/raw/{sha}/s.py").text == "import os\n"


def test_file_page_names_the_commit_that_changed_it(page):
    assert "Write a guide" in page("/blob/main/docs/guide.md").text


def test_commits_and_one_commit_with_its_diff(page, repo):
    assert "Add a script" in page("/commits/main").text
    assert "Add a script" not in page("/commits/main/docs").text
    text = page(f"/commit/{repo.get_branch('main').commit.sha}").text
    assert '<span class="added">+import os</span>' in text


@pytest.mark.parametrize(
    "path", ["/tree/nowhere", "/blob/main/absent", "/raw/main/docs", "/commit/0000000", "/raw/main/../../x"]
)
def test_what_is_not_there_is_404(page, path):
    assert page(path).status_code == 404


def test_folder_and_file_addresses_lead_to_each_other(page):
    assert page("/blob/main/docs").url.path.endswith("/tree/main/docs")
    assert page("/tree/main/s.py").url.path.endswith("/blob/main/s.py")


def test_style_avatars_and_labels_are_served(page, server):
    assert httpx.get(f"{server.url}/static/github.css").headers["Content-Type"].startswith("text/css")
    assert "OC" in httpx.get(f"{server.url}/avatars/octocat").text
    assert "mlops:train" in page("/labels").text
    assert httpx.get(server.url).status_code == httpx.get(f"{server.url}/octocat").status_code == 200
