/**
 * Which Chromium the tests use: the one that CHROMIUM_PATH names, else one that is installed, else
 * Debian's package, which root installs, and anybody else unpacks, with the libraries it lacks, in
 * a folder of their own.
 */
import { execFileSync } from "node:child_process";
import { accessSync, constants, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";

const COMMANDS = [
  "chromium",
  "google-chrome",
  "google-chrome-stable",
  "microsoft-edge",
  "microsoft-edge-stable",
  "chromium-browser",
];
const PLACES = [
  "/usr/bin/chromium",
  "/opt/google/chrome/chrome",
  "/opt/microsoft/msedge/msedge",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
  "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
  ...["LOCALAPPDATA", "PROGRAMFILES", "PROGRAMFILES(X86)"].flatMap((variable) => {
    const folder = process.env[variable];
    if (folder === undefined) return [];
    return [
      join(folder, "Google\\Chrome\\Application\\chrome.exe"),
      join(folder, "Microsoft\\Edge\\Application\\msedge.exe"),
    ];
  }),
];
/** Where it is unpacked, and from there in the layout of the package. */
const UNPACKED = join(
  process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"),
  "outgrow-tests/chromium",
);
const BINARY = join(UNPACKED, "usr/lib/chromium/chromium");

/**
 * @param named the path that was asked for; none when empty.
 * @throws Error that says what to install, when there is none and none can be fetched.
 */
export function provideChromium(named = process.env["CHROMIUM_PATH"] ?? ""): string {
  if (named !== "") {
    if (isProgram(named)) return named;
    throw new Error(`CHROMIUM_PATH names ${named}, which is no program.`);
  }
  const found = installed() ?? (isProgram(BINARY) ? BINARY : undefined);
  if (found !== undefined) return found;
  let cause: unknown;
  try {
    if (process.getuid?.() === 0) install();
    else unpack();
  } catch (error) {
    cause = error;
  }
  const fetched = installed() ?? (isProgram(BINARY) ? BINARY : undefined);
  if (fetched !== undefined) return fetched;
  throw new Error(
    "The tests need a Chromium. Install one (Debian: apt-get install chromium), or set " +
      "CHROMIUM_PATH to a Chromium, Chrome or Edge.",
    { cause },
  );
}

/** What a browser must find in its environment: for an unpacked one, its libraries. */
export function chromiumEnvironment(path: string): NodeJS.ProcessEnv {
  if (path !== BINARY) return process.env;
  const libraries = readdirSync(join(UNPACKED, "usr/lib"))
    .filter((name) => name.endsWith("-linux-gnu"))
    .flatMap((name) => [join(UNPACKED, "usr/lib", name), join(UNPACKED, "lib", name)]);
  return { ...process.env, LD_LIBRARY_PATH: libraries.join(delimiter) };
}

function installed(): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  const commands = COMMANDS.flatMap((command) => folders.map((folder) => join(folder, command)));
  return [...commands, ...PLACES].find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function install(): void {
  run("apt-get", ["-qq", "update"]);
  run("apt-get", [
    ...["-qq", "-y", "-o", "DPkg::Lock::Timeout=300"],
    ...["install", "--no-install-recommends", "chromium"],
  ]);
}

/** apt works for anybody whose lists and downloads lie in folders of their own. */
function unpack(): void {
  const work = `${UNPACKED}-${process.pid}`;
  const lists = join(work, "lists");
  const cache = join(work, "cache");
  const tree = join(work, "tree");
  for (const folder of [join(lists, "partial"), join(cache, "archives/partial"), tree]) {
    mkdirSync(folder, { recursive: true });
  }
  const own = [`Dir::State::lists=${lists}`, `Dir::Cache=${cache}`, "Debug::NoLocking=true"];
  const options = ["-qq", "-y", ...own.flatMap((option) => ["-o", option])];
  try {
    run("apt-get", [...options, "update"]);
    run("apt-get", [
      ...options,
      ...["install", "--download-only", "--no-install-recommends", "chromium"],
    ]);
    for (const name of readdirSync(join(cache, "archives"))) {
      if (name.endsWith(".deb")) run("dpkg", ["-x", join(cache, "archives", name), tree]);
    }
    // Whole or not at all: what is there is what the next run takes.
    mkdirSync(dirname(UNPACKED), { recursive: true });
    renameSync(tree, UNPACKED);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function run(command: string, words: readonly string[]): void {
  execFileSync(command, words, {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  });
}
