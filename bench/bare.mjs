/**
 * Peers that need nothing but Node and what the project itself depends on: `JSON.parse` of a whole file, and COPY
 * into PGlite. Run like product.mjs; `nothing` is Node's own start.
 */
import { openAsBlob } from "node:fs";
import { open, readFile, rm } from "node:fs/promises";

const job = JSON.parse(process.argv[2]);

async function parse({ source, at }) {
  const startedAt = performance.now();
  let value = JSON.parse(await readFile(source, "utf8"));
  const seconds = (performance.now() - startedAt) / 1000;
  for (const name of at) value = value[name];
  return { seconds, records: value.length };
}

/** In pieces of some thousand rows, each a statement of its own: in one, PGlite needs the file in memory thrice. */
async function pglite({ folder, sql, tables }) {
  const { PGlite } = await import("@electric-sql/pglite");
  await rm(folder, { recursive: true, force: true });
  const database = await PGlite.create(folder);
  await database.exec(sql);
  let records = 0;
  const startedAt = performance.now();
  for (const { copyText, file } of tables) {
    for await (const blob of pieces(file)) {
      const { affectedRows } = await database.query(`${copyText} from '/dev/blob'`, [], { blob });
      records += affectedRows ?? 0;
    }
  }
  const seconds = (performance.now() - startedAt) / 1000;
  await database.close();
  return { seconds, records };
}

const PIECE = 8 * 1024 * 1024;

/** Pieces of a file that end behind a line. */
async function* pieces(path) {
  const whole = await openAsBlob(path);
  const handle = await open(path);
  const window = Buffer.alloc(64 * 1024);
  try {
    for (let start = 0; start < whole.size; ) {
      let end = Math.min(start + PIECE, whole.size);
      while (end < whole.size) {
        const from = Math.max(start, end - window.length);
        const { bytesRead } = await handle.read(window, 0, end - from, from);
        const line = window.lastIndexOf("\n", bytesRead - 1);
        if (line >= 0) {
          end = from + line + 1;
          break;
        }
        end = Math.min(end + window.length, whole.size);
      }
      // A blob in memory: PGlite reads it synchronously.
      yield new Blob([await whole.slice(start, end).arrayBuffer()]);
      start = end;
    }
  } finally {
    await handle.close();
  }
}

const outcome = await { parse, pglite, nothing: async () => ({ seconds: 0 }) }[job.kind](job);
console.log(JSON.stringify({ ...outcome, rssMiB: process.resourceUsage().maxRSS / 1024 }));
