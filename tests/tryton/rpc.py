"""A small client of Tryton's JSON-RPC, for setting a company up and for looking and writing beside the connector.

It shares no code with the connector, so that neither can hide the other's mistakes.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import httpx2


class RpcError(Exception):
    """What Tryton answered in place of a result."""


def money(text: str) -> dict[str, str]:
    return {"__class__": "Decimal", "decimal": text}


def day(moment: date) -> dict[str, Any]:
    return {"__class__": "date", "year": moment.year, "month": moment.month, "day": moment.day}


class Rpc:
    """One signed-in user of one database. `context` goes along with every call on a model."""

    def __init__(self, url: str, login: str, password: str) -> None:
        self._http = httpx2.Client(base_url=url, timeout=60, headers={"Accept-Encoding": "gzip"})
        user, session, *_ = self.call("common.db.login", login, {"password": password}, "en")
        token = base64.b64encode(f"{login}:{user}:{session}".encode()).decode()
        self._http.headers["Authorization"] = f"Session {token}"
        self.user: int = user
        self.context: dict[str, Any] = {}
        self.refresh()

    def refresh(self) -> None:
        """Read the user's own context: company, language, groups."""
        self.context = self.call("model.res.user.get_preferences", True, {})

    def call(self, method: str, *params: Any) -> Any:
        answer = self._http.post("/rpc/", json={"id": 1, "method": method, "params": list(params)})
        if answer.status_code != httpx2.codes.OK:
            raise RpcError(answer.status_code)
        body = json.loads(answer.content, parse_float=Decimal)
        if "error" in body:
            raise RpcError(*body["error"])
        return body["result"]

    def on(self, model: str, method: str, *params: Any, **context: Any) -> Any:
        return self.call(f"model.{model}.{method}", *params, {**self.context, **context})

    def create(self, model: str, *values: Mapping[str, Any]) -> list[int]:
        found: list[int] = self.on(model, "create", list(values))
        return found

    def write(self, model: str, identifier: int, **values: Any) -> None:
        self.on(model, "write", [identifier], values)

    def read(self, model: str, identifier: int, *names: str) -> dict[str, Any]:
        found: dict[str, Any] = self.on(model, "read", [identifier], list(names))[0]
        return found

    def search(self, model: str, *domain: Any) -> list[int]:
        found: list[int] = self.on(model, "search", list(domain), 0, None, [["id", "ASC"]])
        return found

    def search_read(self, model: str, names: Sequence[str], *domain: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.on(model, "search_read", list(domain), 0, None, [["id", "ASC"]], list(names))
        return found

    def wizard(self, name: str, *steps: tuple[str, Mapping[str, Any]], **context: Any) -> None:
        """Go through a wizard: the name of each state, and what is filled in before it."""
        reported = {**self.context, **context}
        session, *_ = self.call(f"wizard.{name}.create", reported)
        data: dict[str, Any] = {}
        for state, values in steps:
            data.update(values)
            self.call(f"wizard.{name}.execute", session, data, state, reported)
        self.call(f"wizard.{name}.delete", session, reported)

    def close(self) -> None:
        self._http.close()
