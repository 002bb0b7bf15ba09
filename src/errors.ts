/**
 * Every failure that a caller may want to tell apart, in one table: `docs/errors.md` is made from it.
 * Codes are stable, wording is not. A message says what happened and where, and `next` says what to do;
 * neither ever holds the content of a record.
 */

/** Where something went wrong. All fields are optional; none is a record's content but its key. */
export interface Site {
  readonly file?: string | undefined;
  readonly collection?: string | undefined;
  readonly key?: string | undefined;
  readonly column?: string | undefined;
  /** Byte offset in the file as read (after decompression and transcoding). */
  readonly offset?: number | undefined;
  /** What the code's sentence is completed with: a name, a limit, a version; never a value. */
  readonly detail?: string | undefined;
}

interface ErrorRow {
  /** HTTP status, for the handlers. */
  readonly status: number;
  /** Whether the same call may succeed later without any change. */
  readonly retry: boolean;
  /** Exit code of the CLI. */
  readonly exit: 1 | 2 | 3 | 75;
  readonly say: string;
  readonly next: string;
}

// biome-ignore format: one row per code
export const ERRORS = {
  // The source as a whole: nothing has been written when one of these is thrown.
  SOURCE_NOT_FOUND:      { status: 404, retry: false, exit: 1,  say: "The source does not exist", next: "Check the path." },
  SOURCE_EMPTY:          { status: 400, retry: false, exit: 1,  say: "The source is empty", next: "Export the data again: an empty file holds no records and no sign that there were none." },
  SOURCE_UNREADABLE:     { status: 400, retry: true,  exit: 1,  say: "The source cannot be read", next: "Check permissions and the disk, then run the same command again." },
  SOURCE_MOVED:          { status: 409, retry: false, exit: 1,  say: "The source changed since this move looked at it", next: "Copy it as a new run of the same move (--again), or restore the file." },
  FORMAT_UNKNOWN:        { status: 422, retry: false, exit: 1,  say: "The format was not recognised", next: "Name it: dexie:FILE, localstorage:FILE, json:FILE or ndjson:FILE." },
  FORMAT_SQLITE:         { status: 415, retry: false, exit: 1,  say: "This is an SQLite database", next: "Dump its tables as JSON: sqlite3 -json FILE 'select * from TABLE' > TABLE.json, then point outgrow at the folder." },
  FORMAT_CSV:            { status: 415, retry: false, exit: 1,  say: "This is a CSV file, which has no types", next: "Convert it to NDJSON with types you decide on, then point outgrow at that." },
  FORMAT_BROWSER_PROFILE:{ status: 415, retry: false, exit: 1,  say: "This is a browser's own storage folder", next: "Open the app in that browser and run the snippet that `outgrow snapshot` prints." },
  BUNDLE_SYNTAX:         { status: 422, retry: false, exit: 1,  say: "The file is not well formed outside its records", next: "Export it again, or run with --repair to accept missing and doubled commas (counted)." },
  ENCODING:              { status: 422, retry: false, exit: 1,  say: "The text encoding is not UTF-8", next: "Convert the file to UTF-8 (iconv -f UTF-16LE -t UTF-8)." },
  VERSION:               { status: 422, retry: false, exit: 1,  say: "The format's version is newer than this program", next: "Upgrade outgrow." },
  COLLECTION_NAME:       { status: 422, retry: false, exit: 1,  say: "A collection has a name that cannot be used", next: "Rename it in outgrow.config.ts, or leave it out with --exclude." },
  LIMIT:                 { status: 422, retry: false, exit: 1,  say: "A limit was passed", next: "Split the source, or raise the limit in outgrow.config.ts." },
  DISK_SPACE:            { status: 507, retry: false, exit: 1,  say: "There is not enough disk space for this copy", next: "Free space, or use another target." },

  // One record: it is quarantined with this code, its raw bytes and its place, and the run goes on.
  JSON_SYNTAX:           { status: 422, retry: false, exit: 2,  say: "The record is not JSON", next: "outgrow quarantine edit, then replay." },
  UTF8_INVALID:          { status: 422, retry: false, exit: 2,  say: "The record holds bytes that are not UTF-8", next: "outgrow quarantine edit, then replay." },
  DUP_KEY:               { status: 422, retry: false, exit: 2,  say: "The record names one property twice", next: "--dup-keys=last keeps the last of them, as JSON.parse does." },
  DEPTH:                 { status: 422, retry: false, exit: 2,  say: "The record is nested deeper than 128 levels", next: "outgrow quarantine edit, then replay." },
  TOO_MANY_NODES:        { status: 422, retry: false, exit: 2,  say: "The record has more than 250,000 values or an object with more than 10,000 properties", next: "Split it into records of its own, then replay." },
  RECORD_TOO_LARGE:      { status: 413, retry: false, exit: 2,  say: "The record is larger than 8 MiB without its data URLs", next: "Split it into records of its own, then replay." },
  BLOB_TOO_LARGE:        { status: 413, retry: false, exit: 2,  say: "A data URL or blob in the record is larger than 25 MiB", next: "Move the file to object storage and replay the record with its address." },
  TSON:                  { status: 422, retry: false, exit: 2,  say: "The record's $types do not fit its values", next: "outgrow quarantine edit, then replay." },
  ID_CONFLICT:           { status: 409, retry: false, exit: 2,  say: "Two records of the source have one key and different content", next: "outgrow quarantine show both, edit one key or accept one, then replay." },
  ID_MISSING:            { status: 422, retry: false, exit: 2,  say: "The record has no key where all others have one", next: "outgrow quarantine edit to give it one, then replay." },
  KEY_TOO_LONG:          { status: 422, retry: false, exit: 2,  say: "The record's key is longer than 1 KiB", next: "outgrow quarantine edit, then replay." },
  KEY_TYPE:              { status: 422, retry: false, exit: 2,  say: "The record's key does not fit the key column of its table", next: "outgrow quarantine edit, or copy into a new move." },
  KEY_TAKEN:             { status: 409, retry: false, exit: 1,  say: "The store has another record of this key, which is not this move's", next: "Write under another key. What was written is set aside: outgrow quarantine." },
  RECORD_REFUSED:        { status: 422, retry: false, exit: 2,  say: "The database refused the record", next: "See the SQLSTATE in the detail; edit and replay, or change the layout." },
  RECORD_INVALID:        { status: 422, retry: false, exit: 2,  say: "The record breaks its schema", next: "Change the record or the schema." },
  QUERY_INDEX:           { status: 400, retry: false, exit: 1,  say: "A query names a property without an index", next: "Add it to the collection's indexes." },
  QUERY_INVALID:         { status: 400, retry: false, exit: 1,  say: "The query is not valid", next: "See the detail." },
  QUERY_CURSOR:          { status: 400, retry: false, exit: 1,  say: "The cursor does not fit this query", next: "Start again without `after`." },
  RULE_INVALID:          { status: 400, retry: false, exit: 1,  say: "This is no rule for a property", next: "Write collection.property=money, as outgrow plan --help shows." },
  BIND_REFUSED:          { status: 409, retry: false, exit: 1,  say: "The records do not fit the tables that are there", next: "outgrow plan --bind names each conflict and what settles it." },

  // The target.
  TARGET_UNREACHABLE:    { status: 503, retry: true,  exit: 1,  say: "The target cannot be reached", next: "outgrow doctor tells which step fails." },
  TARGET_REFUSED:        { status: 500, retry: false, exit: 1,  say: "The target refused a statement", next: "See the SQLSTATE, or the server's word, in the detail." },
  TARGET_ADDRESS:        { status: 400, retry: false, exit: 1,  say: "The target's address is not one that outgrow knows", next: "Use postgres://…, pglite:DIR, redis://…, rediss://…, https://… (Upstash REST), @FILE with one of them, or set DATABASE_URL." },
  TARGET_BUSY:           { status: 503, retry: true,  exit: 1,  say: "The target is busy", next: "Run the same command again." },
  TARGET_FULL:           { status: 507, retry: false, exit: 3,  say: "The target's disk is full", next: "Free space, then run the same command: it goes on where it stopped." },
  OUTCOME_UNKNOWN:       { status: 503, retry: true,  exit: 1,  say: "The connection was lost while a commit was under way", next: "Run the same command again: it finds out from the ledger." },
  LOST_ROW:              { status: 500, retry: false, exit: 1,  say: "The target stored a different number of rows than it was given", next: "Nothing of this batch was kept. Report this with outgrow doctor's output." },
  UNSUPPORTED:           { status: 501, retry: false, exit: 1,  say: "The store cannot do this", next: "See the store's capabilities." },
  KV_NOT_DURABLE:        { status: 501, retry: false, exit: 1,  say: "This Redis loses what it acknowledged when it ends", next: "Set appendonly yes (best with appendfsync always), or declare in the address what may be lost: ?lossWindow=SECONDS." },
  KV_EVICTS:             { status: 501, retry: false, exit: 1,  say: "This Redis throws records away when its memory is short", next: "Set maxmemory-policy noeviction." },
  KV_CLUSTER:            { status: 501, retry: false, exit: 1,  say: "This Redis is a node of a cluster, which holds only some of the keys", next: "Name a server that is no cluster's node." },
  STORE_CLOSED:          { status: 503, retry: false, exit: 1,  say: "The store is closed", next: "Open it again." },
  KEY_INVALID:           { status: 400, retry: false, exit: 1,  say: "A key must be a string, a finite number, a date, bytes, or an array of these", next: "Change the key function of the collection." },

  // The embedded database.
  FILE_LOCKED:           { status: 503, retry: true,  exit: 75, say: "Another process has held the JSON file for too long", next: "See what that process does; run the same again when it is done." },
  STORE_WRITE:           { status: 503, retry: true,  exit: 1,  say: "The file could not be written", next: "Check the folder's permissions and the disk; nothing was changed." },
  REQUEST_INVALID:       { status: 400, retry: false, exit: 1,  say: "The request is not one that can be answered", next: "See docs/http.md for the calls and what they take." },
  UNAUTHORIZED:          { status: 401, retry: false, exit: 1,  say: "The token is missing or wrong", next: "Send it with the call: Authorization: Bearer TOKEN." },
  CALL_UNKNOWN:          { status: 404, retry: false, exit: 1,  say: "There is no such call", next: "See docs/http.md for the calls, and give the handler the path that it is mounted under as `base`." },
  CALL_METHOD:           { status: 405, retry: false, exit: 1,  say: "The call wants another method", next: "The header Allow names it." },
  BODY_TOO_LARGE:        { status: 413, retry: false, exit: 1,  say: "The body of the request is larger than 10,000 bytes", next: "Send only what the call takes." },
  STAGE_UNREADABLE:      { status: 503, retry: true,  exit: 1,  say: "It cannot be found out at which stage the move is", next: "Check that the target answers: the stage is kept there. Until then nothing is written." },
  STAGE_CHANGING:        { status: 503, retry: true,  exit: 1,  say: "A change of stage takes too long", next: "outgrow status shows it; outgrow stage --resume ends it." },
  STAGE_TAKEN:           { status: 409, retry: true,  exit: 75, say: "Somebody else has changed the move meanwhile", next: "outgrow status shows where it is now." },
  GATE_CLOSED:           { status: 409, retry: false, exit: 2,  say: "The next stage is not open yet", next: "outgrow status names what is missing, and what to do about it." },
  STAGE_UNKNOWN:         { status: 400, retry: false, exit: 1,  say: "Somebody asks for a stage that there is not", next: "The stages are off, dualwrite, shadow, live, rampdown, complete. Until one of them is asked for, the stage stays." },
  FLAG_UNREADABLE:       { status: 503, retry: true,  exit: 1,  say: "It cannot be found out which stage is asked for", next: "Check the flag, its provider and its file. Until it answers, the stage stays." },
  STAGE_FINAL:           { status: 409, retry: false, exit: 1,  say: "There is no way back from here", next: "Start a new move the other way." },
  WRITE_CONFLICT:        { status: 409, retry: true,  exit: 1,  say: "Somebody else wrote the record in between", next: "Read it again and decide anew; store.transaction does so by itself." },
  DATADIR_LOCKED:        { status: 503, retry: true,  exit: 75, say: "Another process holds the embedded database and does not answer", next: "Stop that process, then run the same command." },
  DATADIR_POISONED:      { status: 503, retry: true,  exit: 1,  say: "The embedded database stopped answering and was ended", next: "Run the same command again: it goes on where it stopped." },
  TIMEOUT:               { status: 504, retry: true,  exit: 1,  say: "A statement did not end in time", next: "Run the same command again." },

  // Moves.
  MOVE_UNKNOWN:          { status: 404, retry: false, exit: 1,  say: "There is no such move in this target", next: "outgrow status lists them." },
  MOVE_AMBIGUOUS:        { status: 400, retry: false, exit: 1,  say: "There are several moves in this target", next: "Name one with --move." },
  MOVE_INCOMPLETE:       { status: 409, retry: false, exit: 2,  say: "The copy has not finished", next: "Run outgrow copy again: it goes on where it stopped." },
  MOVE_LEASED:           { status: 409, retry: true,  exit: 75, say: "Another mover is at work on this move", next: "Wait for it, or stop it: its lease then lapses." },
  FENCED:                { status: 409, retry: true,  exit: 75, say: "Another mover took this move over", next: "Let that one finish; outgrow status shows it." },
  QUARANTINE_UNKNOWN:    { status: 404, retry: false, exit: 1,  say: "There is no such entry in quarantine", next: "outgrow quarantine list shows them." },
  MOVE_TAKEN:            { status: 409, retry: false, exit: 1,  say: "A move of this name came from another source", next: "Give this one a name of its own: --move NAME." },
  TABLE_TAKEN:           { status: 409, retry: false, exit: 1,  say: "A table that this move wants exists already and is not its own", next: "Use --schema NAME or --move NAME, or drop the other move." },
  LEDGER_HOLDS:          { status: 409, retry: false, exit: 2,  say: "The ledger holds what lies nowhere else", next: "Write it to a file before the ledger goes: outgrow leave --forget --rest-to FILE." },
  DROP_REFUSED:          { status: 409, retry: false, exit: 1,  say: "Rows that stay refer to rows that were to be deleted", next: "Delete those rows, or have them refer to others, and do it again." },
  CONFIRM:               { status: 400, retry: false, exit: 1,  say: "This asks for a confirmation", next: "Answer in a terminal, or add --yes." },
  LEDGER_VERSION:        { status: 409, retry: false, exit: 1,  say: "The ledger in this target was written by a newer outgrow", next: "Upgrade outgrow." },
  EXPORT_EXISTS:         { status: 409, retry: false, exit: 1,  say: "The file to export to exists", next: "Choose another name, or add --yes." },
  EXPORT_TARGET:         { status: 400, retry: false, exit: 1,  say: "This export cannot be written there", next: "Name a file, or a folder where the source was one." },
  CONFIG_INVALID:        { status: 400, retry: false, exit: 1,  say: "The configuration is not valid", next: "See the detail; `outgrow init` writes a valid one." },
  USAGE:                 { status: 400, retry: false, exit: 1,  say: "The command was not understood", next: "outgrow --help" },
  INTERNAL:              { status: 500, retry: false, exit: 1,  say: "Something went wrong that outgrow has no name for", next: "Nothing that was committed is lost. Report it, with OUTGROW_DEBUG=1 and what you did." },
  INTERRUPTED:           { status: 499, retry: true,  exit: 3,  say: "Interrupted", next: "Run the same command again: it goes on where it stopped." },
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERRORS;

/** The only error class of the package. Wrong arguments are plain `TypeError`s. */
export class OutgrowError extends Error {
  override readonly name = "OutgrowError";
  readonly code: ErrorCode;
  readonly site: Site;
  /** The SQLSTATE behind it, where a Postgres said no. */
  readonly sqlState: string | undefined;

  constructor(
    code: ErrorCode,
    site: Site = {},
    options: ErrorOptions & { readonly sqlState?: string | undefined } = {},
  ) {
    super(sentence(code, site), options);
    this.code = code;
    this.site = site;
    this.sqlState = options.sqlState;
  }

  /** What to do about it, as a sentence. */
  get next(): string {
    return ERRORS[this.code].next;
  }

  get retry(): boolean {
    return ERRORS[this.code].retry;
  }

  static is(error: unknown, code?: ErrorCode): error is OutgrowError {
    return error instanceof OutgrowError && (code === undefined || error.code === code);
  }
}

/** @throws {OutgrowError} INTERRUPTED when the signal has fired. */
export function throwIfInterrupted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new OutgrowError("INTERRUPTED", {}, { cause: signal.reason });
}

function sentence(code: ErrorCode, site: Site): string {
  const parts: string[] = [];
  if (site.file !== undefined) parts.push(`in ${site.file}`);
  if (site.collection !== undefined) parts.push(`collection ${site.collection}`);
  if (site.key !== undefined) parts.push(`key ${site.key}`);
  if (site.column !== undefined) parts.push(`column ${site.column}`);
  if (site.offset !== undefined) parts.push(`at byte ${site.offset}`);
  const where = parts.length === 0 ? "" : ` (${parts.join(", ")})`;
  const detail = site.detail === undefined ? "" : `: ${site.detail}`;
  return `${ERRORS[code].say}${detail}${where}.`;
}
