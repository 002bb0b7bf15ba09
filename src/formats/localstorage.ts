/** Dumps of localStorage: `{key: string}`, as browsers' tools and the snapshot snippet write them. */
import { decodeKey } from "../collection/key.ts";
import { decodeRawJson, type RawPlace } from "./decode-record.ts";
import { readDump } from "./dump-read.ts";
import { type DumpEnvelope, surveyDump } from "./dump-survey.ts";
import { decodeText, holdingOf } from "./dump-values.ts";
import { writeDump } from "./dump-write.ts";
import type { BadRecord, Format, SourceRecord, Survey } from "./format.ts";

const textOf = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A single value may be a bare string; all other records are JSON. */
function decodeRaw(
  raw: Uint8Array,
  { envelope }: Survey,
  collection: string,
  place: RawPlace,
): SourceRecord | BadRecord {
  if (place.rebuilt || collection !== (envelope as DumpEnvelope).singles) {
    return decodeRawJson(raw, place);
  }
  let text: string;
  try {
    text = textOf.decode(raw);
  } catch {
    return decodeRawJson(raw, place);
  }
  const key = place.key === undefined ? undefined : decodeKey(place.key);
  return decodeText(text, holdingOf(text).holding, 0, { key, position: place.position });
}

export const localstorage: Format = {
  name: "localstorage",
  survey: surveyDump,
  read: readDump,
  decodeRaw,
  write: (survey, _name, collections, sink) => writeDump(survey, collections, sink),
};
