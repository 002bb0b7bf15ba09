// Runs Outgrow over the three files, each into a database of its own, and prints one Markdown table of what it made.
//
//   node docs/comparison/run-outgrow.mjs dist/cli/main.js postgres://user@host:port/any-database
//
// Makes the databases comparison_shop, comparison_notes and comparison_campaigns, and drops them first: the user must
// be allowed to. What the tables are like is read from Postgres, not from what Outgrow says it made.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import pg from "pg";

const [cli, url] = process.argv.slice(2);
if (url === undefined) throw new Error("usage: run-outgrow.mjs CLI-PATH DATABASE_URL");
const here = dirname(fileURLToPath(import.meta.url));
const out = mkdtempSync(join(tmpdir(), "outgrow-comparison-"));

function outgrow(...args) {
  const done = spawnSync(process.execPath, [resolve(cli), ...args], { encoding: "utf8", cwd: out });
  return { status: done.status, text: `${done.stdout}${done.stderr}` };
}

function asked(...args) {
  const { status, text } = outgrow(...args, "--json");
  try {
    return { status, ...JSON.parse(text) };
  } catch {
    throw new Error(`outgrow ${args.join(" ")} ended with ${status}:\n${text}`);
  }
}

/** JSON with each number as its token, so that 9007199254740993 and -0 are compared as they are written. */
function exact(text) {
  const marked = text.replace(/"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g, (token) =>
    token.startsWith('"') ? token : `{"#":"${token}"}`,
  );
  return JSON.parse(marked);
}

function dumpParts(dump, collections) {
  const parts = new Map();
  for (const [key, text] of Object.entries(dump)) {
    const name =
      collections.find((it) => it === key) ??
      collections.find((it) => key.startsWith(`${it}_`)) ??
      "local_storage";
    let value = text;
    try {
      value = exact(text);
    } catch {
      // A bare string.
    }
    const whole = name === key && Array.isArray(value);
    parts.set(name, whole ? value : [...(parts.get(name) ?? []), { key, value }]);
  }
  return parts;
}

/** A file's content by collection; what is about the whole file has the name "". */
function partsOf(name, text, collections) {
  const file = exact(text);
  if (name.includes("localstorage")) return dumpParts(file, collections);
  if (!name.includes("dexie")) return new Map(Object.entries(file));
  const parts = new Map(file.data.data.map(({ tableName, rows }) => [tableName, rows]));
  return parts.set("", { ...file, data: { ...file.data, data: [] } });
}

/** The export may leave records out (those in quarantine); the others must be equal, in value, form and order. */
function exportResult(source, exported) {
  const before = (source ?? []).map((it) => JSON.stringify(it));
  const after = (exported ?? []).map((it) => JSON.stringify(it));
  let at = 0;
  const strange = after.filter((it) => {
    const found = before.indexOf(it, at);
    if (found !== -1) at = found + 1;
    return found === -1;
  }).length;
  if (strange > 0) return `${strange} of ${after.length} not equal`;
  return after.length === before.length
    ? "equal"
    : `equal, without ${before.length - after.length}`;
}

/** Where two exact values differ, with both. */
function differences(before, after, path = "") {
  const nested = (it) => it !== null && typeof it === "object" && it["#"] === undefined;
  if (!nested(before) || !nested(after)) {
    const [was, is] = [before, after].map((it) => JSON.stringify(it?.["#"] ?? it));
    return was === is ? [] : [`${path} was ${was}, is ${is}`];
  }
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].flatMap((it) =>
    differences(before[it], after[it], path === "" ? it : `${path}.${it}`),
  );
}

const tablesSql = `
  select c.relname as name,
    (select string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' order by a.attnum)
      from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
    (select string_agg(pg_get_constraintdef(k.oid), ', ' order by k.contype desc, k.conname)
      from pg_constraint k where k.conrelid = c.oid and k.contype in ('p', 'f', 'u')) as keys
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = 'public' and c.relkind in ('r', 'p') order by c.oid`;

/** A table that no layout names (a child's, say) is shown with the collection whose name it begins with. */
function ownerOf(table, collections) {
  const named = collections.find((it) => it.layout.tables.some(({ name }) => name === table.name));
  const owner =
    named ?? collections.findLast((it) => table.name.startsWith(it.layout.tables[0]?.name));
  return owner?.name ?? "";
}

async function query(database, sql) {
  const address = new URL(url);
  if (database !== undefined) address.pathname = `/${database}`;
  const client = new pg.Client({ connectionString: address.href });
  await client.connect();
  try {
    return { address: address.href, rows: (await client.query(sql)).rows };
  } finally {
    await client.end();
  }
}

const counted = (entries) => {
  const counts = new Map();
  for (const [label, count] of entries) counts.set(label, (counts.get(label) ?? 0) + count);
  return [...counts].map(([label, count]) => `${label} ${count}`).join(", ") || "-";
};

async function compare(name) {
  const file = join(here, name);
  const database = `comparison_${name.split(".")[0]}`;
  await query(undefined, `drop database if exists ${database}`);
  await query(undefined, `create database ${database}`);
  const { address } = await query(database, "select 1");
  const { inspection } = asked("inspect", file);
  const copied = asked("copy", file, "--to", address, "--yes");
  const verified = asked("verify", file, "--to", address);
  const { entries } = asked("quarantine", "list", "--to", address);
  const back = join(out, name);
  const exported = outgrow("export", "--to", address, "--out", back, "--yes");
  const { rows: tables } = await query(database, tablesSql);
  const names = inspection.collections.map((it) => it.name);
  const source = partsOf(name, readFileSync(file, "utf8"), names);
  const again = partsOf(name, readFileSync(back, "utf8"), names);
  for (const collection of inspection.collections) {
    const of = (list) => list.filter((it) => it.collection === collection.name);
    const mine = tables.filter((it) => ownerOf(it, inspection.collections) === collection.name);
    const checked = verified.collections.find((it) => it.name === collection.name);
    const cells = [
      `${name.split(".")[0]}: ${collection.name}`,
      collection.records,
      mine.map((it) => `**${it.name}** ${it.columns}`).join("<br>"),
      mine.map((it) => it.keys ?? "none").join("<br>"),
      counted(of(inspection.findings).map((it) => [it.code, it.count])),
      counted(of(entries).map((it) => [it.code, 1])),
      counted(of(copied.spills).map((it) => [`${it.column} ${it.code}`, it.count])),
      `${checked?.equal ?? 0} equal, ${(checked?.different ?? 0) + (checked?.missing ?? 0) + (checked?.extra ?? 0)} not`,
      exportResult(source.get(collection.name), again.get(collection.name)),
    ];
    console.log(`| ${cells.join(" | ")} |`);
  }
  const around = source.has("") ? differences(source.get(""), again.get("")) : [];
  const exits = `copy ${copied.status}, verify ${verified.status}, export ${exported.status}`;
  return `- ${name}: exit codes ${exits}.${around.map((it) => ` In the export, ${it}.`).join("")}`;
}

const heads = [
  "collection",
  "records",
  "tables",
  "keys",
  "findings",
  "quarantined",
  "spills",
  "verify",
  "export",
];
console.log(`| ${heads.join(" | ")} |\n|${" --- |".repeat(heads.length)}`);
const notes = [];
for (const name of ["shop.json", "notes.dexie.json", "campaigns.localstorage.json"]) {
  notes.push(await compare(name));
}
console.log(`\n${notes.join("\n")}`);
const { rows } = await query(undefined, "show server_version");
console.log(
  `\nOutgrow ${outgrow("--version").text.trim()}, Node ${process.version}, Postgres ${rows[0].server_version}.`,
);
