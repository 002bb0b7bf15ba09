// Puts back what `npm install` leaves out of package-lock.json where a registry does not carry every platform's
// binaries: their entries. Without them `npm ci` refuses the lockfile everywhere. Run after every `npm install`; the
// lockfile of another package is named: `node scripts/complete-lockfile.mjs bench/peers/package-lock.json`.
import { readFileSync, writeFileSync } from "node:fs";

const path = process.argv[2] ?? new URL("../package-lock.json", import.meta.url);
const lock = JSON.parse(readFileSync(path, "utf8"));
const { packages } = lock;
const SYSTEMS = ["android", "darwin", "freebsd", "openharmony", "linux", "win32", "windows"];
const PROCESSORS = [
  "arm64",
  "x64",
  "ia32",
  "riscv64",
  "ppc64",
  "s390x",
  "wasm32",
  "loong64",
  "arm",
];

let added = 0;
for (const entry of Object.values(packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const key = `node_modules/${name}`;
    if (packages[key] !== undefined) continue;
    const words = name.split("/").at(-1);
    const os = SYSTEMS.find((system) => words.includes(system));
    const cpu = PROCESSORS.find((processor) => words.includes(processor));
    if (os === undefined || cpu === undefined) continue;
    packages[key] = {
      version: version.replace(/^[\^~]/, ""),
      cpu: [cpu],
      ...(entry.dev ? { dev: true } : {}),
      ...(words.includes("musl") ? { libc: ["musl"] } : {}),
      optional: true,
      os: [os === "windows" ? "win32" : os],
    };
    added++;
  }
}
const { "": root, ...others } = packages;
lock.packages = {
  "": root,
  ...Object.fromEntries(Object.entries(others).sort(([a], [b]) => (a < b ? -1 : 1))),
};
writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`${added} entries added`);
