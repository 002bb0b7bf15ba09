// Runs pgloader twice over the CSV files of to-csv.mjs (all columns text; then sensible types and keys), compares
// what arrived with what the three files say, and prints Markdown.
//
//   node docs/comparison/run-pgloader.mjs CSV-FOLDER DATABASE_URL [pgloader]
//
// Makes the schemas pl_text and pl_typed in that database, and drops them first. Needs `npm ci` (for the driver).
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import pg from "pg";
import { files, Token } from "./make.mjs";
import { collections, columnsOf } from "./to-csv.mjs";

const [folder, url, pgloader = "pgloader"] = process.argv.slice(2);
if (url === undefined)
  throw new Error("usage: run-pgloader.mjs CSV-FOLDER DATABASE_URL [pgloader]");

/** What one would write on seeing the first rows; whatever is not named is text. */
const typed = {
  shop_products:
    "id integer primary key, price numeric, rating numeric, stock integer, images jsonb, created timestamptz",
  shop_orders:
    "id integer primary key, productId integer, quantity integer, total numeric, paid boolean, lines jsonb, placed timestamptz",
  notes_notes:
    "id integer primary key, created bigint, pinned boolean, editedBy integer, reminders jsonb, types jsonb, labels jsonb, revision bigint",
  notes_attachments: "id text primary key, noteId integer, file jsonb, types jsonb",
  notes_settings: "key text primary key, types jsonb",
  campaigns_products:
    "id text primary key, price numeric, metadata jsonb, images jsonb, created timestamptz",
  campaigns_campaigns: "id bigint primary key, info boolean, created timestamptz, adData jsonb",
  campaigns_drafts: "key text primary key, updatedAt timestamptz, version integer, platforms jsonb",
  campaigns_backgrounds: "id text primary key, created timestamptz",
  campaigns_settings: "key text primary key",
};

const sqlName = (property) => property.replace(/\W/g, "");

function columnTypes(name, records, run) {
  const given = new Map(
    (run === "typed" ? typed[name] : "")
      .split(", ")
      .map((it) => [it.split(" ")[0], it.split(" ").slice(1).join(" ")]),
  );
  return columnsOf(records).map((it) => [it, sqlName(it), given.get(sqlName(it)) ?? "text"]);
}

function command(name, columns, schema, csv) {
  const names = columns.map(([, it]) => it).join(", ");
  return `LOAD CSV
  FROM '${csv}' WITH ENCODING utf-8
    HAVING FIELDS (${names})
  INTO ${url}
    TARGET TABLE ${schema}.${name}
    TARGET COLUMNS (${names})
  WITH skip header = 1,
    fields optionally enclosed by '"',
    fields escaped by double-quote,
    fields terminated by ','
  BEFORE LOAD DO
    $$ create schema if not exists ${schema}; $$,
    $$ drop table if exists ${schema}.${name}; $$,
    $$ create table ${schema}.${name} (${columns.map(([, it, type]) => `${it} ${type}`).join(", ")}); $$;
`;
}

const sorted = (value) => {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(sorted);
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((name) => [name, sorted(value[name])]),
  );
};

function nestedChange(value, cell) {
  const now = JSON.parse(cell);
  if (JSON.stringify(now) === JSON.stringify(value)) return undefined;
  const same = JSON.stringify(sorted(now)) === JSON.stringify(sorted(value));
  return same ? "order of names" : "nested value differs";
}

/** What became of one value: undefined when it is what it was. */
function change(value, cell, type) {
  if (value === undefined) return cell === null ? "missing is NULL" : "missing is text";
  if (value === null) return cell === null ? undefined : "null is text";
  if (cell === null) return value === "" ? "'' is NULL" : "value is NULL";
  if (value instanceof Token) return cell === value.text ? undefined : `${value.text} is ${cell}`;
  if (typeof value === "object") return nestedChange(value, cell);
  if (type === "timestamptz") {
    return Date.parse(value) === Date.parse(cell) ? "date text is an instant" : "date differs";
  }
  if (String(value) === cell) {
    const number = typeof value === "string" && /^(integer|bigint|numeric)/.test(type);
    return number ? "text is a number" : undefined;
  }
  if (typeof value !== "string") return `${value} is ${cell}`;
  if (value.includes("\u0000")) return `NUL: ${JSON.stringify(cell)}`;
  if (/[\ud800-\udfff]/.test(value)) return `half a surrogate pair: ${JSON.stringify(cell)}`;
  return Number(value) === Number(cell) ? "number text rewritten" : "text differs";
}

/** Rows come in the file's order, some left out: each is matched with the next record of its key. */
function compare(records, rows, columns) {
  const seen = new Map();
  const [keyProperty, keyColumn] =
    columns.find(([it]) => it === "id" || it === "key") ?? columns[0];
  let at = 0;
  let matched = 0;
  for (const row of rows) {
    while (at < records.length && String(records[at][keyProperty]) !== row[keyColumn.toLowerCase()])
      at++;
    if (at === records.length) break;
    matched++;
    const record = records[at++];
    for (const [property, column, type] of columns) {
      const found = change(record[property], row[column.toLowerCase()], type.split(" ")[0]);
      if (found === undefined) continue;
      const label = `${property}: ${found}`;
      seen.set(label, (seen.get(label) ?? 0) + 1);
    }
  }
  if (matched !== rows.length) seen.set("rows that match no record", rows.length - matched);
  return [...seen].map(([label, count]) => `${label} (${count})`);
}

function load(text) {
  const root = mkdtempSync(join(tmpdir(), "pgloader-"));
  writeFileSync(join(root, "it.load"), text);
  const done = spawnSync(pgloader, ["--root-dir", join(root, "out"), join(root, "it.load")], {
    encoding: "utf8",
  });
  return { status: done.status, said: `${done.stdout}${done.stderr}`, root };
}

/** The messages of the rejects without their context, counted. */
function rejects(root, name) {
  const log = join(root, "out", name, `${name}.log`);
  if (!existsSync(log)) return [];
  const counts = new Map();
  for (const line of readFileSync(log, "utf8").split("\n")) {
    const message = /^Database error \w+: (.*)$/.exec(line)?.[1];
    if (message !== undefined) counts.set(message, (counts.get(message) ?? 0) + 1);
  }
  return [...counts].map(([message, count]) => `${message} (${count})`);
}

const client = new pg.Client({ connectionString: url });
client.on("notice", () => {});
await client.connect();
for (const run of ["text", "typed"]) {
  const schema = `pl_${run}`;
  await client.query(`drop schema if exists ${schema} cascade`);
  console.log(
    `\n### ${run === "text" ? "All columns text, no key" : "Sensible types, a primary key"}\n`,
  );
  console.log(
    "| table | records | rows | exit | rejected, with the message | values that are not what they were |",
  );
  console.log("| --- | --- | --- | --- | --- | --- |");
  const all = collections((name) => files[name]);
  for (const [name, records] of Object.entries(all)) {
    const columns = columnTypes(name, records, run);
    const { status, said, root } = load(
      command(name, columns, schema, resolve(folder, `${name}.csv`)),
    );
    const selected = columns.map(([, it]) => `${it}::text as ${it}`).join(", ");
    const { rows } = await client.query(`select ${selected} from ${schema}.${name} order by ctid`);
    const changed = compare(records, rows, columns).join("; ");
    const rejected = rejects(root, name).join("; ");
    console.log(
      `| ${name} | ${records.length} | ${rows.length} | ${status} | ${rejected} | ${changed} |`,
    );
    if (process.env["SAID"]) console.error(`--- ${name} ${run} ${root}\n${said}`);
  }
}
await client.end();
