/** HOW files hold collections: formats by name, telling which one a file is, and opening sources. */
import { dexie } from "./dexie.ts";
import type { Format, FormatName } from "./format.ts";
import { json } from "./json.ts";
import { localstorage } from "./localstorage.ts";
import { ndjson } from "./ndjson.ts";

export { detectFormat } from "./detect.ts";
export { fingerprint, openFile } from "./file-input.ts";
export type * from "./format.ts";
export { memoryInput } from "./input.ts";
export { type OpenedSource, type OpenOptions, openSource } from "./open-source.ts";

export const FORMATS: Readonly<Record<FormatName, Format>> = { dexie, localstorage, json, ndjson };
