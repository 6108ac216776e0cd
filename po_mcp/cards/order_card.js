"use strict";

// The card shows what it is given. It calls no tool, reads no resource, and says nothing to the chat; its one button
// asks the host to open the approval page. Text reaches the document by textContent alone.

const NOT_GIVEN = "\u2013";
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const ORDER_STATUS = {
  __proto__: null,
  draft: "draft", open: "open", partial: "partly received", closed: "closed", cancelled: "cancelled",
  deleted: "deleted", unknown: "status not recognized",
};
const OUTCOME = {
  __proto__: null,
  done: ["Done", "success"],
  approval_required: ["Needs approval", "info"],
  approved: ["Approved, not sent", "info"],
  unknown: ["Not confirmed", "warning"],
  refused: ["Not done", "danger"],
  declined: ["Declined", "danger"],
  expired: ["Expired", "danger"],
  stale: ["Out of date", "danger"],
};
// A host may give some of its variables and not others. A color is taken with those that it stands beside, or not at
// all: a dark ground of the host under our own dark text could not be read.
const COLOR_GROUPS = [
  ["background-primary", "text-primary", "background-secondary", "text-secondary", "border-primary"],
  ["background-inverse", "text-inverse"],
  ...["info", "success", "warning", "danger"].map((feel) => [`background-${feel}`, `text-${feel}`]),
  ["ring-primary"],
].map((group) => group.map((name) => `--color-${name}`));
const OTHER_VARIABLES = [["--font-sans"], ["--border-radius-md"]];

const card = document.getElementById("card");
const root = document.documentElement;
const variables = {};
const answers = new Map();
let lastId = 0;

// What is shown

function element(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children.filter((child) => child instanceof Node));
  return made;
}

function textual(tag, className, text) {
  const made = element(tag, className);
  made.textContent = text;
  return made;
}

/** A value of the ERP: apart from ours, whatever its direction, length and height. */
const said = (value) => textual("bdi", "said", isText(value) ? value : NOT_GIVEN);

/** A sentence of the server, in full; names that the ERP gave may stand in it. */
const sentence = (text) => textual("bdi", "sentence", text);

const isText = (value) => typeof value === "string" && value !== "";
const grouped = (digits) => digits.replace(/\B(?=(\d{3})+$)/g, ",");
const isDecimal = (value) => isText(value) && /^-?\d+(\.\d+)?$/.test(value);

/** Amounts stay text: a number of this language would round them. */
function money(value) {
  if (!isDecimal(value)) return NOT_GIVEN;
  const [whole, decimals = ""] = value.split(".");
  return `${grouped(whole)}.${decimals.replace(/0+$/, "").padEnd(2, "0")}`;
}

function quantity(value) {
  if (!isDecimal(value)) return NOT_GIVEN;
  const [whole, decimals = ""] = value.split(".");
  const kept = decimals.replace(/0+$/, "");
  return grouped(whole) + (kept && `.${kept}`);
}

function day(value) {
  const [, year, month, date] = /^(\d{4})-(\d\d)-(\d\d)/.exec(isText(value) ? value : "") ?? [];
  return MONTHS[month - 1] ? `${date.replace(/^0/, "")} ${MONTHS[month - 1]} ${year}` : NOT_GIVEN;
}

const counted = (count, noun) => `${grouped(String(count))} ${noun}${count === 1 ? "" : "s"}`;

function amount(value, currency) {
  const shown = textual("span", "", money(value));
  return isText(currency) ? element("span", "", shown, textual("span", "", " "), said(currency)) : shown;
}

const labelOf = (status) => ORDER_STATUS[status] ?? status;

function statusOf(order) {
  return said(order.status === "unknown" && isText(order.status_text) ? order.status_text : labelOf(order.status));
}

function itemOf(line) {
  const name = isText(line.item) ? line.item : line.description;
  const isMore = isText(line.description) && line.description !== name;
  return element("span", "", said(name), isMore ? element("span", "soft", said(line.description)) : null);
}

function table(caption, columns, rows) {
  const heads = columns.map(([label, , className]) => {
    const head = textual("th", className, label);
    head.scope = "col";
    return head;
  });
  const lines = rows.map((row) => element("tr", "", ...columns.map((column) => cell(column, row))));
  const made = element("table", "", textual("caption", "", caption));
  made.append(element("thead", "", element("tr", "", ...heads)), element("tbody", "", ...lines));
  return element("div", "wide", made);
}

function cell([label, show, className], row) {
  const shown = show(row);
  const made = element("td", className, shown instanceof Node ? shown : textual("span", "", shown));
  made.dataset.label = label;
  return made;
}

const ORDER_COLUMNS = [
  ["Order", (order) => said(order.number)],
  ["Vendor", (order) => said(order.vendor)],
  ["Status", statusOf],
  ["Expected", (order) => day(order.expected_on)],
  ["Total", (order) => amount(order.total, order.currency), "n"],
];
const LINE_COLUMNS = [
  ["Item", itemOf],
  ["Quantity", (line) => quantity(line.quantity), "n"],
  ["Received", (line) => quantity(line.received), "n"],
  ["Outstanding", (line) => quantity(line.outstanding), "n"],
  ["Unit price", (line) => money(line.unit_price), "n"],
  ["Line total", (line) => money(line.line_total), "n"],
  ["Warehouse", (line) => said(isText(line.warehouse_name) ? line.warehouse_name : line.warehouse)],
];

function fact(label, value) {
  return element("div", "", textual("dt", "", label), element("dd", "", value));
}

function remark(text, feel = "warning") {
  return element("p", `remark ${feel}`, sentence(text));
}

const remarksOf = (texts) => (Array.isArray(texts) ? texts.filter(isText).map((text) => remark(text)) : []);

function listCard(list) {
  const totals = isRecord(list.totals) ? Object.entries(list.totals) : [[list.currency, list.total_value]];
  const statuses = isRecord(list.by_status) ? Object.entries(list.by_status) : [];
  const isCut = list.orders.length < list.total_count;
  const least = list.complete === false ? "At least " : "";
  const count = counted(list.total_count ?? list.orders.length, "order");
  const head = element("div", "head", textual("h1", "", least + count));
  head.append(...totals.filter(([, total]) => isDecimal(total)).map(([currency, total]) => amount(total, currency)));
  head.append(...statuses.map(([status, number]) => textual("span", "tag", `${number} ${labelOf(status)}`)));
  const shown = list.orders.filter(isRecord);
  const caption = isCut ? `${shown.length} of ${count} shown` : "Purchase orders";
  const note = isText(list.note) ? remark(list.note) : null;
  return [head, note, shown.length ? table(caption, ORDER_COLUMNS, shown) : null];
}

function orderCard(order) {
  const number = element("h1", "", textual("span", "", "Order "), said(order.number));
  return [
    element("div", "head", number, element("span", "tag", statusOf(order))),
    ...remarksOf(order.remarks),
    ...orderParts(order),
  ];
}

function orderParts(order) {
  const facts = element("dl", "", fact("Vendor", said(order.vendor)));
  facts.append(fact("Total", amount(order.total, order.currency)));
  if (isText(order.ordered_at)) facts.append(fact("Ordered", textual("span", "", day(order.ordered_at))));
  if (isText(order.expected_on)) facts.append(fact("Expected", textual("span", "", day(order.expected_on))));
  const lines = Array.isArray(order.lines) ? order.lines.filter(isRecord) : [];
  const all = order.line_count ?? lines.length;
  const caption = lines.length < all ? `${lines.length} of ${counted(all, "line")}` : counted(all, "line");
  return [facts, lines.length ? table(caption, LINE_COLUMNS, lines) : null];
}

function outcomeCard(outcome) {
  const [label, feel] = OUTCOME[outcome.status] ?? [outcome.status, "info"];
  const made = element("section", "outcome", element("div", "head", textual("h2", `tag ${feel}`, label)));
  made.append(element("p", "", sentence(withoutLink(outcome))));
  if (outcome.replayed === true) made.append(textual("p", "soft", "Already done by an earlier call; nothing was sent again."));
  if (isPageLink(outcome.approve_at)) made.append(...approvalButton(outcome.approve_at));
  if (isRecord(outcome.order)) made.append(orderDetails(outcome.order));
  return made;
}

function orderDetails(order) {
  const summary = element("summary", "", textual("span", "", "Order "), said(order.number));
  return element("details", "", summary, ...orderParts(order));
}

/** The message without the address that the button opens. */
function withoutLink({ message, approve_at: link }) {
  if (!isPageLink(link)) return message;
  const rest = message.replace(`: ${link}`, "");
  return rest.endsWith(".") ? rest : `${rest}.`;
}

/** The page is on this computer, or on that of a server whose connection is encrypted. */
function isPageLink(value) {
  const url = isText(value) && URL.canParse(value) ? new URL(value) : null;
  return url?.protocol === "https:" || (url?.protocol === "http:" && ["127.0.0.1", "localhost"].includes(url.hostname));
}

function approvalButton(link) {
  const button = textual("button", "", "Open the approval page");
  const hint = textual("p", "soft", "You decide there. Nothing is approved here.");
  button.type = "button";
  button.addEventListener("click", async () => {
    const isOpen = await request("ui/open-link", { url: link }).then((result) => !result?.isError, () => false);
    hint.textContent = isOpen
      ? "The page was opened. Afterwards ask here what came of it."
      : `It could not be opened from here. Open this address in a browser: ${link}`;
  });
  return [button, hint];
}

const isRecord = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

function partsOf(result) {
  const data = result.isError === true ? null : result.structuredContent;
  if (!isRecord(data)) return [textOf(result)];
  if (Array.isArray(data.orders)) return listCard(data);
  if (Array.isArray(data.operations)) return operationsCard(data, result);
  if (isText(data.status) && isText(data.message)) return [outcomeCard(data)];
  return isText(data.number) ? orderCard(data) : [textOf(result)];
}

function operationsCard(data, result) {
  const outcomes = data.operations.filter((one) => isRecord(one) && isText(one.message));
  return outcomes.length ? outcomes.map(outcomeCard) : [textOf(result)];
}

function textOf(result) {
  const blocks = Array.isArray(result.content) ? result.content : [];
  const lines = blocks.filter((block) => isText(block?.text)).flatMap((block) => block.text.split("\n"));
  const feel = result.isError === true ? "remark danger" : "";
  return element("div", feel, ...lines.map((line) => element("p", "", sentence(line))));
}

function show(result) {
  const data = isRecord(result?.structuredContent) ? result.structuredContent : {};
  const notice = isText(data.notice) ? [element("p", "", textual("span", "tag warning", data.notice))] : [];
  const parts = [...notice, ...remarksOf(data.late_news), ...partsOf(result ?? {})];
  card.replaceChildren(...parts.filter((part) => part instanceof Node));
}

// The host

function dress(context) {
  if (context?.theme === "light" || context?.theme === "dark") root.style.colorScheme = context.theme;
  Object.assign(variables, context?.styles?.variables);
  for (const group of [...COLOR_GROUPS, ...OTHER_VARIABLES]) {
    const isWhole = group.every((name) => isText(variables[name]));
    for (const name of group) if (isWhole) root.style.setProperty(name, variables[name]);
  }
}

function send(message) {
  window.parent.postMessage({ jsonrpc: "2.0", ...message }, "*");
}

function request(method, params) {
  const id = ++lastId;
  send({ id, method, params });
  return new Promise((resolve, reject) => answers.set(id, { resolve, reject }));
}

const NOTIFICATIONS = {
  "ui/notifications/tool-result": show,
  "ui/notifications/tool-cancelled": () => card.replaceChildren(textual("p", "soft", "The call was cancelled.")),
  "ui/notifications/host-context-changed": dress,
};

function hear({ id, method, params, result, error }) {
  if (method === undefined) {
    const waiting = answers.get(id);
    answers.delete(id);
    if (error) waiting?.reject(error);
    else waiting?.resolve(result);
  } else if (id !== undefined) {
    const isKnown = method === "ping" || method === "ui/resource-teardown";
    send(isKnown ? { id, result: {} } : { id, error: { code: -32601, message: "This card has no such method." } });
  } else {
    Object.hasOwn(NOTIFICATIONS, method) && NOTIFICATIONS[method](params);
  }
}

window.addEventListener("message", ({ source, data }) => {
  if (source === window.parent && data?.jsonrpc === "2.0") hear(data);
});

function reportHeight() {
  send({ method: "ui/notifications/size-changed", params: { height: Math.ceil(root.getBoundingClientRect().height) } });
}

request("ui/initialize", {
  appCapabilities: { availableDisplayModes: ["inline", "fullscreen"] },
  appInfo: { name: "po-mcp order card", version: "1" },
  protocolVersion: "2026-01-26",
}).then((result) => {
  dress(result?.hostContext);
  send({ method: "ui/notifications/initialized", params: {} });
  new ResizeObserver(reportHeight).observe(root);
});
