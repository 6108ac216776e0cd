-- Money and quantities are decimal text, never REAL; instants are UTC text such as 2025-05-15T00:00:00Z.
CREATE TABLE vendors (
    id INTEGER PRIMARY KEY,
    uuid TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL UNIQUE,
    short_id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    address1 TEXT NOT NULL,
    address2 TEXT NOT NULL,
    city TEXT NOT NULL,
    state TEXT NOT NULL,
    zip TEXT NOT NULL,
    country TEXT NOT NULL,
    phone TEXT NOT NULL,
    fax TEXT NOT NULL,
    email TEXT NOT NULL,
    contact TEXT NOT NULL,
    currency TEXT NOT NULL,
    active INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    modified_at TEXT NOT NULL
);

CREATE TABLE items (
    part_no INTEGER PRIMARY KEY,
    uuid TEXT NOT NULL UNIQUE,
    code TEXT NOT NULL UNIQUE,
    short_id TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL,
    category TEXT NOT NULL,
    sub_category TEXT NOT NULL,
    unit TEXT NOT NULL,
    price TEXT NOT NULL,
    active INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    modified_at TEXT NOT NULL
);

CREATE TABLE warehouses (
    id INTEGER PRIMARY KEY,
    uuid TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE
);

CREATE TABLE spots (
    name TEXT PRIMARY KEY,
    warehouse_id INTEGER NOT NULL REFERENCES warehouses (id),
    description TEXT NOT NULL,
    hold INTEGER NOT NULL,
    active INTEGER NOT NULL
);

CREATE TABLE orders (
    uuid TEXT PRIMARY KEY,
    number TEXT NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    vendor_id INTEGER NOT NULL REFERENCES vendors (id),
    status TEXT NOT NULL CHECK (status IN ('open', 'partial', 'closed', 'cancelled', 'deleted')),
    currency TEXT NOT NULL,
    total TEXT NOT NULL,
    ordered_at TEXT NOT NULL,
    expected_at TEXT,
    due_at TEXT,
    note TEXT NOT NULL,
    supplier_invoice TEXT NOT NULL,
    tax_inclusive INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    modified_at TEXT NOT NULL,
    cancelled_at TEXT,
    reactivated_at TEXT
);
CREATE INDEX orders_by_date ON orders (ordered_at, number);

CREATE TABLE lines (
    uuid TEXT PRIMARY KEY,
    order_uuid TEXT NOT NULL REFERENCES orders (uuid) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    part_no INTEGER NOT NULL REFERENCES items (part_no),
    quantity TEXT NOT NULL,
    price TEXT NOT NULL,
    warehouse_id INTEGER NOT NULL REFERENCES warehouses (id),
    UNIQUE (order_uuid, number)
);

CREATE TABLE receipts (
    id TEXT PRIMARY KEY,
    uuid TEXT NOT NULL UNIQUE,
    order_uuid TEXT NOT NULL REFERENCES orders (uuid),
    received_at TEXT NOT NULL
);
CREATE INDEX receipts_by_order ON receipts (order_uuid);

CREATE TABLE receipt_lines (
    receipt_id TEXT NOT NULL REFERENCES receipts (id),
    line_uuid TEXT NOT NULL REFERENCES lines (uuid),
    quantity TEXT NOT NULL,
    PRIMARY KEY (receipt_id, line_uuid)
);

CREATE TABLE invoices (
    id TEXT PRIMARY KEY,
    uuid TEXT NOT NULL UNIQUE,
    order_uuid TEXT NOT NULL REFERENCES orders (uuid),
    issued_at TEXT NOT NULL,
    due_at TEXT NOT NULL,
    total TEXT NOT NULL
);
CREATE INDEX invoices_by_order ON invoices (order_uuid);

-- Numbers that are given out once and never again, by what they count.
CREATE TABLE counters (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
);
