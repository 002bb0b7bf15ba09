/** What only a ledger holds, written to a file of JSON lines before the ledger goes. */
import { type FileHandle, open, unlink } from "node:fs/promises";
import { OutgrowError } from "../errors.ts";
import type { HeldHere } from "../store/driver.ts";

/**
 * Durable when it resolves. A file that is cut off is taken away again.
 *
 * @throws {OutgrowError} EXPORT_EXISTS for a file that is there already; STORE_WRITE
 */
export async function writeHeld(path: string, held: AsyncIterable<HeldHere>): Promise<void> {
  const file = await opened(path);
  try {
    for await (const one of held) await file.write(`${lineOf(one)}\n`);
    await file.sync();
    await file.close();
  } catch (error) {
    await file.close().catch(() => {});
    await unlink(path).catch(() => {});
    throw OutgrowError.is(error)
      ? error
      : new OutgrowError("STORE_WRITE", { file: path }, { cause: error });
  }
}

async function opened(path: string): Promise<FileHandle> {
  try {
    return await open(path, "wx", 0o600);
  } catch (error) {
    const exists = (error as NodeJS.ErrnoException).code === "EEXIST";
    const code = exists ? "EXPORT_EXISTS" : "STORE_WRITE";
    throw new OutgrowError(code, { file: path }, { cause: error });
  }
}

function lineOf(held: HeldHere): string {
  const { what, collection, tenant, key } = held;
  if (what === "quarantine") {
    const { code, raw } = held;
    const bytes = Buffer.from(raw).toString("base64");
    return JSON.stringify({ what, collection, tenant, key, code, raw: bytes });
  }
  const place = JSON.stringify({ what, collection, tenant, key, row: held.row });
  // As it was written: parsing it would lose what it is kept for. A line break can only lie between its tokens.
  const rest = held.rest?.replace(/[\r\n]/g, " ") ?? "null";
  return `${place.slice(0, -1)},"rest":${rest}}`;
}
