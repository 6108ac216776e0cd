"""From earlier versions of the journal's file to this one, in one exclusive transaction.

Version 4 has all but the table of people's ERP credentials. Version 3 has the tables of version 4; its program would
send with one yes what two must agree to. Version 2 has all of those but an index and a view that uses one. A process
that still runs the program of any of them goes on as before.

The tables of version 1 are dropped under a process that still runs its program: each statement of it fails from
then on, and so it sends nothing. What it had sent is in the new tables, and is settled by reading.

Version 1 knew a connection by ERP, host and client id; the base path and the company were not in it. Its operations
keep that name. Those that were sent block their order on every connection that may be the same, until they are adopted.
What waited for a person, or was approved, ends as expired: nobody knows for whose books the yes was.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Sequence
from typing import Any

from po_mcp.writes.content import digest_of_content, item_keys, vendor_key
from po_mcp.writes.journal import audit_log, moving
from po_mcp.writes.journal.database import Row, Transaction
from po_mcp.writes.payloads import CreatePayload, FinalizePayload, Payload, Reason, SnapshotPayload

_NEWEST_TABLE = "erp_credentials"


def migrate(db: Transaction, version: int, schema: Sequence[str]) -> None:
    """Bring a journal of an earlier version up to date; `schema` are the statements that make a new one."""
    if version == 1:
        _migrate_from_1(db, schema)
        return
    changed = ["PRAGMA user_version", f"TABLE {_NEWEST_TABLE} "]
    if version == 2:
        db.execute("DROP VIEW live_operations")
        changed += ["VIEW live_operations", "INDEX by_settlement"]
    for statement in schema:
        if any(name in statement for name in changed):
            db.execute(statement)
    if moving.sealed_to(db) is not None:
        # A journal that was moved stays closed, in what it gets here, too.
        for name, trigger in moving.triggers_of_seal().items():
            if f" {_NEWEST_TABLE}_" in name:
                db.execute(trigger)


def _migrate_from_1(db: Transaction, schema: Sequence[str]) -> None:
    """Make the tables of this version and fill them with what the former ones hold."""
    operations = db.execute("SELECT * FROM operations ORDER BY rowid").fetchall()
    events = db.execute("SELECT * FROM trail ORDER BY place").fetchall()
    tokens = db.execute("SELECT * FROM tokens").fetchall()
    for table in ("operations", "trail", "tokens"):
        db.execute(f"DROP TABLE {table}")
    # Within the same transaction: a crash here leaves the former journal whole.
    for statement in schema:
        db.execute(statement)
    db.execute("INSERT INTO journal VALUES ('id', ?)", (secrets.token_hex(16),))
    for row in tokens:
        db.execute("INSERT INTO shared_tokens VALUES (?, ?, ?)", tuple(row))
    for row in events:
        db.execute("INSERT INTO audit_log VALUES (?, ?, ?, ?, ?, ?, ?, ?)", tuple(row))
    begun: dict[str, Row] = {}
    for event in events:
        begun.setdefault(event["operation_id"], event)
    for row in operations:
        _move(db, row, begun.get(row["id"]))


def _move(db: Transaction, row: Row, first: Row | None) -> None:
    is_waiting = row["state"] in ("PROPOSED", "APPROVED")
    now = time.time()
    columns: dict[str, object] = {
        **{name: row[name] for name in ("id", "connection", "kind", "number", "arguments", "question")},
        **_asker(first),
        **_content(row),
        "order_digest": row["digest"],
        "state": "EXPIRED" if is_waiting else row["state"],
        "proposed_at": first["at"] if first else now,
        "expires_at": row["expires_at"],
        "sent_at": row["sent_at"],
        "counts_from": row["sent_at"],
        "settled_at": now if is_waiting else row["settled_at"],
        "outcome": row["outcome"],
        "is_untold": 0,
        "last_event": row["last_event"],
    }
    names, places = ", ".join(columns), ", ".join("?" * len(columns))
    db.execute(f"INSERT INTO write_operations ({names}) VALUES ({places})", tuple(columns.values()))  # noqa: S608
    # Nobody knows for whose books a yes of version 1 was: it names neither path nor company.
    event = "EXPIRED" if is_waiting else "journal upgraded"
    audit_log.append(db, audit_log.Event(row["id"], now, event, {"because": "the journal was upgraded"}))


def _asker(first: Row | None) -> dict[str, object]:
    """Return who asked. No user: version 1 did not record one, so that nobody's call is taken for the same."""
    try:
        detail: dict[str, Any] = dict(json.loads(first["detail"])) if first else {}
    except (ValueError, TypeError):
        detail = {}
    return {
        "requested_by": "",
        "client": str(detail.get("client", "an unnamed assistant")),
        "protocol": str(detail.get("protocol", "unknown")),
        "session": "",
    }


def _content(row: Row) -> dict[str, object]:
    """Return the payload as it is written now, and what names a new order's vendor and items.

    What cannot be read stays as it is: like every row that cannot be read, it blocks its order and is reported.
    """
    try:
        return _read_content(row)
    except (ValueError, TypeError, KeyError, AttributeError):
        return {"payload": row["intent"], "content_digest": "", "vendor": "", "items": "[]"}


def _read_content(row: Row) -> dict[str, object]:
    intent: dict[str, Any] = json.loads(row["intent"])
    if row["kind"] != "create":
        return {"payload": _read_guarded(row["kind"], intent), "content_digest": "", "vendor": "", "items": "[]"}
    because = intent.get("because")
    reasons = [Reason(short="check it", sentence=because)] if because else []
    payload = CreatePayload(draft=intent["draft"], reasons=tuple(reasons), notes=tuple(intent.get("notes", ())))
    return {
        "payload": payload.model_dump_json(),
        "content_digest": digest_of_content(payload.draft),
        "vendor": vendor_key(payload.draft),
        "items": json.dumps(sorted(item_keys(payload.draft))),
    }


def _read_guarded(kind: str, intent: dict[str, Any]) -> str:
    payload: Payload
    if kind == "finalize":
        payload = FinalizePayload(snapshot=intent["snapshot"], create_backorder=intent.get("create_backorder"))
    else:
        payload = SnapshotPayload(snapshot=intent["snapshot"])
    return payload.model_dump_json()
