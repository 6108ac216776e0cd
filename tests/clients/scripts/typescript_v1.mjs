// The TypeScript SDK, version 1: stdio or URL.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { run, server, where } from "./scenario.mjs";

async function connect(answer) {
  const client = new Client({ name: "test", version: "1" }, { capabilities: answer ? { elicitation: {} } : {} });
  if (answer) client.setRequestHandler(ElicitRequestSchema, answer);
  const isStdio = where === "stdio";
  await client.connect(isStdio ? new StdioClientTransport(server) : new StreamableHTTPClientTransport(new URL(where)));
  return client;
}

await run("@modelcontextprotocol/sdk", connect);
