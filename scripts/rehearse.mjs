// A rehearsal of a whole move: an application under load goes through all stages, and every claim is checked.
//
//   npm run rehearse -- picture-ai [--faults] [--brief] [--target postgres|redis|pglite|ADDRESS]
//
// The target is a Postgres server of the rehearsal's own (`postgres`, the default: it can be frozen and killed), the
// embedded one, or what an address names. SEED replays a run. Exit code 0: every claim held.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    faults: { type: "boolean", default: false },
    brief: { type: "boolean", default: false },
    target: { type: "string", default: "postgres" },
  },
});
const [app = ""] = positionals;
const folder = new URL(`../apps/${app}/`, import.meta.url);
const main = new URL("rehearsal/main.mjs", folder);
if (!/^[a-z-]+$/.test(app) || !existsSync(main)) {
  console.error("Which application?  npm run rehearse -- picture-ai");
  process.exit(1);
}
if (!existsSync(new URL("dist/server.js", folder))) {
  console.error("The application is not built yet:  npm run build");
  process.exit(1);
}
let commit = "none";
try {
  const asked = { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] };
  commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], asked).trim();
} catch {
  // Not a checkout.
}
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(130));
const { rehearse } = await import(main.href);
const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
const { faults, brief, target } = values;
// An address may hold a password.
const [kind] = target.split(":");
const words = [...(faults ? ["with faults"] : []), ...(brief ? ["in brief"] : [])];
console.log([`${app}: SEED=${seed} commit ${commit} into ${kind}`, ...words].join(", "));
const root = fileURLToPath(new URL("..", import.meta.url));
const kept = await rehearse({ seed, faults, target, isBrief: brief, root });
console.log(kept ? "Every claim held." : "NOT every claim held.");
process.exit(kept ? 0 : 1);
