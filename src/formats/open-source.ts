/** From what a user names (a file, several, a folder, standard input) to the inputs that hold the data. */
import { readdir } from "node:fs/promises";
import { basename, extname, join, resolve } from "node:path";
import { OutgrowError } from "../errors.ts";
import { isProfileFolder } from "./detect.ts";
import { isFolder, openFile, readError, spool } from "./file-input.ts";
import type { FormatName, Input } from "./format.ts";

export interface OpenedSource {
  /** The stem of the first file, or the folder's name. */
  readonly name: string;
  readonly inputs: readonly Input[];
  /** The format that a prefix of the spec asks for. */
  readonly format: FormatName | undefined;
  readonly isDirectory: boolean;
  /** Names in the folder that were left out: hidden files and what has no ending of ours. */
  readonly skipped: readonly string[];
  close(): Promise<void>;
}

export interface OpenOptions {
  /** Stands for `-`. Default: the process's own. */
  readonly stdin?: NodeJS.ReadableStream;
}

/** Only these: `C:\data.json` is a path. */
const prefix = /^(dexie|localstorage|json|ndjson):(.+)$/s;
const endings = /\.(json|ndjson|jsonl)(\.gz)?$/i;

/**
 * Opens a source. Nothing but the first bytes of each file is read, save that standard input is spooled.
 *
 * @param spec a path of a file or folder, `-`, or several; each may have a format before it: `json:db.bak`.
 * @throws {OutgrowError} SOURCE_NOT_FOUND, SOURCE_EMPTY, SOURCE_UNREADABLE, ENCODING, FORMAT_BROWSER_PROFILE,
 * USAGE when two formats are asked for.
 */
export async function openSource(
  spec: string | readonly string[],
  options: OpenOptions = {},
): Promise<OpenedSource> {
  const wanted = (typeof spec === "string" ? [spec] : spec).map(parseSpec);
  if (wanted.length === 0) throw new OutgrowError("USAGE", { detail: "no source was named" });
  const formats = new Set(wanted.flatMap(({ format }) => format ?? []));
  if (formats.size > 1) {
    throw new OutgrowError("USAGE", { detail: "one source cannot be read as two formats" });
  }
  const inputs: Input[] = [];
  const skipped: string[] = [];
  const closers: (() => Promise<void>)[] = [];
  const close = async () => {
    for (const closer of closers.splice(0)) await closer();
  };
  let folder: string | undefined;
  try {
    for (const { path } of wanted) {
      if (path === "-") {
        const spooled = await spool(options.stdin ?? process.stdin);
        inputs.push(spooled.input);
        closers.push(() => spooled.remove());
      } else if (await isFolder(path)) {
        const names = await listFolder(path);
        for (const name of names.taken) {
          inputs.push(await openFile(join(path, name), freeName(name, inputs)));
        }
        skipped.push(...names.skipped);
        if (wanted.length === 1) folder = basename(resolve(path));
      } else {
        inputs.push(await openFile(path, freeName(basename(path), inputs)));
      }
    }
  } catch (error) {
    await close();
    throw error;
  }
  const name = folder ?? inputs[0]?.stem ?? "data";
  const [format] = formats;
  return { name, inputs, format, isDirectory: folder !== undefined, skipped, close };
}

function parseSpec(spec: string): { format: FormatName | undefined; path: string } {
  const match = prefix.exec(spec);
  if (match === null) return { format: undefined, path: spec };
  return { format: match[1] as FormatName, path: match[2] as string };
}

async function listFolder(path: string) {
  const entries = await readdir(path, { withFileTypes: true }).catch((error: unknown) => {
    throw readError(error, path, basename(path));
  });
  const names = entries.map(({ name }) => name);
  const inside = names.includes("storage")
    ? await readdir(join(path, "storage")).catch(() => [])
    : [];
  if (isProfileFolder([...names, ...inside.map((name) => `storage/${name}`)])) {
    throw new OutgrowError("FORMAT_BROWSER_PROFILE", { file: path });
  }
  const takes = (entry: (typeof entries)[number]) =>
    !entry.isDirectory() && !entry.name.startsWith(".") && endings.test(entry.name);
  const taken = entries.filter(takes).map(({ name }) => name);
  if (taken.length === 0) {
    const detail = "the folder has no .json, .ndjson or .jsonl file";
    throw new OutgrowError("SOURCE_EMPTY", { file: path, detail });
  }
  const byName = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
  const skipped = entries.filter((entry) => !takes(entry)).map(({ name }) => name);
  return { taken: taken.sort(byName), skipped: skipped.sort(byName) };
}

/** Two files of one name from two folders must not become one in messages, ledger and export. */
function freeName(name: string, inputs: readonly Input[]): string {
  const taken = new Set(inputs.map((input) => input.name));
  const ending = endings.exec(name)?.[0] ?? extname(name);
  const stem = name.slice(0, name.length - ending.length);
  let free = name;
  for (let number = 2; taken.has(free); number++) free = `${stem}-${number}${ending}`;
  return free;
}
