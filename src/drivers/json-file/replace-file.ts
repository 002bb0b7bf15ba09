/** A file is replaced as a whole or not at all, whatever happens meanwhile. */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, statSync, writeSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/**
 * Writes beside the file, waits for the disk, renames, and waits for the folder (SEMANTICS row 35). The file's mode
 * stays; what stood there before stays readable for whoever has it open.
 */
export function replaceFile(path: string, text: string): void {
  // Always the same name, since the caller holds the file's lock: a kill leaves one draft at most.
  const draft = join(dirname(path), `.${basename(path)}.new`);
  try {
    const file = openSync(draft, "w", modeOf(path));
    try {
      const bytes = Buffer.from(text);
      let written = 0;
      while (written < bytes.length) written += writeSync(file, bytes, written);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
  syncFolder(dirname(path));
}

function modeOf(path: string): number {
  try {
    return statSync(path).mode & 0o777;
  } catch {
    return 0o600;
  }
}

/** Where folders cannot be opened (Windows) the file system orders its own writes. */
function syncFolder(path: string): void {
  let folder: number;
  try {
    folder = openSync(path, "r");
  } catch {
    return;
  }
  try {
    fsyncSync(folder);
  } catch {
    // Refused by some network file systems: nothing more can be asked of them.
  } finally {
    closeSync(folder);
  }
}
