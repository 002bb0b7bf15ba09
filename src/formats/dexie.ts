/** Dexie exports, as dexie-export-import writes them: typed values, inbound and outbound rows, known faults. */
import { decodeRawRow, readDexie } from "./dexie-read.ts";
import { surveyDexie } from "./dexie-survey.ts";
import { writeDexie } from "./dexie-write.ts";
import type { Format } from "./format.ts";

export const dexie: Format = {
  name: "dexie",
  survey: surveyDexie,
  read: readDexie,
  decodeRaw: decodeRawRow,
  write: writeDexie,
};
