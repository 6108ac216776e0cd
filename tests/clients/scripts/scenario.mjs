// What every client does, and how it says what it saw: scenario.py, for clients in JavaScript.
import { readFileSync } from "node:fs";

export const [where, how] = process.argv.slice(2);
const { PATH, HOME, PO_MCP_SANDBOX, PO_MCP_JOURNAL, SERVER } = process.env;
/** How a client starts the server. */
export const server = {
  command: SERVER,
  args: ["-m", "po_mcp"],
  env: { PATH, HOME, PO_MCP_SANDBOX, PO_MCP_JOURNAL },
  stderr: "inherit",
};

const read = (file) => JSON.parse(readFileSync(new URL(file, import.meta.url)));
const printed = [];
for (const name of ["log", "info", "warn", "error"]) console[name] = (...what) => printed.push(what.join(" "));

async function callEach(client, calls) {
  const seen = [];
  for (const [name, args] of calls) {
    const result = await client.callTool({ name, arguments: args });
    seen.push(result.structuredContent ? JSON.stringify(result.structuredContent) : result.content[0].text);
  }
  await client.close();
  return seen;
}

/** Drive a package's client; `connect` takes what answers a form, or null for a client without one. */
export async function run(name, connect) {
  const scenario = read("./scenario.json");
  const { version } = read(`./node_modules/${name}/package.json`);
  const client = await connect(null);
  const { tools } = await client.listTools();
  const before = await callEach(client, scenario.before);
  const answers = [{ action: "decline" }, { action: "accept", content: { order_number: scenario.number } }];
  const asked = await callEach(await connect(async () => answers.shift()), scenario.asked);
  const seen = { version: `${name} ${version}`, tools: tools.length, before, asked, printed };
  process.stdout.write(JSON.stringify(seen) + "\n");
}
