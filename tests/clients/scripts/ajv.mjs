// Compile every schema of our tools with Ajv in its strict mode, and every pattern as browsers do. Prints JSON.
import { readFileSync } from "node:fs";
import Ajv2020 from "ajv/dist/2020.js";

const ajv = new Ajv2020.default({ strict: true, allErrors: true });
const patterns = [];
const walk = (value) => {
  if (value === null || typeof value !== "object") return;
  if (typeof value.pattern === "string") patterns.push(value.pattern);
  Object.values(value).forEach(walk);
};
let compiled = 0;
for (const tool of JSON.parse(readFileSync(process.argv[2], "utf-8"))) {
  for (const schema of [tool.inputSchema, tool.outputSchema]) {
    ajv.compile(schema);
    walk(schema);
    compiled += 1;
  }
}
patterns.forEach((pattern) => new RegExp(pattern, "v"));
console.log(JSON.stringify({ compiled, patterns: patterns.length }));
