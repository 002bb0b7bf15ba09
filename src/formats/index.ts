export { detectFormat } from "./detect.ts";
export { fingerprint } from "./file-input.ts";
import type { Format, FormatName } from "./format.ts";
import { json } from "./json.ts";
import { ndjson } from "./ndjson.ts";
export { openSource } from "./open-source.ts";
export const FORMATS = { json, ndjson } as unknown as Record<FormatName, Format>;
