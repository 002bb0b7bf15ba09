/** A source of one file, taken into a fresh database and out again: what most tests of a whole move need. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openTarget } from "../../src/drivers/open-target.ts";
import type { Target } from "../../src/store/driver.ts";
import type { Quarantined } from "../../src/store/ledger.ts";
import { type CopyOptions, type CopyResult, copy } from "../../src/transfer/copy.ts";
import { exportMove } from "../../src/transfer/export.ts";
import { type VerifyResult, verify } from "../../src/transfer/verify.ts";
import { freshDatabase } from "./postgres.ts";

export interface Workplace extends AsyncDisposable {
  readonly folder: string;
  readonly url: string;
  readonly target: Target;
  file(name: string, content: string | Uint8Array): Promise<string>;
}

/** A folder and a database for one test, gone when it ends. */
export async function workplace(): Promise<Workplace> {
  const folder = await mkdtemp(join(tmpdir(), "outgrow-test-"));
  const database = await freshDatabase();
  const target = await openTarget(database.url);
  return {
    folder,
    url: database.url,
    target,
    async file(name, content) {
      const path = join(folder, name);
      await writeFile(path, content);
      return path;
    },
    async [Symbol.asyncDispose]() {
      await target[Symbol.asyncDispose]();
      await database.drop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export interface Moved {
  readonly copied: CopyResult;
  readonly verified: VerifyResult;
  readonly quarantine: readonly Quarantined[];
  /** The exported file's text. */
  readonly exported: string;
  /** Codes of the quarantine, in the order of the source. */
  readonly codes: readonly string[];
  total(what: keyof CopyResult["counts"][string]): number;
}

/** Copies, verifies and exports a file of this content. */
export async function moveFile(
  content: string | Uint8Array,
  name = "db.json",
  options: CopyOptions = {},
): Promise<Moved> {
  await using place = await workplace();
  return await moveThrough(place, await place.file(name, content), options);
}

export async function moveThrough(
  place: Workplace,
  path: string,
  options: CopyOptions = {},
): Promise<Moved> {
  const { target } = place;
  const copied = await copy(path, target, options);
  const { repair, duplicateNames } = options;
  const verified = await verify(path, target, { move: copied.move, repair, duplicateNames });
  const quarantine = await target.ledger.quarantined(copied.move);
  const out = join(place.folder, "exported.out");
  await exportMove(target, out, { move: copied.move, overwrite: true });
  const counts = Object.values(copied.counts);
  return {
    copied,
    verified,
    quarantine,
    exported: await readFile(out, "utf8"),
    codes: quarantine.map(({ code }) => code).sort(),
    total: (what) => counts.reduce((sum, one) => sum + (one[what] ?? 0), 0),
  };
}
