"""The store on PostgreSQL, where the server can go away and come back."""

from __future__ import annotations

import psycopg
import pytest
from sqlalchemy import make_url

from daemon.adapters.store import Store, StoreError, StoreInUse
from daemon.core.records import Fact

FACT = Fact(kind="n", key="k", value=1)


def end_all_connections(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.mark.fault(57)
async def test_a_lost_connection_is_made_again_and_the_store_is_still_ours(
    postgresql_url: str,
) -> None:
    with Store.open(postgresql_url) as store:
        assert store.load().facts == ()
        end_all_connections(postgresql_url)
        await store.commit([FACT])
        assert store.load().facts == (FACT,)
        with pytest.raises(StoreInUse):
            Store.open(postgresql_url)


@pytest.mark.fault(57)
async def test_an_acknowledged_commit_waits_for_the_servers_disk(postgresql_url: str) -> None:
    database = make_url(postgresql_url).database
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {database} SET synchronous_commit = off")
    with Store.open(postgresql_url) as store, store._owning.connect() as owning:
        assert owning.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"


def test_a_server_that_is_not_there_is_named_without_its_password() -> None:
    with pytest.raises(StoreError, match="nowhere") as lost:
        Store.open("postgresql://depot:secret@/depot?host=/nowhere")
    assert "secret" not in str(lost.value)


def test_a_database_that_is_not_there_is_named(postgresql_url: str) -> None:
    absent = make_url(postgresql_url).set(database="absent")
    with pytest.raises(StoreError, match='database "absent" does not exist'):
        Store.open(absent.render_as_string(hide_password=False))
