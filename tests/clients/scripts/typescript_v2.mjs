// The TypeScript SDK, version 2, in one of its modes: stdio or URL, and legacy, auto or a version that is pinned.
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { how, run, server, where } from "./scenario.mjs";

const mode = how === "legacy" || how === "auto" ? how : { pin: how };

async function connect(answer) {
  const capabilities = answer ? { elicitation: {} } : {};
  const client = new Client({ name: "test", version: "1" }, { capabilities, versionNegotiation: { mode } });
  if (answer) client.setRequestHandler("elicitation/create", answer);
  const isStdio = where === "stdio";
  await client.connect(isStdio ? new StdioClientTransport(server) : new StreamableHTTPClientTransport(new URL(where)));
  return client;
}

await run("@modelcontextprotocol/client", connect);
