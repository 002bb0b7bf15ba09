// Flattens the collections of the three files to CSV, as one would by hand for a tool that takes CSV: a column for
// each top-level property, nested values as JSON text, one header line.
//
//   node docs/comparison/to-csv.mjs OUT-FOLDER
//
// It reads with JSON.parse and writes UTF-8, as most such scripts do; what that loses is named in ../comparison.md.
// Kinder than most: an empty string is written "" and null or missing as nothing, so a reader can tell them apart.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

function cell(value) {
  if (value === undefined || value === null) return "";
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  return text === "" || /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function columnsOf(records) {
  return [...new Set(records.flatMap((record) => Object.keys(record)))];
}

function csv(records) {
  const columns = columnsOf(records);
  const lines = records.map((record) => columns.map((name) => cell(record[name])).join(","));
  return `${[columns.map(cell).join(","), ...lines].join("\n")}\n`;
}

function shopCollections(file) {
  return { shop_products: file.products, shop_orders: file.orders };
}

/** An outbound row is a pair of key and value, perhaps wrapped with its types. */
function pairRecord(row) {
  const [key, value] = Array.isArray(row) ? row : row.$;
  return { key, value, ...(row.$types === undefined ? {} : { $types: row.$types }) };
}

function dexieCollections(file) {
  return Object.fromEntries(
    file.data.data.map(({ tableName, inbound, rows }) => [
      `notes_${tableName}`,
      inbound ? rows : rows.map(pairRecord),
    ]),
  );
}

function dumpCollections(dump) {
  const found = { campaigns_drafts: [], campaigns_settings: [] };
  for (const [key, text] of Object.entries(dump)) {
    let value;
    try {
      value = JSON.parse(text);
    } catch {
      found.campaigns_settings.push({ key, value: text });
      continue;
    }
    if (Array.isArray(value)) found[`campaigns_${key}`] = value;
    else found.campaigns_drafts.push({ key, ...value });
  }
  return found;
}

/** name of a CSV -> its records. @param read gives a file's parsed content by its name. */
export function collections(read) {
  return {
    ...shopCollections(read("shop.json")),
    ...dexieCollections(read("notes.dexie.json")),
    ...dumpCollections(read("campaigns.localstorage.json")),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = process.argv[2];
  if (folder === undefined) throw new Error("which folder shall the CSV files go to?");
  const here = dirname(fileURLToPath(import.meta.url));
  const read = (name) => JSON.parse(readFileSync(join(here, name), "utf8"));
  mkdirSync(folder, { recursive: true });
  for (const [name, records] of Object.entries(collections(read))) {
    writeFileSync(join(folder, `${name}.csv`), csv(records));
  }
}
