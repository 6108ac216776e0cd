// Compile our schemas with Ajv in its strict mode, for draft-07 and 2020-12, and as patterns of HTML forms.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const printed = [];
for (const name of ["log", "info", "warn", "error"]) console[name] = (...what) => printed.push(what.join(" "));

const tools = JSON.parse(readFileSync(process.argv[2], "utf8"));
let compiled = 0;
for (const draft of ["ajv", "ajv/dist/2020.js"]) {
  const Ajv = require(draft).default;
  const ajv = new Ajv({ strict: true, allowUnionTypes: true, allErrors: true });
  for (const tool of tools)
    for (const schema of [tool.inputSchema, tool.outputSchema]) {
      ajv.compile(schema);
      compiled += 1;
    }
}

const patterns = [];
const walk = (value) => {
  if (value === null || typeof value !== "object") return;
  if (typeof value.pattern === "string") patterns.push(new RegExp(value.pattern, "v").source);
  Object.values(value).forEach(walk);
};
walk(tools);
process.stdout.write(JSON.stringify({ compiled, patterns: patterns.length, printed }) + "\n");
