// The tour, and then PictureAi on its JSON file, ready to be moved from another terminal.
import { spawn, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const tour = spawnSync(process.execPath, ["dist/cli/main.js", "tour"], {
  cwd: root,
  stdio: "inherit",
});
if (tour.status !== 0) process.exit(tour.status ?? 1);

console.log(`
PictureAi is on its JSON file, apps/picture-ai/data/database.json, and stays up until Ctrl-C (the demo's account is in
apps/picture-ai/README.md). Move it while you use it, from another terminal:

  cd apps/picture-ai
  npx outgrow stage dualwrite && npx outgrow copy && npx outgrow verify && npx outgrow stage shadow
  npx outgrow stage          # where it is, and what keeps the next stage closed
`);
const app = fileURLToPath(new URL("../apps/picture-ai/", import.meta.url));
const server = spawn(process.execPath, ["dist/server.js"], {
  cwd: app,
  stdio: "inherit",
  env: { MOVE_TARGET: "pglite:data/postgres", ...process.env },
});
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => server.kill(signal));
server.once("exit", (code) => process.exit(code ?? 0));
