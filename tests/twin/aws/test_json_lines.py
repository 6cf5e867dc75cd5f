"""A torn last line costs itself only."""

from __future__ import annotations

from twin.aws.json_lines import JsonLines


def test_entries_come_back_and_a_torn_line_spoils_no_other(tmp_path):
    path = tmp_path / "log"
    first = JsonLines(path)
    first.append({"n": 1})
    first.close()
    path.write_bytes(path.read_bytes() + b'{"n": {"torn": 2}')
    second = JsonLines(path)
    assert second.found == [{"n": 1}]
    second.append({"n": 3})
    second.close()
    assert JsonLines(path).found == [{"n": 1}, {"n": 3}]
