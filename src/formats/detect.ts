/**
 * Tells a file's format by its first bytes. What is not read is recognised all the same where there is a way round,
 * so that the answer can name it. A damaged JSON file is JSON: its survey then names the byte.
 */
import { OutgrowError } from "../errors.ts";
import type { FormatName, Input } from "./format.ts";
import { isBlank, LineSplitter } from "./lines.ts";
import { type Decide, Scanner } from "./scanner.ts";

/** Enough for the names at the top of a Dexie export, and for the first lines of nearly every NDJSON file. */
const HEAD_BYTES = 1024 * 1024;
const lenient = new TextDecoder();
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * @throws {OutgrowError} FORMAT_SQLITE, FORMAT_CSV, FORMAT_BROWSER_PROFILE, FORMAT_UNKNOWN, SOURCE_EMPTY when there
 * is nothing but space, and what reading throws.
 */
export async function detectFormat(input: Input): Promise<FormatName> {
  const file = input.name;
  if (isProfileFile(file)) throw new OutgrowError("FORMAT_BROWSER_PROFILE", { file });
  const { head, complete } = await readHead(input);
  if (lenient.decode(head.subarray(0, 15)) === "SQLite format 3") {
    throw new OutgrowError("FORMAT_SQLITE", { file });
  }
  const first = head.find((byte) => byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 9);
  if (first === undefined) {
    if (complete) throw new OutgrowError("SOURCE_EMPTY", { file });
    throw new OutgrowError("FORMAT_UNKNOWN", { file, detail: "a megabyte of space" });
  }
  const begins = String.fromCharCode(first);
  const lines = countValues(head, complete);
  if (begins === "{" || begins === "[") {
    if (lines === "several" || (lines === "one" && isLinesName(file))) return "ndjson";
    if (begins === "[") return "json";
    if (isLinesName(file) && (await firstLineIsWhole(head))) return "ndjson";
    return detectObject(input, head);
  }
  if (looksLikeCsv(head)) throw new OutgrowError("FORMAT_CSV", { file });
  if (lines === "several") return "ndjson";
  if (lines === "one") return isLinesName(file) ? "ndjson" : "json";
  // A comment or a quote that JSON does not know: the survey says so, and where.
  if (begins === "/" || begins === "'" || (begins === '"' && !complete)) return "json";
  throw new OutgrowError("FORMAT_UNKNOWN", { file });
}

async function readHead(input: Input): Promise<{ head: Uint8Array; complete: boolean }> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  let complete = true;
  for await (const chunk of input.open()) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > HEAD_BYTES) {
      complete = false;
      break;
    }
  }
  const head = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    head.set(chunk, at);
    at += chunk.length;
  }
  return { head: head.subarray(0, HEAD_BYTES), complete };
}

/** Whether the head holds one value, several one after the other, or none that is whole. */
function countValues(head: Uint8Array, complete: boolean): "none" | "one" | "several" {
  const scanner = new Scanner({ decide: () => "skip" });
  let whole = false;
  try {
    scanner.push(head);
    whole = scanner.next() !== undefined;
    if (!whole && complete) {
      scanner.end();
      whole = scanner.next() !== undefined;
    }
    if (whole) scanner.next();
    return whole ? "one" : "none";
  } catch {
    if (!whole) return "none";
    // Something follows. On another line it is the next value; on the same one the file is broken.
    const rest = head.subarray(0, scanner.offset);
    const gap = rest.findLastIndex(
      (byte) => !(byte === 0x20 || byte === 9 || byte === 13 || byte === 10),
    );
    return rest.subarray(gap + 1).includes(0x0a) ? "several" : "none";
  }
}

/** Whether the first line ends on its own, whatever it holds: then the lines are the records. */
async function firstLineIsWhole(head: Uint8Array): Promise<boolean> {
  const one = async function* () {
    yield head;
  };
  for await (const lines of new LineSplitter().over(one())) {
    for (const line of lines) {
      if (isBlank(line)) continue;
      return /[}\]]\s*$/.test(lenient.decode(line.bytes));
    }
  }
  return false;
}

/** Tells the formats whose top is an object apart. */
async function detectObject(input: Input, head: Uint8Array): Promise<FormatName> {
  if (isDexie(head)) return "dexie";
  return (await isDump(input)) ? "localstorage" : "json";
}

function isDexie(head: Uint8Array): boolean {
  const scanner = new Scanner({
    decide: (_kind, name, within) =>
      within.length === 0 ? "enter" : name === "formatName" ? "take" : "skip",
  });
  try {
    scanner.push(head);
    for (const event of scanner.events()) {
      if (event.type === "slice" && event.name === "formatName" && event.bytes !== undefined) {
        return lenient.decode(event.bytes) === '"dexie"';
      }
    }
  } catch {
    // Broken before it said what it is.
  }
  return false;
}

/** Whether all values are strings and one at least holds an object or array: told by the whole file, without parsing. */
async function isDump(input: Input): Promise<boolean> {
  let holdsJson = false;
  const decide: Decide = (kind, _name, within) => {
    if (within.length === 0) return "enter";
    return kind === "string" && !holdsJson ? "take" : "skip";
  };
  const scanner = new Scanner({ decide });
  try {
    for await (const events of scanner.over(input.open())) {
      for (const event of events) {
        if (event.type !== "slice") continue;
        if (event.kind !== "string") return false;
        if (event.bytes !== undefined && !holdsJson) holdsJson = beginsJson(event.bytes);
      }
    }
  } catch (error) {
    if (!OutgrowError.is(error, "BUNDLE_SYNTAX")) throw error;
  }
  return holdsJson;
}

function beginsJson(bytes: Uint8Array): boolean {
  try {
    // The whole string when it is short; else so much of it that the cut is in no escape.
    const text =
      bytes.length < 64 ? JSON.parse(strict.decode(bytes)) : lenient.decode(bytes.subarray(1, 40));
    return /^\s*[{[]/.test(String(text).replace(/^(\\[nrt]|\s)+/, ""));
  } catch {
    return false;
  }
}

/** Two lines at least, with the same number of separators, the first of which holds names. */
function looksLikeCsv(head: Uint8Array): boolean {
  const [first = "", second = ""] = lenient.decode(head.subarray(0, 64 * 1024)).split(/\r?\n/);
  return [",", ";", "\t"].some((separator) => {
    const columns = fields(first, separator);
    return columns > 1 && (second === "" || fields(second, separator) === columns);
  });
}

function fields(line: string, separator: string): number {
  return line.replace(/"(?:[^"]|"")*"/g, "").split(separator).length;
}

function isLinesName(name: string): boolean {
  return /\.(ndjson|jsonl)(\.gz)?$/i.test(name);
}

function isProfileFile(name: string): boolean {
  return /\.ldb$/i.test(name) || /^(webappsstore\.sqlite|MANIFEST-\d+)$/i.test(name);
}

/** Whether a folder with these names in it belongs to a browser: LevelDB of Chromium, or a Firefox profile. */
export function isProfileFolder(names: readonly string[]): boolean {
  const has = (name: string) => names.includes(name);
  return (
    (has("CURRENT") && names.some((name) => name.startsWith("MANIFEST-"))) ||
    names.some(isProfileFile) ||
    has("storage/default") ||
    (has("Local Storage") && has("IndexedDB"))
  );
}
