"""`training_history/`: one record a finished run, and a chain that shows each change."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from mlops import history, history_chain, keys
from mlops.errors import Unavailable
from mlops.record import Outcome, RunState
from tests.mlops.records import RUN_KEY, deployed_record

PNG = b"\x89PNG\r\n\x1a\n" + b"picture"


def finished(number: int = 7):
    return deployed_record(
        run_key=f"gh-4242-{number}-0123456789ab",
        state=RunState.FINISHED,
        outcome=Outcome.DEPLOYED,
        ended_at="2026-11-23T10:03:02Z",
    )


def put_plot(house, name: str, content: bytes, run_key: str = RUN_KEY) -> None:
    house.cloud.s3.put_object(Bucket="mlops-bucket", Key=keys.evaluation_prefix(RUN_KEY) + name, Body=content)


def tree(house) -> history.Commit:
    return history.Commit(house.repository, house.repository.head("main"))


def test_a_record_is_markdown_json_and_plots_in_one_commit(house, forge):
    put_plot(house, "confusion_matrix.png", PNG)
    put_plot(house, "roc_curve.png", b"<svg>no PNG</svg>")
    before = len(forge.call("GET", "/commits?per_page=100"))
    path, commit = history.commit_record(house, finished())
    assert path == f"training_history/2026/{RUN_KEY}.md"
    files = tree(house)
    assert files.read(path).decode().startswith("# 🚀 Deployed: `xgboost-breast-cancer` `v1.1.0`")
    assert files.read(f"training_history/2026/{RUN_KEY}/confusion_matrix.png") == PNG
    assert files.read(f"training_history/2026/{RUN_KEY}/roc_curve.png") is None
    record = json.loads(files.read(f"training_history/2026/{RUN_KEY}.json"))
    assert (record["number"], record["outcome"], record["previous"]) == (1, "deployed", None)
    assert record["record"]["spec"]["algorithm"] == "xgboost"
    assert len(forge.call("GET", "/commits?per_page=100")) == before + 1
    assert house.repository.head("main") == commit


def test_a_second_call_finds_the_record_and_commits_nothing(house, forge):
    first = history.commit_record(house, finished())
    head = house.repository.head("main")
    assert history.commit_record(house, finished()) == first
    assert house.repository.head("main") == head


def test_each_record_names_the_one_before_by_its_hash(house):
    history.commit_record(house, finished(7))
    history.commit_record(house, finished(8))
    files = tree(house)
    second = json.loads(files.read("training_history/2026/gh-4242-8-0123456789ab.json"))
    first = files.read("training_history/2026/gh-4242-7-0123456789ab.json")
    assert second["previous"]["sha256"] == history_chain.sha256(first)
    assert history.verify(files) == []


@pytest.mark.parametrize("fault", ["lost_reply", "reply_500_after_effect"])
def test_a_lost_reply_leads_to_no_second_record(house, forge, fault):
    house.repository.head("main")
    forge.knob("faults", {"match": "POST /api/graphql", "fault": fault, "count": 1})
    before = len(forge.call("GET", "/commits?per_page=100"))
    history.commit_record(house, finished())
    assert len(forge.call("GET", "/commits?per_page=100")) == before + 1
    assert history.verify(tree(house)) == []


def test_twenty_writers_with_faults_lose_and_double_nothing(house, forge):
    forge.knob("limits", {"content_per_minute": 10_000, "content_per_hour": 10_000, "points_per_minute": 100_000})
    forge.knob(
        "faults",
        [
            {"match": "POST /api/graphql", "fault": fault, "count": 3, "after": after}
            for after, fault in enumerate(["lost_reply", "status", "reply_500_after_effect"], 2)
        ],
    )
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda number: history.commit_record(house, finished(number)), range(1, 21)))
    files = tree(house)
    assert history.verify(files) == []
    assert json.loads(files.read(history.CHAIN))["number"] == 20
    anchor = house.ledger.get_item("chain#acme/perception").value
    assert history.verify(files, history.Link(**anchor)) == []


def test_a_github_that_stays_away_is_unavailable(house, forge, monkeypatch):
    monkeypatch.setattr(history, "_TRIES", 2)
    forge.knob("faults", {"match": "POST /api/graphql", "fault": "status", "status": 503, "count": 99})
    with pytest.raises(Unavailable, match=RUN_KEY):
        history.commit_record(house, finished())


def test_the_command_checks_a_checkout(tmp_path, capsys):
    files, newest = {}, None
    for number in range(1, 5):
        added, newest = history.compose(finished(number), newest, {"confusion_matrix.png": PNG})
        files.update(added)
    for path, content in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    assert history.main(["verify", "--directory", str(tmp_path)]) == 0
    assert "4 records" in capsys.readouterr().out
    victim = tmp_path / "training_history/2026/gh-4242-2-0123456789ab.md"
    victim.write_text("better")
    assert history.main(["verify", "--directory", str(tmp_path)]) == 1
    assert "gh-4242-2-0123456789ab.md was changed" in capsys.readouterr().out


def test_the_command_checks_the_configured_repository(house, forge, moto_url, monkeypatch, capsys):
    history.commit_record(house, finished())
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto_url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("GITHUB_API_URL", house.settings.github_api_url)
    monkeypatch.setenv("GITHUB_REPOSITORY", "acme/perception")
    assert history.main(["verify"]) == 0
    assert "1 records" in capsys.readouterr().out
