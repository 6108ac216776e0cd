// The TypeScript SDK, version 1: stdio or URL, and the SDK's version.
import { readFileSync } from "node:fs";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";

const [where] = process.argv.slice(2);
const printed = [];
for (const name of ["log", "info", "warn", "error"]) console[name] = (...what) => printed.push(what.join(" "));

const root = new URL("./node_modules/@modelcontextprotocol/sdk/package.json", import.meta.url);
const { version } = JSON.parse(readFileSync(root));
const { PATH, HOME, PO_MCP_SANDBOX, PO_MCP_JOURNAL, SERVER } = process.env;
const env = { PATH, HOME, PO_MCP_SANDBOX, PO_MCP_JOURNAL };

async function connect(answer) {
  const client = new Client({ name: "test", version: "1" }, { capabilities: answer ? { elicitation: {} } : {} });
  if (answer) client.setRequestHandler(ElicitRequestSchema, async (request) => answer(request.params));
  const stdio = () => new StdioClientTransport({ command: SERVER, args: ["-m", "po_mcp"], env, stderr: "inherit" });
  await client.connect(where === "stdio" ? stdio() : new StreamableHTTPClientTransport(new URL(where)));
  return client;
}

async function call(client, name, args) {
  const result = await client.callTool({ name, arguments: args });
  return result.structuredContent ? JSON.stringify(result.structuredContent) : result.content[0].text;
}

const line = { item: "BOLT-M8-30", quantity: "1000", unit_price: "0.45", warehouse: "Main" };
const number = "PO-2025-0038";
const remove = ["delete_purchase_order", { number }];
const look = ["get_purchase_order", { number, detail: "short" }];

let client = await connect(null);
const { tools } = await client.listTools();
const before = [];
for (const each of [
  ["list_purchase_orders", { limit: 2 }],
  ["get_purchase_order", { number: "PO-2025-0042" }],
  ["create_purchase_order", { vendor: "Acme Fasteners", lines: [line] }],
  ["delete_purchase_order", { number: "PO-2025-0036" }],
])
  before.push(await call(client, ...each));
await client.close();

const answers = [{ action: "decline" }, { action: "accept", content: { order_number: number } }];
client = await connect(() => answers.shift());
const asked = [];
for (const each of [remove, look, remove, look]) asked.push(await call(client, ...each));
await client.close();
const found = { version: `@modelcontextprotocol/sdk ${version}`, tools: tools.length, before, asked, printed };
process.stdout.write(JSON.stringify(found) + "\n");
