/**
 * Where a holder listens: a short path (the system allows about 100 bytes) in a folder that only
 * this user can enter, or a named pipe on Windows.
 */
import { randomBytes } from "node:crypto";
import { lstatSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";

const NAME = /^[0-9a-f]{16}\.sock$/;

export function newSocketPath(): string {
  const name = `${randomBytes(8).toString("hex")}.sock`;
  if (process.platform === "win32") return `\\\\.\\pipe\\outgrow-${name}`;
  return join(privateFolder(), name);
}

/** Removes what a holder that died left behind; nothing that does not look like a socket of ours. */
export function removeSocket(path: string): void {
  if (process.platform === "win32") return;
  const folder = dirname(path);
  const ours = dirname(folder) === tmpdir() && basename(folder).startsWith("outgrow-");
  if (ours && NAME.test(basename(path))) rmSync(path, { force: true });
}

function privateFolder(): string {
  const folder = join(tmpdir(), `outgrow-${process.getuid?.() ?? 0}`);
  try {
    mkdirSync(folder, { mode: 0o700 });
    return folder;
  } catch {
    // It is there already, perhaps made by somebody who means to listen in.
    return isPrivate(folder) ? folder : mkdtempSync(join(tmpdir(), "outgrow-"));
  }
}

function isPrivate(folder: string): boolean {
  try {
    const found = lstatSync(folder);
    return found.isDirectory() && found.uid === process.getuid?.() && (found.mode & 0o077) === 0;
  } catch {
    return false;
  }
}
