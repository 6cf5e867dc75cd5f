"""Items come back from a restored table; what happened since is kept unless an item is named."""

from __future__ import annotations

import pytest

from mlops.errors import Conflict, RequestRefused
from mlops.ledger import Ledger
from mlops.recovery import table
from mlops.recovery.__main__ import recover_table

OURS, RESTORED = "mlops-ledger", "mlops-ledger-restored"


@pytest.fixture
def then(services):
    """The restored table: what the ledger knew at a moment before the damage."""
    services.ledger.put_item("run#a", {"state": "started"})
    services.ledger.put_item("run#b", {"state": "finished"})
    services.ledger.put_item("version#m", {"versions": {}})
    services.cloud.dynamodb.restore_table_to_point_in_time(
        SourceTableName=OURS, TargetTableName=RESTORED, UseLatestRestorableTime=True
    )
    return Ledger(services.cloud, RESTORED)


def ids(rows):
    return [row["id"]["S"] for row in rows]


def test_lost_items_come_back_as_they_were(services, then, capsys):
    lost = services.ledger.get_item("run#a")
    services.ledger.delete_item("run#a")
    assert ids(table.plan(services.cloud, OURS, RESTORED).missing) == ["run#a"]
    assert recover_table(services, RESTORED, [], plan_only=True) == 1
    assert services.ledger.get_item("run#a") is None
    assert "missing here: 1 (1 run)" in capsys.readouterr().out
    assert recover_table(services, RESTORED, [], plan_only=False) == 0
    assert services.ledger.get_item("run#a") == lost
    assert recover_table(services, RESTORED, [], plan_only=True) == 0, "nothing is left to do"


def test_what_happened_since_is_kept_unless_it_is_named(services, then):
    services.ledger.put_item("run#a", {"state": "damaged"}, expected_version=1)
    found = table.plan(services.cloud, OURS, RESTORED)
    assert (ids(found.missing), found.same) == ([], 2)
    assert table.adopt(services.cloud, found, print) == 0
    assert services.ledger.get_item("run#a").value == {"state": "damaged"}
    assert table.adopt(services.cloud, found, print, ["run#a"]) == 1
    back = services.ledger.get_item("run#a")
    assert (back.value, back.version) == ({"state": "started"}, 3)


def test_a_writer_of_before_does_not_overwrite_what_came_back(services, then):
    services.ledger.put_item("run#a", {"state": "damaged"}, expected_version=1)
    table.adopt(services.cloud, table.plan(services.cloud, OURS, RESTORED), print, ["run#a"])
    with pytest.raises(Conflict):
        services.ledger.put_item("run#a", {"state": "late"}, expected_version=2)


def test_an_item_written_between_plan_and_deed_is_kept_and_named(services, then):
    services.ledger.delete_item("run#a")
    found = table.plan(services.cloud, OURS, RESTORED)
    services.ledger.put_item("run#a", {"state": "new"})
    said = []
    assert table.adopt(services.cloud, found, said.append) == 0
    assert said == ["kept as it is, written meanwhile: run#a"]
    assert services.ledger.get_item("run#a").value == {"state": "new"}


def test_items_that_do_not_differ_are_refused_by_name(services, then):
    with pytest.raises(RequestRefused, match="run#zzz"):
        table.adopt(services.cloud, table.plan(services.cloud, OURS, RESTORED), print, ["run#zzz"])


def test_a_table_that_was_not_restored_is_refused(services):
    with pytest.raises(RequestRefused, match="mlops-ledger-restored"):
        table.plan(services.cloud, OURS, RESTORED)
