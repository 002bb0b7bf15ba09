import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { creditsErrors } from "../../scripts/errors-document.mjs";
import { ERRORS } from "../src/errors.ts";

it("every code is used, and none is used that is not in the table", () => {
  const source = fileURLToPath(new URL("../src", import.meta.url));
  const texts = readdirSync(source, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !/(?:^|[/\\])(?:errors|findings)\.ts$/.test(file))
    .map((file) => readFileSync(join(source, file), "utf8"));
  const all = texts.join("\n");
  const unused = Object.keys(ERRORS).filter((code) => !new RegExp(`["']${code}["']`).test(all));
  expect(unused).toEqual([]);
  // In SQL and Lua no compiler looks at them.
  const answered = [
    ...all.matchAll(/(?:refused\s*:?=|then|refusal\(|'refused',)\s*["']([A-Z_]+)["']/g),
  ];
  const unknown = answered.map(([, code]) => code ?? "").filter((code) => !(code in ERRORS));
  expect(unknown).toEqual([]);
  expect(answered.length).toBeGreaterThan(20);
});

it("docs/credits.md lists every code, and shows the import that is tested", () => {
  const read = (path: string): string =>
    readFileSync(fileURLToPath(new URL(path, import.meta.url)), "utf8");
  const page = read("../../docs/credits.md");
  expect(page.slice(page.indexOf("| code |"))).toBe(creditsErrors(ERRORS));
  const [, shown] = /^```ts\n([\s\S]*?)^```/m.exec(page) ?? [];
  const tested = read("support/picture-ai-credits.ts");
  expect(tested.slice(tested.indexOf("/** What a new account"))).toBe(shown);
});
