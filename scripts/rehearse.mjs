// A rehearsal of a whole move: an application under load goes through all stages, and every claim is checked.
//
//   npm run rehearse -- picture-ai [--faults]     SEED replays a run; DATABASE_URL names a Postgres, else it is embedded
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const [app = "", ...words] = process.argv.slice(2);
const folder = new URL(`../apps/${app}/rehearsal/main.mjs`, import.meta.url);
if (!/^[a-z-]+$/.test(app) || !existsSync(folder)) {
  console.error("Which application?  npm run rehearse -- picture-ai");
  process.exit(1);
}
let commit = "none";
try {
  commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
} catch {
  // Not a checkout.
}
const { rehearse } = await import(folder.href);
const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
console.log(
  `${app}: SEED=${seed} commit ${commit}${words.length > 0 ? ` ${words.join(" ")}` : ""}`,
);
const kept = await rehearse({
  seed,
  faults: words.includes("--faults"),
  root: fileURLToPath(new URL("..", import.meta.url)),
});
console.log(kept ? "Every claim held." : "NOT every claim held.");
process.exit(kept ? 0 : 1);
