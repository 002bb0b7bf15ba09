import { readFile } from "node:fs/promises";
import { text as readAll } from "node:stream/consumers";
import { displayKey } from "../collection/key.ts";
import { ERRORS, OutgrowError } from "../errors.ts";
import type { Quarantined } from "../store/ledger.ts";
import { chooseMove } from "../transfer/export.ts";
import { replay } from "../transfer/quarantine.ts";
import { type CommonOptions, type Outcome, run } from "./run.ts";
import { bytes, count, table, visible } from "./screen.ts";

interface QuarantineOptions extends CommonOptions {
  readonly move?: string;
  readonly raw?: boolean;
  readonly file?: string;
  readonly note?: string;
}

type Target = Awaited<ReturnType<Parameters<Parameters<typeof run>[1]>[0]["target"]>>;

export function quarantineCommand(
  verb: "list" | "show" | "edit" | "replay" | "accept",
  words: readonly string[],
  options: QuarantineOptions,
): Promise<void> {
  return run(options, async (context) => {
    const target = await context.target();
    const move = await chooseMove(target, options.move);
    const ids = words.map((word) => idOf(word));
    switch (verb) {
      case "list":
        return listEntries(target, move.name);
      case "replay":
        return replayEntries(target, move.name, ids);
      case "show":
        return showEntry(await entry(target, move.name, ids[0]), options.raw ?? false);
      case "edit": {
        const { id } = await entry(target, move.name, ids[0]);
        const raw =
          options.file === "-"
            ? await readAll(process.stdin)
            : await readFile(options.file as string);
        await target.ledger.updateQuarantined(move.name, id, { raw: Buffer.from(raw) });
        return {
          result: { id },
          text: () => `Entry ${id} has new bytes. To try it:  outgrow quarantine replay ${id}`,
        };
      }
      case "accept": {
        const { id } = await entry(target, move.name, ids[0]);
        await target.ledger.updateQuarantined(move.name, id, {
          state: "accepted",
          note: options.note ?? "accepted by name",
        });
        return {
          result: { id },
          text: () => `Entry ${id} is accepted: it stays out, and its bytes stay here.`,
        };
      }
    }
  });
}

function idOf(word: string): number {
  const id = Number(word);
  if (!Number.isSafeInteger(id))
    throw new OutgrowError("QUARANTINE_UNKNOWN", { detail: "an id is a number" });
  return id;
}

async function entry(target: Target, move: string, id: number | undefined): Promise<Quarantined> {
  const [found] = id === undefined ? [] : await target.ledger.quarantined(move, { id });
  if (found === undefined) throw new OutgrowError("QUARANTINE_UNKNOWN", { detail: String(id) });
  return found;
}

/** An entry without its bytes: what may be shown without being asked for. */
function summary({ raw, key, ...known }: Quarantined): object {
  return { ...known, key: key === undefined ? undefined : displayKey(key), bytes: raw.length };
}

async function listEntries(target: Target, move: string): Promise<Outcome> {
  const entries = await target.ledger.quarantined(move);
  return {
    result: { move, entries: entries.map(summary) },
    text: () =>
      entries.length === 0
        ? `Nothing of ${visible(move)} is in quarantine.`
        : table(
            [">id", "code", "collection", "key", "place", ">size", "state"],
            entries.map((one) => [
              String(one.id),
              one.code,
              visible(one.collection),
              one.key === undefined ? "" : visible(displayKey(one.key)),
              visible(
                one.file === "" ? "(taken out of the table)" : `${one.file} at byte ${one.offset}`,
              ),
              bytes(one.raw.length),
              one.state,
            ]),
          ),
  };
}

function showEntry(found: Quarantined, withBytes: boolean): Outcome {
  const text = Buffer.from(found.raw).toString("utf8");
  return {
    result: { entry: summary(found), ...(withBytes ? { raw: text } : {}) },
    text: () => {
      if (withBytes) return text;
      const { say, next } = ERRORS[found.code];
      const detail = found.detail === undefined ? "" : ` (${found.detail})`;
      return [
        `${found.code}  ${say}${detail}.`,
        `Collection ${visible(found.collection)}, record ${found.position}, ${visible(found.file)} at byte ${found.offset}, ${bytes(found.raw.length)}, ${found.state}`,
        next,
        `The record itself:  outgrow quarantine show ${found.id} --raw`,
      ].join("\n");
    },
  };
}

async function replayEntries(
  target: Target,
  move: string,
  ids: readonly number[],
): Promise<Outcome> {
  const results = await replay(target, move, ids.length === 0 ? undefined : ids);
  const stored = results.filter(({ outcome }) => outcome === "stored").length;
  return {
    result: { move, replayed: results },
    text: () =>
      [
        `${count(stored, "record")} of ${results.length} stored.`,
        ...results
          .filter(({ outcome }) => outcome !== "stored")
          .map(({ id, outcome }) => `  ${id}  still ${outcome}`),
      ].join("\n"),
    exit: stored === results.length ? 0 : 2,
  };
}
