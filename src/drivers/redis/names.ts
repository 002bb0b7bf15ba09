/**
 * What things are called in Redis. All keys of a move carry one hash tag, so that a batch is one script on a
 * cluster too:
 *
 *   {tenant}:collection:key                 the app's records; {schema:tenant} for a schema other than `public`
 *   {tenant}:outgrow:taken                  collection -> number of the move that has it
 *   {tenant}:outgrow:7:move                 hash: name, run, phase, files, layouts, templates, counts, lease
 *   {tenant}:outgrow:7:checkpoints          hash: file:batch -> checkpoint
 *   {tenant}:outgrow:7:quarantine, :raw     hashes: number -> entry, and its bytes
 *   {tenant}:outgrow:7:known:collection     hash: ledger key -> what is known of the record (the sidecar)
 *   {tenant}:outgrow:7:keys:collection      sorted set, all scores 0: ledger keys of present records
 *   {tenant}:outgrow:7:order:collection     sorted set: the same by position, of those that have one
 *   {tenant}:outgrow:7:rest:collection      hash: ledger key -> where the cells of a record are, and what has none
 *   {tenant}:outgrow:7:claims               hash: name of an app's key -> whose it is
 *   {tenant}:outgrow:7:piece:…              an argument too long for one request, until its commit; lapses by itself
 *   {tenant}:outgrow:fence:move             the lowest epoch whose writes are taken
 *   {tenant}:outgrow:outbox:move            sorted set by time: collection and key of what waits to be delivered
 *   {tenant}:outgrow:waiting:move           hash: the same -> the newest revision that waits
 *   outgrow:live:move                       hash: the stages of a live move, and the processes that serve it
 *   outgrow:moves                           hash: which moves there are, and the counters of revisions
 *
 * What has the move's name rather than its number outlives a copy that is dropped and begun anew.
 *
 * `%` and two hex digits stand for a byte that would be read as something else. `%` and another letter begins
 * what is not plain text.
 */
import { decodeKey, encodeKey } from "../../collection/key.ts";
import type { KeyColumn } from "../../layout/layout.ts";
import type { Cells } from "./cells.ts";

/** Lists the moves. Its fields: `m:` and a move's name; `#id`, `#version`, `#revision:EPOCH`. */
export const REGISTRY = "outgrow:moves";

/** The schema that is left out of names. */
const PLAIN_SCHEMA = "public";

const hex = (character: string): string =>
  `%${character.charCodeAt(0).toString(16).padStart(2, "0")}`;

/** A tenant, a schema or a collection: without what ends a hash tag or separates parts, and never empty. */
function part(text: string): string {
  if (text === "") return "%";
  if (text === "outgrow") return "%6futgrow";
  return text.replace(/[%:{}\u0000-\u001f\u007f]/g, hex);
}

export function hashTag(schema: string, tenant: string): string {
  return schema === PLAIN_SCHEMA ? `{${part(tenant)}}` : `{${part(schema)}:${part(tenant)}}`;
}

/** Names of a move's own keys. */
export interface MoveNames {
  readonly tag: string;
  readonly taken: string;
  readonly move: string;
  readonly checkpoints: string;
  readonly quarantine: string;
  readonly raw: string;
  readonly claims: string;
  readonly piece: string;
}

export function moveNames(schema: string, tenant: string, id: number): MoveNames {
  const tag = hashTag(schema, tenant);
  const own = `${tag}:outgrow:${id}`;
  return {
    tag,
    taken: `${tag}:outgrow:taken`,
    move: `${own}:move`,
    checkpoints: `${own}:checkpoints`,
    quarantine: `${own}:quarantine`,
    raw: `${own}:raw`,
    claims: `${own}:claims`,
    piece: `${own}:piece:`,
  };
}

/** Names of what a live move has beside its records. */
export interface LiveNames {
  readonly fence: string;
  readonly outbox: string;
  readonly waiting: string;
}

export function liveNames(tag: string, move: string): LiveNames {
  const own = (what: string): string => `${tag}:outgrow:${what}:${part(move)}`;
  return { fence: own("fence"), outbox: own("outbox"), waiting: own("waiting") };
}

/** Where the stages of a move are kept: before its first copy nobody knows under which tag it will lie. */
export function controlName(move: string): string {
  return `outgrow:live:${move}`;
}

/** Names of a collection's keys. */
export interface CollectionNames {
  readonly collection: string;
  readonly known: string;
  readonly keys: string;
  readonly order: string;
  /** In the move's hash: how many batches a load has brought, and up to which the indexes are complete. */
  readonly move: string;
  readonly loads: string;
  readonly indexed: string;
  /** Of a declared layout only: where its cells are. */
  readonly rest: string;
  readonly claims: string;
  readonly cells: Cells | undefined;
  /** What the names of its records begin with. */
  readonly prefix: string;
  /** The name of a record. @param key ledger text */
  record(key: string): string;
  /** The ledger text that a name stands for; `undefined` for a name that no record gets. */
  key(name: string): string | undefined;
}

/**
 * @param codec of the layout's key: where it is of numbers, they are the plain ones, `{default}:users:42`, and a text
 * key is `%s42`. Elsewhere text is plain, and the number is `%n42`.
 */
export function collectionNames(
  tag: string,
  id: number,
  collection: string,
  codec: KeyColumn["codec"],
  cells?: Cells,
): CollectionNames {
  const own = `${tag}:outgrow:${id}`;
  const name = part(collection);
  const prefix = `${tag}:${name}:`;
  const plain = codec === "integer" || codec === "number" ? "n" : "s";
  return {
    collection,
    known: `${own}:known:${name}`,
    keys: `${own}:keys:${name}`,
    order: `${own}:order:${name}`,
    move: `${own}:move`,
    loads: `loads:${collection}`,
    indexed: `indexed:${collection}`,
    rest: `${own}:rest:${name}`,
    claims: `${own}:claims`,
    cells,
    prefix,
    record: (key) => prefix + keyName(key, plain),
    key: (record) => {
      const key = keyOfName(record.slice(prefix.length), plain);
      // `4.20` and `%S` are nobody's spelling of a key: such a name is not a record.
      return key !== undefined && keyName(key, plain) === record.slice(prefix.length)
        ? key
        : undefined;
    },
  };
}

const ODD = /[%\u0000-\u001f\u007f]/;
const ODD_ALL = new RegExp(ODD.source, "g");
const escapeBody = (text: string): string => (ODD.test(text) ? text.replace(ODD_ALL, hex) : text);

type Plain = "s" | "n";

function keyName(key: string, plain: Plain): string {
  const kind = key[0] as string;
  const body = kind === "n" || kind === "p" ? numberText(key) : escapeBody(key.slice(1));
  return kind === plain ? body : `%${kind}${body}`;
}

function numberText(key: string): string {
  const decoded = decodeKey(key);
  return String(decoded instanceof Date ? decoded.getTime() : decoded);
}

function keyOfName(name: string, plain: Plain): string | undefined {
  const marked = /^%[snpxy]/.test(name);
  const kind = marked ? name[1] : plain;
  const body = marked ? name.slice(2) : name;
  try {
    if (kind === "n") return encodeKey(Number(body));
    if (kind === "p") return encodeKey(new Date(Number(body)));
    const key = kind + body.replace(/%([0-9a-f]{2})/g, (_, code: string) => fromHex(code));
    // Only what a key is written as: the text of an array may be anything otherwise.
    return encodeKey(decodeKey(key)) === key ? key : undefined;
  } catch {
    return undefined;
  }
}

const fromHex = (code: string): string => String.fromCharCode(Number.parseInt(code, 16));

/** A pattern that only names beginning with this text match. */
export function globPrefix(prefix: string): string {
  return `${prefix.replace(/[\\*?[\]^-]/g, "\\$&")}*`;
}
