// Drive a server over stdio with the TypeScript SDK v1. Prints JSON.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";

const [command, ...args] = process.argv.slice(2);
const client = new Client({ name: "typescript", version: "1" }, { capabilities: { elicitation: {} } });
const asked = [];
client.setRequestHandler(ElicitRequestSchema, async (request) => {
  asked.push(request.params.message);
  return { action: "decline" };
});
const env = Object.fromEntries(Object.entries(process.env).filter(([, value]) => value !== undefined));
await client.connect(new StdioClientTransport({ command, args, env, stderr: "inherit" }));
const { tools } = await client.listTools();
const call = (name, given) => client.callTool({ name, arguments: given });
const listed = await call("list_purchase_orders", { limit: 2 });
const order = await call("get_purchase_order", { number: "PO-2025-0042" });
const found = await call("search_catalog", { kind: "item", text: "bolt" });
const declined = await call("delete_purchase_order", { number: "PO-2025-0038" });
await client.close();
const told = { tools: tools.length, listed, order, found, declined, asked };
console.log(JSON.stringify(told));
