"""A write that the ERP refuses, in its own envelope, over a real socket; and all that only looks like it."""

from __future__ import annotations

from typing import Any

import pytest

from po_mcp.connectors.exsited import error_body as exsited_complaints
from po_mcp.connectors.inventory_pro import error_body as inventory_pro_complaints
from po_mcp.errors import (
    Conflict,
    NotPermitted,
    OrderNotFound,
    OutcomeUnknown,
    PurchaseOrderError,
    Refused,
    SignInEnded,
    TooManyRequests,
)
from tests.connectors.calls import INJECTED, LIST, NUMBER, WRITES, Write, failing, html
from tests.connectors.raw_peer import Reply, raw_peer, reply

every_name = pytest.mark.parametrize("name", WRITES)
_NAMES_AN_ORDER = ("inventory-pro finalize", "exsited delete", "exsited cancel")
_CODES = {400: "bad_request", 401: "unauthorized", 403: "forbidden", 404: "not_found", 409: "conflict"}
EMPTY = {"purchase_orders": [], "pagination": {"records": 0, "offset": 0}}


def envelope(name: str, status: int, *, says: int | None = None) -> Reply:
    """The answer of this ERP that refuses: `status` of HTTP; `says`: the status that stands in its body."""
    said = says or status
    if name.startswith("inventory-pro"):
        code = _CODES.get(said, "rate_limited" if said == 429 else "not_implemented")
        body: dict[str, Any] = {
            "statusCode": said,
            "error": code,
            "message": INJECTED,
            "details": {INJECTED: [INJECTED]},
        }
    else:
        body = {"errors": [{"code": said, "message": INJECTED}]}
    return reply(status, body)


REFUSALS: dict[int, type[PurchaseOrderError]] = {
    400: Refused,
    402: Refused,
    403: NotPermitted,
    405: Refused,
    409: Conflict,
    422: Refused,
    423: Refused,
    429: TooManyRequests,
    451: Refused,
    501: Refused,
}


@every_name
@pytest.mark.parametrize(("status", "error"), REFUSALS.items())
async def test_a_refusal_in_the_envelope_changed_nothing_and_hides_the_erps_text(
    name: str, status: int, error: type[PurchaseOrderError]
) -> None:
    for answer in (envelope(name, status), envelope(name, 200, says=status)):
        async with raw_peer(answer) as peer:
            erp = WRITES[name][0](peer.url)
            with pytest.raises(error) as refused:
                await WRITES[name][1](erp)
            await erp.aclose()
        assert refused.value.effect == "nothing_changed"
        assert "Nothing was changed" in refused.value.message
        assert INJECTED not in str(refused.value)
        assert len(peer.requests) == 1


async def test_a_refusal_that_asks_to_wait_says_how_long() -> None:
    body = {"statusCode": 429, "error": "rate_limited"}
    async with raw_peer(reply(429, body, "Retry-After: 90")) as peer:
        erp = WRITES["inventory-pro create"][0](peer.url)
        with pytest.raises(TooManyRequests, match="Wait 90 seconds") as refused:
            await WRITES["inventory-pro create"][1](erp)
        await erp.aclose()
    assert refused.value.effect == "nothing_changed"


@every_name
@pytest.mark.parametrize("status", [404, 410])
async def test_a_write_on_a_missing_order_is_order_not_found(name: str, status: int) -> None:
    error = OrderNotFound if name in _NAMES_AN_ORDER else Refused
    async with failing(WRITES[name], envelope(name, status), error=error):
        pass


@every_name
@pytest.mark.parametrize("status", [408, 425, 460, 499, 500, 502, 503, 504])
async def test_the_envelope_is_not_believed_where_a_write_may_have_been_carried_out(name: str, status: int) -> None:
    for answer in (envelope(name, status), envelope(name, 200, says=status)):
        async with failing(WRITES[name], answer, error=OutcomeUnknown):
            pass


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("inventory-pro create", {"poNo": NUMBER, "statusCode": 409, "error": "conflict"}),
        ("exsited create", {"purchase_order": {"id": NUMBER}, "errors": [{"code": 409}]}),
    ],
)
async def test_an_answer_that_shows_the_order_and_an_error_is_in_doubt(name: str, body: object) -> None:
    async with failing(WRITES[name], reply(200, body), error=OutcomeUnknown):
        pass


@pytest.mark.parametrize(
    "body",
    [
        {"statusCode": 409, "error": "conflict", "message": "m", "details": None},
        {"StatusCode": "409", "Error": "Conflict"},
        {"statusCode": 409, "error": "a_code_of_tomorrow"},
    ],
)
def test_the_envelope_of_inventory_pro_is_known_in_any_letters_and_without_a_message(body: object) -> None:
    assert inventory_pro_complaints.is_envelope(body)
    assert inventory_pro_complaints.status_in(body) == 409


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "conflict",
        {},
        {"error": "conflict"},
        {"statusCode": 409},
        {"statusCode": 409, "message": "m"},
        {"statusCode": 409, "error": None},
        {"statusCode": 409, "error": ""},
        {"statusCode": 404, "error": "Not Found"},
        {"statusCode": True, "error": "conflict"},
        {"statusCode": 0, "error": "conflict"},
        {"statusCode": "４０９", "error": "conflict"},
        {"status": 409, "error": "conflict"},
    ],
)
def test_other_bodies_are_no_envelope_of_inventory_pro(body: object) -> None:
    assert not inventory_pro_complaints.is_envelope(body)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"errors": [{"code": 409, "message": "m"}]}, 409),
        ({"errors": [{"code": "409"}]}, 409),
        ({"errors": [{"code": "already_exists"}]}, None),
        ({"errors": [{"message": "m"}]}, None),
        ({"errors": ["m"]}, None),
        ({"errors": [{"code": 400}, {"code": 500}]}, 500),
        ({"object": "error", "status": 409, "code": "internal_error"}, 409),
        ({"object": "Error"}, None),
        ({"isSuccess": False, "statusCode": 1401}, None),
        ({"isSuccess": "false"}, None),
        ({"Errors": [{"Code": "409"}]}, 409),
        ({"Object": "ERROR", "Status": 403}, 403),
        ({"IsSuccess": False}, None),
    ],
)
def test_the_envelopes_of_exsited_are_known(body: object, status: int | None) -> None:
    assert exsited_complaints.is_envelope(body)
    assert exsited_complaints.status_in(body) == status


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"errors": []},
        {"errors": None},
        {"errors": {"code": 409}},
        {"object": "purchase_order"},
        {"isSuccess": True},
        {"error": "conflict", "statusCode": 409},
        {"message": "Not Found"},
    ],
)
def test_other_bodies_are_no_envelope_of_exsited(body: object) -> None:
    assert not exsited_complaints.is_envelope(body)


def sign_out_answers(name: str) -> dict[str, Reply]:
    """The answers that say that the token is no longer good."""
    found = {
        "401": html(401),
        "401 in the envelope": envelope(name, 401),
        "a redirect to the sign-in": reply(302, None, "Location: /Account/Login?ReturnUrl=%2F"),
    }
    if name.startswith("exsited"):
        found |= {
            "a redirect to nowhere": reply(302),
            "401 inside a success": reply(200, {"errors": [{"code": 401}]}),
            "401 inside a refusal": reply(400, {"errors": [{"code": "401"}]}),
        }
    return found


SIGNED_OUT = [(name, said) for name in WRITES for said in sign_out_answers(name)]
every_sign_out = pytest.mark.parametrize(("name", "said"), SIGNED_OUT)


@every_sign_out
async def test_a_write_was_not_accepted_where_a_read_with_its_token_is_refused_too(name: str, said: str) -> None:
    answer = sign_out_answers(name)[said]
    async with raw_peer(answer, html(401)) as peer:
        erp = WRITES[name][0](peer.url)
        with pytest.raises(SignInEnded, match="try again") as ended:
            await WRITES[name][1](erp)
        await erp.aclose()
    assert ended.value.effect == "nothing_changed"
    assert [line.split()[0] for line in peer.lines] == [peer.lines[0].split()[0], "GET"]
    assert all(b"Bearer token-1" in request for request in peer.requests)
    assert peer.tokens == 2


@every_sign_out
async def test_a_write_is_judged_by_its_own_answer_where_a_read_with_its_token_is_answered(
    name: str, said: str
) -> None:
    answer = sign_out_answers(name)[said]
    read = reply(200, LIST if name.startswith("inventory-pro") else EMPTY)
    is_told = "envelope" in said or "inside" in said
    async with failing(WRITES[name], answer, read, error=Refused if is_told else OutcomeUnknown) as peer:
        assert (peer.tokens, len(peer.requests)) == (1, 2)


@every_name
@pytest.mark.parametrize("read", [Reply(after="reset"), html(503), html(200), Reply(after="hang")])
async def test_a_write_is_in_doubt_where_the_read_with_its_token_fails(name: str, read: Reply) -> None:
    async with failing(WRITES[name], envelope(name, 401), read, error=OutcomeUnknown) as peer:
        assert (peer.tokens, len(peer.requests)) == (1, 2)


@every_name
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_elsewhere_says_nothing_of_the_sign_in(name: str, status: int) -> None:
    away = reply(status, None, "Location: /purchase-orders/PO-1")
    async with failing(WRITES[name], away, error=OutcomeUnknown) as peer:
        assert len(peer.requests) == 1


async def test_a_failed_renewal_of_the_sign_in_names_the_next_step() -> None:
    write: Write = WRITES["inventory-pro create"]
    token = reply(200, {"access_token": "token-1", "expires_in": 3600})
    async with raw_peer(token, html(401), html(401), html(401)) as peer:
        peer.gives_tokens = False
        erp = write[0](peer.url)
        with pytest.raises(SignInEnded, match="PO_MCP_CLIENT_ID") as ended:
            await write[1](erp)
        await erp.aclose()
    assert ended.value.effect == "nothing_changed"
