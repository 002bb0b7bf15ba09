// Packs the packages, installs the tarballs into an empty project, and uses them there as their READMEs say.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const work = mkdtempSync(join(tmpdir(), "outgrow-package-"));
const project = join(work, "project");
let passed = 0;
let failed = 0;

function check(name, run) {
  try {
    run();
    passed++;
    console.log(`ok   ${name}`);
  } catch (error) {
    failed++;
    console.log(`FAIL ${name}: ${error.stdout ?? ""}${error.stderr ?? ""}${error.message}`);
  }
}
const sh = (command, args, cwd = project) =>
  execFileSync(command, args, {
    cwd,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, DATABASE_URL: "" },
  });
const bin = (name) => join(root, "node_modules", ".bin", name);
function expect(condition, message) {
  if (!condition) throw new Error(message);
}

execFileSync("npm", ["run", "--silent", "build"], { cwd: root, stdio: "inherit" });
function packOf(folder) {
  const parameters = ["pack", "--json", "--ignore-scripts", "--pack-destination", work];
  const [packed] = [JSON.parse(sh("npm", parameters, folder))].flat();
  return packed.files === undefined ? Object.values(packed)[0] : packed;
}
const pack = packOf(root);
const tarball = join(work, pack.filename);
const platform = packOf(join(root, "platform"));
const platformTarball = join(work, platform.filename);

check("the tarball holds what it should and nothing else", () => {
  const allowed = /^(dist\/|demo\/|README\.md$|LICENSE$|CHANGELOG\.md$|package\.json$)/;
  const strange = pack.files.map(({ path }) => path).filter((path) => !allowed.test(path));
  expect(strange.length === 0, `unexpected: ${strange.join(", ")}`);
  expect(
    pack.files.some(({ path }) => path === "dist/cli/main.js"),
    "no command line in it",
  );
});
check("the platform's tarball holds what it should and nothing else", () => {
  const strange = platform.files.filter(({ path }) => !/^(dist\/|[^/]+\.(md|json)$)/.test(path));
  expect(strange.length === 0, `unexpected: ${strange.map(({ path }) => path).join(", ")}`);
});
check("no install scripts", () => {
  const { scripts = {} } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  for (const name of ["preinstall", "install", "postinstall"])
    expect(scripts[name] === undefined, name);
});
mkdirSync(project);
writeFileSync(
  join(project, "package.json"),
  JSON.stringify({ name: "consumer", private: true, type: "module" }),
);
check("it installs into an empty project, with scripts off", () => {
  sh("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", tarball]);
});

const readme = readFileSync(join(root, "README.md"), "utf8");
const example = /```ts\n([\s\S]*?)```/.exec(readme)?.[1];
writeFileSync(join(project, "example.ts"), example ?? "");
writeFileSync(
  join(project, "db.json"),
  JSON.stringify({
    users: [
      { id: 1, email: "a@example.com" },
      { id: 2, email: "b@example.com" },
    ],
    notes: [],
  }),
);
writeFileSync(
  join(project, "tsconfig.json"),
  JSON.stringify({
    compilerOptions: {
      strict: true,
      target: "es2022",
      lib: ["es2023", "esnext.disposable", "dom"],
      module: "nodenext",
      skipLibCheck: false,
      types: ["node"],
      typeRoots: [join(root, "node_modules", "@types")],
      outDir: "out",
    },
    files: ["example.ts"],
  }),
);
check("the README's example has types", () => {
  const typescript = dirname(createRequire(import.meta.url).resolve("typescript/package.json"));
  sh(process.execPath, [join(typescript, "bin", "tsc"), "-p", "."]);
});
check("the README's example runs", () => {
  // Node 20 has no `await using` of its own: the compiler lowers it.
  const { status, stdout, stderr } = spawnSync(process.execPath, ["out/example.js"], {
    cwd: project,
    encoding: "utf8",
    env: { ...process.env, DATABASE_URL: undefined },
  });
  expect(status === 0, stderr);
  expect(stdout.includes("users"), `it printed ${stdout}`);
  const back = JSON.parse(readFileSync(join(project, "back.json"), "utf8"));
  expect(
    JSON.stringify(back) ===
      JSON.stringify(JSON.parse(readFileSync(join(project, "db.json"), "utf8"))),
    "the export differs",
  );
});
for (const line of readme.match(/^npx outgrow .*$/gm) ?? []) {
  const command = line.replace(/\s+#.*$/, "");
  check(`the README's command: ${command}`, () => {
    rmSync(join(project, "back.json"), { force: true });
    sh("npx", ["--no-install", ...command.split(" ").slice(1)]);
  });
}
check("what `outgrow init` writes has types and runs", () => {
  sh("npx", ["--no-install", "outgrow", "init", "db.json", "--out", "app"]);
  writeFileSync(
    join(project, "app", "use.ts"),
    'import { getUser, saveUser } from "./storage.js";\nawait saveUser({ id: 3, email: "c@example.com" });\nconsole.log((await getUser(3))?.email, (await getUser(1))?.email);\nprocess.exit();\n',
  );
  const base = JSON.parse(readFileSync(join(project, "tsconfig.json"), "utf8"));
  writeFileSync(
    join(project, "app", "tsconfig.json"),
    JSON.stringify({
      ...base,
      compilerOptions: { ...base.compilerOptions, outDir: "out" },
      files: ["use.ts", "outgrow.config.ts"],
    }),
  );
  sh(process.execPath, [join(root, "node_modules", "typescript", "bin", "tsc"), "-p", "app"]);
  const printed = sh(process.execPath, ["app/out/use.js"]);
  expect(printed.trim() === "c@example.com a@example.com", `it printed ${printed}`);
});
check("the platform installs beside it, and its README's example has types and runs", () => {
  sh("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", platformTarball]);
  mkdirSync(join(project, "credits"));
  const text = readFileSync(join(root, "platform", "README.md"), "utf8");
  writeFileSync(
    join(project, "credits", "example.ts"),
    /```ts\n([\s\S]*?)```/.exec(text)?.[1] ?? "",
  );
  const { compilerOptions } = JSON.parse(readFileSync(join(project, "tsconfig.json"), "utf8"));
  writeFileSync(
    join(project, "credits", "tsconfig.json"),
    JSON.stringify({
      // PGlite's own types want those of Emscripten.
      compilerOptions: { ...compilerOptions, outDir: "out", skipLibCheck: true },
      files: ["example.ts"],
    }),
  );
  sh(process.execPath, [join(root, "node_modules", "typescript", "bin", "tsc"), "-p", "credits"]);
  const printed = sh(process.execPath, ["credits/out/example.js"]);
  expect(printed === "{ available: 19, held: 0 }\ntrue\n", `it printed ${printed}`);
});
for (const archive of [tarball, platformTarball]) {
  check("publint", () => sh(bin("publint"), ["--strict", archive], root));
  check("are the types wrong", () => sh(bin("attw"), ["--profile", "esm-only", archive], root));
}

rmSync(work, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
