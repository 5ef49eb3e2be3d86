"""The only package that speaks SQL: opening, transactions, migrations and backup; its modules hold the statements."""

from sqlalchemy import Connection as Transaction

from monitor.store import drills, holds, incidents, log, mentions, outbox, rechecks, removals, sources, tallies, weeks
from monitor.store.database import Busy, Database, StoreError

__all__ = [
    "Busy", "Database", "StoreError", "Transaction", "drills", "holds", "incidents", "log", "mentions", "outbox", "rechecks",
    "removals", "sources", "tallies", "weeks",
]  # fmt: skip
