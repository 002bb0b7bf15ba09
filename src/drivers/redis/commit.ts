/** One commit: what the script is given, in one part or several, and what it says. */
import { toTaggedJson } from "../../collection/tagged-json.ts";
import { OutgrowError } from "../../errors.ts";
import { failpoint } from "../../failpoint.ts";
import type { Commit, CommitReport, Conflict, Expectation } from "../../store/driver.ts";
import type { QuarantineEntry } from "../../store/ledger.ts";
import { type Line, type Part, partsOf, type Section } from "./commit-parts.ts";
import { COMMIT } from "./commit-script.ts";
import { type Argument, argumentCost, type RedisConnection } from "./connection.ts";
import type { CollectionNames, LiveNames, MoveNames } from "./names.ts";
import { Pieces } from "./pieces.ts";
import type { Reply } from "./resp.ts";
import { runScript } from "./script.ts";

export interface CommitContext {
  readonly connection: RedisConnection;
  readonly move: { readonly name: string; readonly names: MoveNames; readonly live: LiveNames };
  readonly collections: ReadonlyMap<string, CollectionNames>;
}

const NOTHING: CommitReport = { applied: 0, duplicate: 0, stale: 0, conflicts: [], spills: [] };

export async function commitTo(context: CommitContext, commit: Commit): Promise<CommitReport> {
  const parts = partsOf(context, commit);
  await failpoint("commit.begin");
  let report = NOTHING;
  for (const part of parts) {
    await failpoint(part.number === part.of ? "commit.before_commit" : "commit.part");
    const answer = await commitPart(context, commit, part);
    if (answer === "done") {
      const duplicate = commit.writes.reduce((sum, { records }) => sum + records.length, 0);
      return { ...NOTHING, duplicate };
    }
    report = added(report, answer);
  }
  await failpoint("commit.after_commit");
  return report;
}

function added(a: CommitReport, b: CommitReport): CommitReport {
  return {
    applied: a.applied + b.applied,
    duplicate: a.duplicate + b.duplicate,
    stale: a.stale + b.stale,
    conflicts: [...a.conflicts, ...b.conflicts],
    spills: [],
  };
}

/** How often the script may ask for more: each time another commit has changed what it judged. */
const ROUNDS = 8;

async function commitPart(
  context: CommitContext,
  commit: Commit,
  part: Part,
): Promise<CommitReport | "done"> {
  const origins = new Map<string, QuarantineEntry>();
  for (const [section, { lines }] of part.sections.entries()) {
    for (const [index, { record }] of lines.entries()) {
      if (record.state !== "conflict") continue;
      origins.set(`${section + 1}:${index + 1}`, lostEntry(part, section, index, "conflict"));
    }
  }
  for (let round = 1; ; round++) {
    const request = new Request(context, commit, part, origins);
    await request.pieces.bring();
    const reply = await runScript(context.connection, COMMIT, request.keys, request.args);
    const [status, said] = reply as [string, Reply];
    if (status !== "ok") await request.pieces.discard();
    switch (status) {
      case "ok":
        return reportOf(part, said as readonly Reply[]);
      case "done":
        return "done";
      case "skip":
        return {
          ...NOTHING,
          duplicate: part.sections.reduce((n, { lines }) => n + lines.length, 0),
        };
      case "need":
        needed(part, said as readonly (number | string)[], origins);
        break;
      case "pieces":
        break;
      case "expect": {
        const [, collection, key] = reply as readonly string[];
        throw new OutgrowError("WRITE_CONFLICT", { collection, key });
      }
      case "fenced":
        throw new OutgrowError("FENCED", { detail: (said as string) ?? context.move.name });
      case "unknown":
        throw new OutgrowError("MOVE_UNKNOWN", { detail: context.move.name });
      default:
        throw new Error(`law T1 is broken: ${(reply as readonly string[]).slice(1).join(": ")}`);
    }
    if (round === ROUNDS) throw new OutgrowError("TARGET_BUSY");
  }
}

/** The script found records in conflict whose bytes it has not been given: triples of section, place and why. */
function needed(
  part: Part,
  said: readonly (number | string)[],
  origins: Map<string, QuarantineEntry>,
): void {
  for (let at = 0; at + 2 < said.length; at += 3) {
    const [section, index] = [Number(said[at]), Number(said[at + 1])];
    const entry = lostEntry(part, section - 1, index - 1, String(said[at + 2]));
    origins.set(`${section}:${index}`, entry);
  }
}

const utf8 = new TextEncoder();

function lostEntry(part: Part, section: number, index: number, why: string): QuarantineEntry {
  const { collection, lines } = part.sections[section] as Section;
  const { record } = lines[index] as Line;
  const origin = record.origin?.() ?? {
    file: "",
    offset: 0,
    raw: utf8.encode(toTaggedJson(record.value)),
  };
  return {
    collection,
    key: record.key,
    code: "ID_CONFLICT",
    detail:
      why === "foreign"
        ? "the store holds a record of this key that is not this move's"
        : undefined,
    position: record.position ?? 0,
    ...origin,
  };
}

function reportOf(part: Part, said: readonly Reply[]): CommitReport {
  let report = NOTHING;
  for (const [index, one] of said.entries()) {
    const [applied, duplicate, stale, lost] = one as [number, number, number, readonly number[]];
    const { collection, lines } = part.sections[index] as Section;
    const conflicts = lost.map(
      (place): Conflict => ({ collection, key: (lines[place - 1] as Line).key }),
    );
    const given = applied + duplicate + stale + conflicts.length;
    if (given !== lines.length) {
      throw new OutgrowError("LOST_ROW", {
        collection,
        detail: `${lines.length} records were given, ${given} are accounted for`,
      });
    }
    report = added(report, { applied, duplicate, stale, conflicts, spills: [] });
  }
  return report;
}

/** The header of an entry as the quarantine keeps it; its bytes lie beside it. */
export function entryText(entry: Omit<QuarantineEntry, "raw">): string {
  const { collection, key, code, detail, file, offset, position } = entry;
  return JSON.stringify({ collection, key, code, detail, file, offset, position });
}

/** Bytes as a text that any transport carries: `b` and base64. (`t`, written by the script, is text as it is.) */
export function rawText(raw: Uint8Array): string {
  const { buffer, byteOffset, byteLength } = raw;
  return `b${Buffer.from(buffer, byteOffset, byteLength).toString("base64")}`;
}

export function rawBytes(text: string | null): Uint8Array {
  if (text === null) return new Uint8Array();
  return text[0] === "t" ? Buffer.from(text.slice(1)) : Buffer.from(text.slice(1), "base64");
}

/** The keys and arguments of one part, in the order in which the script takes them. */
class Request {
  readonly keys: string[];
  readonly args: Argument[] = [];
  readonly pieces: Pieces;

  constructor(
    context: CommitContext,
    commit: Commit,
    part: Part,
    origins: ReadonlyMap<string, QuarantineEntry>,
  ) {
    const { names, live } = context.move;
    this.keys = [names.move, names.checkpoints, names.quarantine, names.raw];
    this.keys.push(live.fence, live.outbox, live.waiting);
    this.pieces = new Pieces(context.connection, names.piece);
    const isLast = part.number === part.of;
    const { ledger, lease, probe, epoch, capture } = commit;
    const checkpoint = ledger?.checkpoint;
    this.args.push(
      probe ? "1" : "",
      lease === undefined ? "" : String(lease.number),
      epoch === undefined ? "" : String(epoch),
      capture ? "1" : "",
      checkpoint === undefined ? "" : `${checkpoint.file}:${checkpoint.batch}`,
      // Files are pinned by their fingerprint: the same end and the same number of records is the same batch.
      checkpoint === undefined
        ? ""
        : `${checkpoint.run} ${checkpoint.offset} ${JSON.stringify(ledger?.read ?? {})}`,
      isLast && checkpoint !== undefined ? this.pieces.long(JSON.stringify(checkpoint)) : "",
      String(part.number),
      String(part.of),
      String(part.sections.length),
    );
    this.#origins(origins);
    // How many pieces there are is known last.
    const pieceCount = this.args.push("") - 1;
    this.#expectations(context, commit.expects ?? []);
    // Over TCP nothing is too long.
    const packed = part.large && Number.isFinite(context.connection.limits.argument);
    for (const section of part.sections) this.#section(section, packed);
    this.#counts(commit, part, isLast);
    const quarantine = isLast ? (ledger?.quarantine ?? []) : [];
    this.args.push(String(quarantine.length));
    for (const entry of quarantine) this.#entry(entry);
    const templates = Object.entries((isLast ? ledger?.templates : undefined) ?? {});
    this.args.push(String(templates.length));
    for (const [name, learnt] of templates) {
      this.args.push(name, this.pieces.long(JSON.stringify(learnt)));
    }
    this.args[pieceCount] = String(this.pieces.names.length);
    this.keys.push(...this.pieces.names);
    if (part.large) this.#fits(context.connection);
  }

  /** @throws {OutgrowError} UNSUPPORTED for what only one script can promise, and is too much for one */
  #fits(connection: RedisConnection): void {
    const { limits } = connection;
    const all: readonly Argument[] = [...this.keys, ...this.args];
    const size = all.reduce<number>((sum, one) => sum + argumentCost(connection, one), 0);
    if (size > (limits.whole ?? limits.bytes)) {
      const detail = "an app's write has to fit one request: write fewer records at once";
      throw new OutgrowError("UNSUPPORTED", { detail });
    }
  }

  #entry(entry: QuarantineEntry): void {
    this.args.push(entryText(entry), this.pieces.long(rawText(entry.raw)));
  }

  #origins(origins: ReadonlyMap<string, QuarantineEntry>): void {
    this.args.push(String(origins.size));
    for (const [id, entry] of origins) {
      this.args.push(id);
      this.#entry(entry);
    }
  }

  #expectations({ collections }: CommitContext, expects: readonly Expectation[]): void {
    this.args.push(String(expects.length));
    for (const { collection, key, revision } of expects) {
      const names = collections.get(collection);
      if (names === undefined) throw new OutgrowError("MOVE_UNKNOWN", { collection });
      const name = names.cells === undefined ? names.record(key) : names.known;
      this.keys.push(names.known, names.rest, names.claims, name);
      this.args.push(collection, names.cells?.shape ?? "", key, revision ?? "");
    }
  }

  #section({ collection, names, lines }: Section, packed: boolean): void {
    const { keys, args, pieces } = this;
    keys.push(names.known, names.keys, names.order, names.rest, names.claims);
    if (names.cells === undefined) for (const { key } of lines) keys.push(names.record(key));
    args.push(collection, names.cells?.shape ?? "");
    // Nothing to decide but whether they are there: all present, and whole.
    const isPlain = args.push("") - 1;
    args.push(String(lines.length));
    for (const { key } of lines) args.push(key);
    for (const { known } of lines) args.push(known);
    let areWhole = true;
    for (const { value } of lines) {
      // Bytes go over TCP alone.
      const isText = typeof value === "string";
      const argument = !isText ? value : packed ? pieces.packed(value) : pieces.long(value);
      if (argument !== value) areWhole = false;
      args.push(argument);
    }
    if (names.cells !== undefined) for (const { cells } of lines) args.push(cells);
    if (areWhole && lines.every(({ record }) => record.state === "present")) args[isPlain] = "1";
  }

  /** T1: this part's share of what was read. What the caller took out of the batch is counted with the last part. */
  #counts({ writes, ledger }: Commit, part: Part, isLast: boolean): void {
    const read = Object.entries(ledger?.read ?? {});
    const duplicates = ledger?.duplicates ?? {};
    this.args.push(String(read.length));
    for (const [name, total] of read) {
      const section = part.sections.findIndex(({ collection }) => collection === name);
      const here = part.sections[section]?.lines.length ?? 0;
      const given = writes.find(({ collection }) => collection === name)?.records.length ?? 0;
      const entries = (ledger?.quarantine ?? []).filter(({ collection }) => collection === name);
      this.args.push(
        name,
        String(section + 1),
        String(isLast ? total - (given - here) : here),
        String(isLast && Object.hasOwn(duplicates, name) ? duplicates[name] : 0),
        String(isLast ? entries.length : 0),
      );
    }
  }
}
