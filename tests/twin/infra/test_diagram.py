"""The picture of the infrastructure is that of its files."""

from __future__ import annotations

from twin.infra import diagram


def test_committed_page_is_what_the_files_say():
    assert diagram.PAGE.read_text() == diagram.page(), "run `python -m twin infra --diagram`"


def test_arrow_leads_to_the_file_that_makes_what_is_named(tmp_path):
    (tmp_path / "a.tf").write_text('resource "aws_sqs_queue" "this" {\n  name = "q"\n}\n')
    (tmp_path / "b.tf").write_text('resource "aws_lambda_function" "this" {\n  env = aws_sqs_queue.this.id\n}\n')
    made, used = diagram.read(tmp_path)
    assert used == {"b": {"a"}}
    assert "  b --> a" in diagram.mermaid(made, used)
