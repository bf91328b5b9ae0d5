"""verify: the chain of hashes over the ledger."""

from __future__ import annotations

import json

import erp_telemetry as et
from tests.cli.support import call


def test_verify_counts_the_entries(small_store: et.Store) -> None:
    rows = json.loads(call("verify", "--store", small_store.path, "--json").stdout)
    assert rows[0]["entries"] == small_store.ledger().height
    assert "the chain is whole" in call("verify", "--store", small_store.path).stdout


def test_a_broken_chain_exits_1(small_store: et.Store) -> None:
    with small_store.writing() as connection:
        connection.execute("update ledger set rejected = rejected + 1")
    done = call("verify", "--store", small_store.path)
    assert done.exit_code == 1 and done.stdout == "" and done.stderr.count("\n") == 1
