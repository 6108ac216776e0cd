"""Fill an empty Tryton database: a company that buys, with vendors, items, warehouses and users."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tests.tryton.rpc import Rpc, money

TAX = "0.2"


@dataclass(frozen=True)
class Facts:
    """The ids of what was made. Users' passwords are `password(login)`."""

    company: int
    currencies: dict[str, int]
    vendors: dict[str, int]
    items: dict[str, int]
    units: dict[str, int]
    warehouses: dict[str, int]
    tax: int
    own_party: int


def password(login: str) -> str:
    return f"{login}-secret-1"


def fill(admin: Rpc) -> Facts:
    """Make the company and all that it needs to buy, as the administrator."""
    currencies = _make_currencies(admin)
    own_party, company = _make_company(admin, currencies["EUR"])
    accounts = _make_accounts(admin, company)
    _make_fiscal_year(admin, company)
    tax = _make_tax(admin)
    units = {name: admin.search("product.uom", ["name", "=", name])[0] for name in ("Unit", "Kilogram")}
    items = _make_items(admin, accounts, tax, units)
    vendors = _make_vendors(admin, company, currencies, items["bolt"])
    warehouses = _make_warehouses(admin)
    _make_users(admin, company)
    return Facts(company, currencies, vendors, items, units, warehouses, tax, own_party)


def _xml_id(admin: Rpc, module: str, name: str) -> int:
    found: int = admin.on("ir.model.data", "get_id", module, name)
    return found


def _make_currencies(admin: Rpc) -> dict[str, int]:
    rows = [("Euro", "EUR", "€", "978"), ("US Dollar", "USD", "$", "840")]
    made = admin.create(
        "currency.currency",
        *(
            {
                "name": name,
                "code": code,
                "symbol": sign,
                "digits": 2,
                "rounding": money("0.01"),
                "numeric_code": figures,
            }
            for name, code, sign, figures in rows
        ),
    )
    return {code: identifier for (_, code, _, _), identifier in zip(rows, made, strict=True)}


def _make_company(admin: Rpc, currency: int) -> tuple[int, int]:
    (own,) = admin.create("party.party", {"name": "Sample Works Ltd", "addresses": [["create", [{"city": "Ghent"}]]]})
    (company,) = admin.create("company.company", {"party": own, "currency": currency})
    admin.write("res.user", admin.user, companies=[["add", [company]]], company=company)
    admin.refresh()
    return own, company


def _make_accounts(admin: Rpc, company: int) -> dict[str, int]:
    """Make the chart of accounts that Tryton ships, and return one account of each kind."""
    (template,) = admin.search("account.account.template", ["parent", "=", None])[:1]
    chosen = {"account": {"account_template": template, "company": company}}
    admin.wizard("account.create_chart", ("account", {}), ("create_account", chosen))
    accounts = {
        kind: admin.search("account.account", ["closed", "!=", True], [f"type.{kind}", "=", True])[0]
        for kind in ("payable", "receivable", "expense", "revenue")
    }
    admin.write(
        "account.configuration",
        1,
        default_account_payable=accounts["payable"],
        default_account_receivable=accounts["receivable"],
        default_category_account_expense=accounts["expense"],
        default_category_account_revenue=accounts["revenue"],
    )
    return accounts


def _make_fiscal_year(admin: Rpc, company: int) -> None:
    year = datetime.now(UTC).year
    kinds = (("Moves", "account", "account_move"), ("Invoices", "account_invoice", "account_invoice"))
    moves, invoices = [
        admin.create(
            "ir.sequence.strict",
            {"name": name, "company": company, "sequence_type": _xml_id(admin, module, f"sequence_type_{kind}")},
        )[0]
        for name, module, kind in kinds
    ]
    sequences = {
        f"{way}_{document}_sequence": invoices for way in ("in", "out") for document in ("invoice", "credit_note")
    }
    (made,) = admin.create(
        "account.fiscalyear",
        {
            "name": str(year),
            "start_date": {"__class__": "date", "year": year, "month": 1, "day": 1},
            "end_date": {"__class__": "date", "year": year, "month": 12, "day": 31},
            "company": company,
            "move_sequence": moves,
            "invoice_sequences": [["create", [{"company": company, **sequences}]]],
        },
    )
    admin.on("account.fiscalyear", "create_periods", [made])


def _make_tax(admin: Rpc) -> int:
    (owed,) = admin.search("account.account", ["code", "=", "2.2.3"])  # accrued taxes
    (tax,) = admin.create(
        "account.tax",
        {
            "name": "20% VAT",
            "description": "20% VAT on purchases",
            "type": "percentage",
            "rate": money(TAX),
            "invoice_account": owed,
            "credit_note_account": owed,
        },
    )
    return tax


def _make_items(admin: Rpc, accounts: dict[str, int], tax: int, units: dict[str, int]) -> dict[str, int]:
    (category,) = admin.create(
        "product.category",
        {
            "name": "Goods",
            "accounting": True,
            "account_expense": accounts["expense"],
            "account_revenue": accounts["revenue"],
            "supplier_taxes": [["add", [tax]]],
        },
    )
    rows = {
        "bolt": ("M8 x 30mm Hex Bolt", "BOLT-M8-30", "Unit", "0.45", "goods", True),
        "nut": ("M8 Nut", "NUT-M8", "Unit", "0.12", "goods", True),
        "oil": ("Machine oil", "OIL-1", "Kilogram", "12.5", "goods", True),
        "freight": ("Freight", "FREIGHT", "Unit", "40", "service", True),
        "bench": ("Work bench", "BENCH-1", "Unit", "300", "goods", False),
    }
    return {
        key: _make_item(admin, category, units[unit], name, code, price, kind, purchasable)
        for key, (name, code, unit, price, kind, purchasable) in rows.items()
    }


def _make_item(
    admin: Rpc, category: int, unit: int, name: str, code: str, price: str, kind: str, purchasable: bool
) -> int:
    values: dict[str, Any] = {
        "name": name,
        "type": kind,
        "default_uom": unit,
        "purchasable": purchasable,
        "list_price": None,
        "account_category": category,
        "cost_price_method": "fixed",
        "products": [["create", [{"suffix_code": code}]]],
    }
    if purchasable:
        values["purchase_uom"] = unit
    (template,) = admin.create("product.template", values)
    (item,) = admin.search("product.product", ["template", "=", template])
    admin.write("product.product", item, cost_price=money(price))
    return item


def _make_vendors(admin: Rpc, company: int, currencies: dict[str, int], bolt: int) -> dict[str, int]:
    rows = {"acme": ("Acme Fasteners", "V-ACME", "Antwerp"), "bolts": ("Bolt & Co", "V-BOLT", "Lyon")}
    rows["former"] = ("Former Fasteners", "V-FORMER", "Gent")
    made = admin.create(
        "party.party",
        *(
            {"name": name, "code": code, "addresses": [["create", [{"city": city}]]]}
            for name, code, city in rows.values()
        ),
    )
    vendors = dict(zip(rows, made, strict=True))
    admin.write("party.party", vendors["former"], active=False)
    admin.create(
        "purchase.product_supplier",
        {
            "template": admin.read("product.product", bolt, "template")["template"],
            "party": vendors["acme"],
            "company": company,
            "code": "ACM-0830",
            "currency": currencies["EUR"],
            "lead_time": {"__class__": "timedelta", "seconds": 5 * 86400},
            "prices": [
                [
                    "create",
                    [{"quantity": 0, "unit_price": money("0.45")}, {"quantity": 1000, "unit_price": money("0.40")}],
                ]
            ],
        },
    )
    return vendors


def _make_warehouses(admin: Rpc) -> dict[str, int]:
    """Name the one that Tryton ships "Main", and make another one."""
    (main,) = admin.search("stock.location", ["type", "=", "warehouse"])
    admin.write("stock.location", main, name="Main")
    places = admin.create(
        "stock.location", *({"name": f"North {part}", "type": "storage"} for part in ("input", "output", "storage"))
    )
    (north,) = admin.create(
        "stock.location",
        {
            "name": "North",
            "code": "WHN",
            "type": "warehouse",
            "input_location": places[0],
            "output_location": places[1],
            "storage_location": places[2],
        },
    )
    return {"main": main, "north": north}


def _make_users(admin: Rpc, company: int) -> None:
    groups = {
        "purchase": _xml_id(admin, "purchase", "group_purchase"),
        "stock": _xml_id(admin, "stock", "group_stock"),
        "account": _xml_id(admin, "account", "group_account"),
    }
    of_company = {"companies": [["add", [company]]], "company": company}
    users: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
        "buyer": (("purchase",), of_company),
        "keeper": (("purchase", "stock"), of_company),
        "clerk": (("account",), of_company),
        "nobody": ((), of_company),
        # Without the key, a user would get the company of the one who makes them.
        "homeless": (("purchase",), {"company": None}),
    }
    admin.create(
        "res.user",
        *(
            {
                "name": login.title(),
                "login": login,
                "password": password(login),
                "groups": [["add", [groups[name] for name in names]]],
                **more,
            }
            for login, (names, more) in users.items()
        ),
    )
