/**
 * Records that could not be moved, and the ways back: edit the bytes, replay them, or accept by name that they
 * stay out. A replayed record is written like any other, under a revision above that of the copy.
 */
import { canonicalText, digestText } from "../collection/canonical.ts";
import { displayKey } from "../collection/key.ts";
import { NameTemplates } from "../collection/name-order.ts";
import { revision } from "../collection/revision.ts";
import { getOwn } from "../collection/value.ts";
import { OutgrowError } from "../errors.ts";
import type { Survey } from "../formats/format.ts";
import { FORMATS } from "../formats/index.ts";
import { compileLayout } from "../layout/compile.ts";
import type { Target } from "../store/driver.ts";
import type { Move, Quarantined } from "../store/ledger.ts";
import { recordKey } from "./prepare.ts";

/** The install part of a revision that a replay issues: above the copy's own, below the next run's. */
const REPLAY = "00000001";

export interface Replayed {
  readonly id: number;
  readonly collection: string;
  readonly key: string | undefined;
  /** `stored`, or the code of why it still cannot be. */
  readonly outcome: "stored" | string;
}

/**
 * Tries entries of the quarantine again: as they are, or as they were edited.
 *
 * @param ids the entries; all open ones when left out.
 * @throws {OutgrowError} MOVE_UNKNOWN, QUARANTINE_UNKNOWN, MOVE_LEASED, TARGET_*
 */
export async function replay(
  target: Target,
  moveName: string,
  ids?: readonly number[],
): Promise<readonly Replayed[]> {
  const move = await target.ledger.find(moveName);
  if (move === undefined) throw new OutgrowError("MOVE_UNKNOWN", { detail: moveName });
  const entries = await target.ledger.quarantined(moveName, { state: "open" });
  for (const id of ids ?? []) {
    if (!entries.some((entry) => entry.id === id)) {
      throw new OutgrowError("QUARANTINE_UNKNOWN", { detail: `${id} is not open` });
    }
  }
  const wanted = entries.filter(({ id }) => ids === undefined || ids.includes(id));
  const lease = await target.ledger.acquire(moveName);
  try {
    const results: Replayed[] = [];
    for (const entry of wanted) {
      try {
        results.push(await replayOne(target, move, entry));
      } catch (error) {
        // One that the database still refuses stays where it is, and the others go on.
        if (!OutgrowError.is(error, "RECORD_REFUSED")) throw error;
        const { id, collection, key } = entry;
        const shown = key === undefined ? undefined : displayKey(key);
        results.push({ id, collection, key: shown, outcome: error.code });
      }
    }
    return results;
  } finally {
    await target.ledger.release(lease);
  }
}

async function replayOne(target: Target, move: Move, entry: Quarantined): Promise<Replayed> {
  const { id, collection } = entry;
  const told = (outcome: string, key?: string): Replayed => ({
    id,
    collection,
    key: key === undefined ? undefined : displayKey(key),
    outcome,
  });
  const read = readEntry(move, entry);
  if ("code" in read) return told(read.code);
  const driver = await target.open(move.name);
  const layout = driver.layouts.find((one) => one.collection === collection);
  if (layout === undefined) throw new OutgrowError("MOVE_UNKNOWN", { collection });
  const found = recordKey(compileLayout(layout), read);
  if ("code" in found) return told(found.code);
  const templates = new NameTemplates(getOwn(move.templates, collection));
  const exception = templates.observe(read.value, read.orders);
  const learnt = templates.takeChanged();
  const [there] = await driver.read({ tenant: move.tenant, collection }, [found.key]);
  const digest = digestText(canonicalText(read.value));
  // A record that is in its table already was put there by the copy or by the app: a replay must not undo that.
  if (there?.state === "present" && entry.code === "ID_CONFLICT")
    return told("ID_CONFLICT", found.key);
  await driver.commit({
    tenant: move.tenant,
    writes: [
      {
        collection,
        records: [
          {
            key: found.key,
            state: "present",
            value: read.value,
            revision: revision(0, move.run, REPLAY),
            digest,
            position: entry.position,
            exception,
          },
        ],
      },
    ],
    ledger: learnt === undefined ? undefined : { templates: { [collection]: learnt } },
  });
  await target.ledger.updateQuarantined(move.name, id, { state: "replayed", key: found.key });
  return told("stored", found.key);
}

/** The entry's bytes as a record, read as the file's format reads one. */
function readEntry(
  move: Move,
  entry: Quarantined,
): ReturnType<(typeof FORMATS)["json"]["decodeRaw"]> {
  for (const file of move.files) {
    const named = Object.entries(file.collections).find(([, name]) => name === entry.collection);
    if (named === undefined) continue;
    const survey = file.survey as Survey;
    // What the commit took out of a table was rebuilt as tagged JSON, whatever the format of the file.
    return FORMATS[survey.format].decodeRaw(entry.raw, survey, named[0], {
      position: entry.position,
      key: entry.key,
      rebuilt: entry.file === "",
    });
  }
  throw new OutgrowError("MOVE_UNKNOWN", { collection: entry.collection });
}
