/**
 * Records and what is known of them, as texts.
 *
 * A value is plain JSON wherever that gives the value back; with a space before it, it is tagged JSON. `JSON.parse`
 * reads both: the app needs to know nothing of tags unless it has such values. Plain JSON is the source's own bytes
 * where these say the same with and without tags, and have no space between tokens: it would take the server's memory.
 *
 * What is known: state (p, d, c), revision (32), for p the digest (43, base64), the position, `|`, the form.
 */
import type { Exception } from "../../collection/name-order.ts";
import { dumpRevision, type Revision } from "../../collection/revision.ts";
import { fromTaggedJson, toTaggedJson } from "../../collection/tagged-json.ts";
import { isPlainObject, type Value } from "../../collection/value.ts";
import type { RecordWrite, Stored } from "../../store/driver.ts";

const TAGGED = " ";

export function valueText(value: Value): string {
  // Nearly every record, and four times as fast.
  if (isPlain(value)) return JSON.stringify(value);
  let tags = 0;
  const text = toTaggedJson(value, { onTag: () => tags++ });
  return tags === 0 ? text : TAGGED + text;
}

/** Whether the engine's own JSON gives this value back. When in doubt, not. */
function isPlain(value: Value): boolean {
  switch (typeof value) {
    case "string":
    case "boolean":
      return true;
    case "number":
      return Number.isFinite(value) && !Object.is(value, -0);
    case "object": {
      if (value === null) return true;
      if (Array.isArray(value)) {
        // By index: a hole reads as `undefined`, which is not plain.
        for (let at = 0; at < value.length; at++) if (!isPlain(value[at])) return false;
        return true;
      }
      if (!isPlainObject(value)) return false;
      const names = Object.keys(value);
      if (names.length === 1 && names[0]?.[0] === "$") return false;
      for (const name of names) if (!isPlain(value[name])) return false;
      return true;
    }
    default:
      return false;
  }
}

export function textValue(text: string): Value {
  if (text[0] === TAGGED) return fromTaggedJson(text);
  try {
    return JSON.parse(text) as Value;
  } catch {
    // Somebody wrote plain text with SET: that is what it says.
    return text;
  }
}

/** Longest prefix in front of the position: state, revision, digest. */
const REVISION_END = 33;
const DIGEST_END = 76;

const STATES = { present: "p", deleted: "d", conflict: "c" } as const;

export function knownText(record: RecordWrite): string {
  const { state, revision, digest, position, exception } = record;
  const sum = state === "present" ? base64(digest) : "";
  const form = exception === undefined ? "" : JSON.stringify(exception);
  return `${STATES[state]}${revision}${sum}${position ?? ""}|${form}`;
}

function base64(digest: Uint8Array): string {
  const { buffer, byteOffset, byteLength } = digest;
  const text = Buffer.from(buffer, byteOffset, byteLength).toString("base64").slice(0, 43);
  if (text.length !== 43) throw new TypeError("A digest is 32 bytes.");
  return text;
}

/** What an app's own record has, as long as nothing of ours knows it: the lowest revision. */
const UNKNOWN = dumpRevision(0);

/** @returns `undefined` where there is no record: never any, one in conflict, or one that the app deleted itself. */
export function storedOf(
  key: string,
  known: string | null,
  held: { readonly value: Value } | undefined,
): Stored | undefined {
  const state = known?.[0];
  if (held === undefined) {
    if (known === null || state !== STATES.deleted) return undefined;
    const { position } = placeOf(known, REVISION_END);
    const revision = known.slice(1, REVISION_END) as Revision;
    const digest = new Uint8Array();
    return {
      key,
      state: "deleted",
      value: undefined,
      revision,
      digest,
      position,
      exception: undefined,
    };
  }
  const { value } = held;
  if (known === null || state !== STATES.present) {
    return {
      key,
      state: "present",
      value,
      revision: UNKNOWN,
      digest: new Uint8Array(),
      position: undefined,
      exception: undefined,
    };
  }
  return {
    key,
    state: "present",
    value,
    revision: known.slice(1, REVISION_END) as Revision,
    digest: Buffer.from(known.slice(REVISION_END, DIGEST_END), "base64"),
    ...placeOf(known, DIGEST_END),
  };
}

function placeOf(known: string, from: number): Pick<Stored, "position" | "exception"> {
  const bar = known.indexOf("|", from);
  const form = known.slice(bar + 1);
  return {
    position: bar === from ? undefined : Number(known.slice(from, bar)),
    exception: form === "" ? undefined : (JSON.parse(form) as Exception),
  };
}
