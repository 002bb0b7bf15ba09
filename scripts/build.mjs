// Builds dist/ anew, and those of the platform and of each app, which import the first: TypeScript alone, no bundler.
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, readdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const typescript = dirname(createRequire(import.meta.url).resolve("typescript/package.json"));

const build = (folder, project) => {
  rmSync(join(folder, "dist"), { recursive: true, force: true });
  const compiler = join(typescript, "bin", "tsc");
  execFileSync(process.execPath, [compiler, "-p", join(folder, project)], {
    stdio: "inherit",
    cwd: folder,
  });
};

build(root, "tsconfig.build.json");
chmodSync(join(root, "dist", "cli", "main.js"), 0o755);
build(join(root, "platform"), "tsconfig.json");
for (const app of readdirSync(join(root, "apps"))) {
  const folder = join(root, "apps", app);
  if (existsSync(join(folder, "tsconfig.json"))) build(folder, "tsconfig.json");
}
