// Takes every dump of a folder through the built command line, with no configuration: inspect, copy, verify,
// export; and holds the exported file against the source, in value and form. Usage: check-realdata.mjs FOLDER
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const [folder, target = undefined] = process.argv.slice(2);
const main = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
const work = mkdtempSync(join(tmpdir(), "outgrow-realdata-"));
const to = target ?? `pglite:${join(work, "data")}`;

function* dumps(at) {
  for (const name of readdirSync(at).sort()) {
    const path = join(at, name);
    if (statSync(path).isDirectory()) yield* dumps(path);
    else if (name.endsWith(".json")) yield path;
  }
}

function outgrow(...args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args, "--json"], {
    encoding: "utf8",
    maxBuffer: 2 ** 28,
    env: { ...process.env, DATABASE_URL: "" },
  });
  return { status, result: stdout === "" ? {} : JSON.parse(stdout), stderr };
}

// How a Dexie export marks plain arrays and objects is no part of what it says.
const MARKS = new Set(["arrayNonindexKeys", "userObject"]);

/** Where two JSON values differ, the order of names included; undefined when they do not. */
function difference(a, b, path = "$") {
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null)
    return Object.is(a, b) ? undefined : path;
  if (Array.isArray(a) !== Array.isArray(b)) return path;
  const names = Object.keys(a);
  if (names.join("\u0000") !== Object.keys(b).join("\u0000"))
    return `${path} (names or their order)`;
  for (const name of names) {
    const found = difference(a[name], b[name], `${path}.${name}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

function plain(value) {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(plain);
  const entries = Object.entries(value).map(([name, inner]) => {
    if (name !== "$types" || typeof inner !== "object") return [name, plain(inner)];
    return [
      name,
      Object.fromEntries(Object.entries(inner).filter(([, type]) => !MARKS.has(String(type)))),
    ];
  });
  return Object.fromEntries(
    entries.filter(
      ([name, inner]) =>
        name !== "$types" || typeof inner !== "object" || Object.keys(inner).length > 0,
    ),
  );
}

let passed = 0;
let failed = 0;
for (const path of dumps(folder)) {
  const name = relative(folder, path);
  const move = name.replace(/\W+/g, "_").toLowerCase();
  const out = join(work, `${move}.json`);
  const problems = [];
  const inspected = outgrow("inspect", path);
  if (inspected.status !== 0) problems.push(`inspect ended with ${inspected.status}`);
  const copied = outgrow("copy", path, "--to", to, "--move", move, "--schema", move);
  const counts = Object.values(copied.result.counts ?? {});
  const sum = (what) => counts.reduce((total, one) => total + one[what], 0);
  const expected = sum("quarantined") > 0 ? 2 : 0;
  if (copied.status !== expected)
    problems.push(
      `copy ended with ${copied.status}: ${JSON.stringify(copied.result.error ?? copied.stderr)}`,
    );
  if (sum("read") !== sum("applied") + sum("duplicate") + sum("quarantined"))
    problems.push("the counts do not add up");
  const verified = outgrow("verify", path, "--to", to, "--move", move);
  if (verified.status !== 0) problems.push(`verify ended with ${verified.status}`);
  const exported = outgrow("export", to, "--move", move, "--out", out);
  if (exported.status !== 0)
    problems.push(
      `export ended with ${exported.status}: ${JSON.stringify(exported.result.error ?? exported.stderr)}`,
    );
  else {
    const found = difference(
      plain(JSON.parse(readFileSync(path, "utf8"))),
      plain(JSON.parse(readFileSync(out, "utf8"))),
    );
    if (found !== undefined) problems.push(`the export differs at ${found}`);
  }
  console.log(
    `${problems.length === 0 ? "ok  " : "FAIL"} ${name}: ${sum("read")} records, ${sum("quarantined")} in quarantine${problems.map((text) => `\n       ${text}`).join("")}`,
  );
  if (problems.length === 0) passed++;
  else failed++;
}
rmSync(work, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
