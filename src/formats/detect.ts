/**
 * Tells a file's format by its first bytes. What is not read is recognised all the same where there is a way round,
 * so that the answer can name it. A damaged JSON file is JSON: its survey then names the byte.
 */
import { OutgrowError } from "../errors.ts";
import type { FormatName, Input } from "./format.ts";
import { isBlank, LineSplitter } from "./lines.ts";
import { type Decide, type ScanEvent, Scanner, type Slice } from "./scanner.ts";

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
    if (lines === "none" && isLinesName(file) && (await firstLineIsWhole(head))) return "ndjson";
    return detectObject(input, head);
  }
  if (looksLikeCsv(head, file)) throw new OutgrowError("FORMAT_CSV", { file });
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

/** Whether the head holds one value (on a line of its own, or spread), one on each line, or none that is whole. */
function countValues(head: Uint8Array, complete: boolean): "none" | "spread" | "one" | "several" {
  const scanner = new Scanner({ decide: () => "skip" });
  let first: ScanEvent | undefined;
  const spread = ({ offset, length }: Slice) =>
    head.subarray(offset, offset + length).includes(0x0a);
  try {
    scanner.push(head);
    first = scanner.next();
    if (first === undefined && complete) {
      scanner.end();
      first = scanner.next();
    }
    scanner.next();
    if (first?.type !== "slice") return "none";
    return spread(first) ? "spread" : "one";
  } catch {
    if (first?.type !== "slice") return "none";
    // Something follows: on the next line another value, on the same one, or behind several, it is rubbish.
    const end = first.offset + first.length;
    return !spread(first) && head.subarray(end, scanner.offset).includes(0x0a) ? "several" : "none";
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
    // Anything but a string settles it: going in gives the event before what may be a gigabyte is walked over.
    if (within.length === 0 || kind !== "string") return "enter";
    return holdsJson ? "skip" : "take";
  };
  const scanner = new Scanner({ decide });
  try {
    for await (const events of scanner.over(input.open())) {
      for (const event of events) {
        if (event.type !== "slice") {
          if (event.depth > 0) return false;
          continue;
        }
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

/** Two lines with the same number of fields; one line is enough for a file that is called so. */
function looksLikeCsv(head: Uint8Array, name: string): boolean {
  const [first = "", second = ""] = lenient.decode(head.subarray(0, 64 * 1024)).split(/\r?\n/);
  if (/[\u0000-\u0008\ufffd]/.test(first)) return false;
  const alone = second === "" && /\.[ct]sv(\.gz)?$/i.test(name);
  return [",", ";", "\t"].some((separator) => {
    const columns = fields(first, separator);
    return columns > 1 && (alone || fields(second, separator) === columns);
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
