/**
 * The way out: what a move brought into a target becomes a file again, equal in value and form. Without `as`, in
 * the format that the data came from, with the envelope of the file it came from.
 */

import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdir, open, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { decodeKey } from "../collection/key.ts";
import { NameTemplates } from "../collection/name-order.ts";
import { getOwn } from "../collection/value.ts";
import { OutgrowError, throwIfInterrupted } from "../errors.ts";
import type {
  ExportCollection,
  ExportRecord,
  FormatName,
  Sink,
  Survey,
  WriteReport,
} from "../formats/format.ts";
import { FORMATS } from "../formats/index.ts";
import type { KeyRule } from "../layout/layout.ts";
import type { Driver, Target } from "../store/driver.ts";
import type { Move, SourceFile } from "../store/ledger.ts";
import { Meter, type OnProgress } from "./progress.ts";

export interface ExportOptions {
  /** Which move, when the target holds several. */
  readonly move?: string | undefined;
  /** Default: the format the data came from. */
  readonly as?: FormatName | undefined;
  /** Overwrite what is at `out`. */
  readonly overwrite?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: OnProgress | undefined;
}

export interface ExportResult {
  readonly move: string;
  readonly format: FormatName | "several";
  readonly files: readonly string[];
  readonly records: number;
  /** Values that the format has no word for, written as tagged JSON. */
  readonly tagged: number;
  /** Records that are not in the export because they are in quarantine. */
  readonly quarantined: number;
  readonly seconds: number;
}

/**
 * Writes a move's records to `out`: a file, a folder when the source was several files, or `-` for standard output.
 * A file appears complete or not at all.
 *
 * @throws {OutgrowError} MOVE_UNKNOWN, MOVE_AMBIGUOUS, MOVE_INCOMPLETE, EXPORT_EXISTS, EXPORT_TARGET, INTERRUPTED
 */
export async function exportMove(
  target: Target,
  out: string,
  options: ExportOptions = {},
): Promise<ExportResult> {
  const startedAt = performance.now();
  const move = await chooseMove(target, options.move);
  if (move.phase === "copying") throw new OutgrowError("MOVE_INCOMPLETE", { detail: move.name });
  const driver = await target.open(move.name);
  const meter = new Meter("export", 0, options.onProgress);
  const plan = planFiles(move, out, options.as);
  if (out !== "-" && !options.overwrite) await refuseExisting(plan);
  let records = 0;
  let tagged = 0;
  for (const piece of plan) {
    const collections = await Promise.all(
      piece.collections.map((name) =>
        exportCollection(move, driver, name, piece.survey, meter, options),
      ),
    );
    const report = await writeFile(piece, collections, options.signal);
    records += report.records;
    tagged += report.tagged;
  }
  meter.finish();
  const open = await target.ledger.quarantined(move.name, { state: "open", raw: false });
  const formats = new Set(plan.map(({ format }) => format));
  return {
    move: move.name,
    format: formats.size === 1 ? (plan[0]?.format ?? "json") : "several",
    files: plan.map(({ path }) => path),
    records,
    tagged,
    quarantined: open.length,
    seconds: (performance.now() - startedAt) / 1000,
  };
}

/** The one move of a target, or the one that was named. @throws {OutgrowError} MOVE_UNKNOWN, MOVE_AMBIGUOUS */
export async function chooseMove(target: Target, name: string | undefined): Promise<Move> {
  if (name !== undefined) {
    const move = await target.ledger.find(name);
    if (move === undefined) throw new OutgrowError("MOVE_UNKNOWN", { detail: name });
    return move;
  }
  const moves = await target.ledger.moves();
  if (moves.length > 1) {
    throw new OutgrowError("MOVE_AMBIGUOUS", { detail: moves.map((move) => move.name).join(", ") });
  }
  const [move] = moves;
  if (move === undefined)
    throw new OutgrowError("MOVE_UNKNOWN", { detail: "none has been made yet" });
  return move;
}

interface FilePlan {
  readonly path: string;
  readonly name: string;
  readonly format: FormatName;
  readonly survey: Survey | undefined;
  /** Names in the move -> names in the file. */
  readonly collections: readonly string[];
  readonly namesInFile: ReadonlyMap<string, string>;
}

function planFiles(move: Move, out: string, as: FormatName | undefined): FilePlan[] {
  if (move.files.length > 1 && (out === "-" || as === undefined)) {
    if (out === "-") {
      throw new OutgrowError("EXPORT_TARGET", {
        detail: `the source was ${move.files.length} files`,
      });
    }
    return move.files.map((file) => filePlan(move, file, join(out, plainName(file)), as));
  }
  const [file] = move.files;
  if (file === undefined)
    throw new OutgrowError("EXPORT_TARGET", { detail: "the move has no file" });
  if (move.files.length === 1) return [filePlan(move, file, out, as)];
  const names = move.collections.map(({ name }) => name);
  return [
    {
      path: out,
      name: move.name,
      format: as as FormatName,
      survey: undefined,
      collections: names,
      namesInFile: new Map(names.map((name) => [name, name])),
    },
  ];
}

/** Without `.gz`: an export is plain text. */
function plainName(file: SourceFile): string {
  return basename(file.fingerprint.name).replace(/\.gz$/, "");
}

function filePlan(
  move: Move,
  file: SourceFile,
  path: string,
  as: FormatName | undefined,
): FilePlan {
  const survey = file.survey as Survey;
  const format = as ?? survey.format;
  const present = new Set(move.collections.map(({ name }) => name));
  const namesInFile = new Map(
    Object.entries(file.collections)
      .filter(([, name]) => present.has(name))
      .map(([inFile, name]) => [name, inFile]),
  );
  return {
    path,
    name: move.name,
    format,
    survey: format === survey.format ? survey : undefined,
    collections: [...namesInFile.keys()],
    namesInFile,
  };
}

async function exportCollection(
  move: Move,
  driver: Driver,
  name: string,
  survey: Survey | undefined,
  meter: Meter,
  options: ExportOptions,
): Promise<ExportCollection> {
  const layout = driver.layouts.find(({ collection }) => collection === name);
  if (layout === undefined) throw new OutgrowError("MOVE_UNKNOWN", { collection: name });
  const address = { tenant: move.tenant, collection: name };
  const templates = new NameTemplates(getOwn(move.templates, name));
  const inFile = survey?.parts.find(({ collection }) => collection === name)?.collection;
  const rule: KeyRule = layout.key;
  return {
    name: inFile ?? namesOfFile(move, name),
    keyPath: rule.from === "property" ? rule.path : undefined,
    keyed: rule.from === "format",
    count: await driver.count(address),
    async *records() {
      for await (const batch of driver.scan(address, {
        order: "position",
        signal: options.signal,
      })) {
        throwIfInterrupted(options.signal);
        const records: ExportRecord[] = batch.map(({ key, value, exception }) => ({
          key: decodeKey(key),
          value,
          names: templates.namesOf(value, exception),
        }));
        yield records;
        meter.advance(name, records.length);
      }
    },
  };
}

function namesOfFile(move: Move, name: string): string {
  for (const { collections } of move.files) {
    for (const [inFile, inMove] of Object.entries(collections)) if (inMove === name) return inFile;
  }
  return name;
}

async function refuseExisting(plan: readonly FilePlan[]): Promise<void> {
  for (const { path } of plan) {
    const found = await stat(path).catch(() => undefined);
    if (found?.isDirectory())
      throw new OutgrowError("EXPORT_TARGET", { file: path, detail: "it is a folder" });
    if (found !== undefined) throw new OutgrowError("EXPORT_EXISTS", { file: path });
  }
}

/** Writes beside the final name and renames at the end: a reader never sees half a file. */
async function writeFile(
  plan: FilePlan,
  collections: readonly ExportCollection[],
  signal: AbortSignal | undefined,
): Promise<WriteReport> {
  const format = FORMATS[plan.format];
  if (plan.path === "-") {
    return format.write(plan.survey, plan.name, collections, async (text) => {
      if (!process.stdout.write(text)) await once(process.stdout, "drain");
    });
  }
  await mkdir(dirname(plan.path), { recursive: true });
  const partial = `${plan.path}.partial`;
  const stream = createWriteStream(partial, { encoding: "utf8" });
  const failed = new Promise<never>((_, reject) => stream.once("error", reject));
  failed.catch(() => {}); // awaited below, together with what may fail first
  const sink: Sink = async (text) => {
    throwIfInterrupted(signal);
    if (!stream.write(text)) await Promise.race([once(stream, "drain"), failed]);
  };
  try {
    const report = await format.write(plan.survey, plan.name, collections, sink);
    stream.end();
    await Promise.race([once(stream, "close"), failed]);
    await syncFile(partial);
    await rename(partial, plan.path);
    return report;
  } catch (error) {
    stream.destroy();
    await rm(partial, { force: true });
    throw error;
  }
}

async function syncFile(path: string): Promise<void> {
  const handle = await open(path, "r+");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
