"""A cancel after which the order shows as deleted: by a colleague, or by an ERP whose cancel deletes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.harness import ScriptedPerson, outcome, yes
from tests.tools.small_erps import Answer, SmallExsited, exsited_order
from tests.tools.test_own_numbers import AT_ONCE, client

CANCEL = "cancel_purchase_order"
GONE = "was deleted, by somebody or by Exsited itself, so that nothing can be ordered with it any more."


class DeletingExsited(SmallExsited):
    """Exsited whose order is DELETED right after a cancel, which it answers with `status` and `body`."""

    status: int = 204
    body: Any = None

    def _answer_one(self, method: str, number: str, tail: str) -> Answer:
        if tail != "/cancel":
            return super()._answer_one(method, number, tail)
        self.book[number]["status"] = "DELETED"
        return self.status, self.body


def answering(status: int, body: Any) -> DeletingExsited:
    erp = DeletingExsited(orders=[exsited_order("PO-1")])
    erp.status, erp.body = status, body
    return erp


async def cancel(erp: SmallExsited, tmp_path: Path, **settings: Any) -> Any:
    async with client(erp, tmp_path, ScriptedPerson(yes), **settings) as calls:
        return outcome(await calls.call_tool(CANCEL, {"number": "PO-1"}))


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


SHOWN = {"purchase_order": {"id": "PO-1", "status": "DELETED"}}
REFUSAL = {"errors": [{"code": "invalid_status", "message": "The purchase order is deleted."}]}


@pytest.mark.parametrize("body", [SHOWN, {"odd": "answer"}], ids=["says DELETED", "says something else"])
async def test_an_answer_that_settles_nothing_claims_neither_an_effect_nor_none(tmp_path: Path, body: Any) -> None:
    ended = await cancel(answering(200, body), tmp_path)

    assert (ended["status"], ended["do_not_repeat"], ended["order"]["status"]) == ("unknown", True, "deleted")
    cancelled = "It was to be cancelled; whether that was carried out before is not known."
    assert ended["message"] == f"Order PO-1 {GONE} {cancelled}"


async def test_a_lost_answer_is_not_a_refusal(tmp_path: Path) -> None:
    erp = answering(204, None)
    erp.is_answer_lost = True

    ended = await cancel(erp, tmp_path)

    assert (ended["status"], "Nothing was changed" in ended["message"]) == ("unknown", False)
    assert GONE in ended["message"]


async def test_a_success_is_one_that_cannot_be_taken_back(tmp_path: Path) -> None:
    ended = await cancel(answering(204, None), tmp_path)

    assert (ended["status"], ended["order"]["status"]) == ("done", "deleted")
    assert (
        ended["message"] == "Order PO-1 was cancelled, but Exsited shows it as deleted: it cannot be reactivated there."
    )


@pytest.mark.parametrize("settings", [{}, AT_ONCE], ids=["watched", "at once"])
async def test_a_refusal_says_what_became_of_the_order(tmp_path: Path, settings: dict[str, Any]) -> None:
    ended = await cancel(answering(409, REFUSAL), tmp_path, **settings)

    assert ended["status"] == "refused"
    assert ended["message"].endswith(f"It {GONE}")
    assert "Nothing was changed" not in ended["message"]
