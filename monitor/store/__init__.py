"""The only package that speaks SQL: opening, transactions, migrations and backup; its modules hold the statements."""

from sqlalchemy import Connection as Transaction

from monitor.store import holds, incidents, log, mentions, outbox, rechecks, sources, tallies, weeks
from monitor.store.database import Busy, Database, StoreError

__all__ = [
    "Busy", "Database", "StoreError", "Transaction", "holds", "incidents", "log", "mentions", "outbox", "rechecks",
    "sources", "tallies", "weeks",
]  # fmt: skip
