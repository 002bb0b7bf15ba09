/** The suites as they are published: from a build, without vitest, by name, with types. */
import { spawnSync } from "node:child_process";
import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createRequire, isBuiltin } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { driverSuite, tenancySuite } from "../../src/testing/index.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const CONSUMER = join("test", "testing", "published", "memory.test.mjs");

let folder = "";

/** Node's own words, whatever the tests that started us have set. */
function node(parameters: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { PATH = "", HOME = "", TMPDIR = "" } = process.env;
  const options = { cwd: folder, encoding: "utf8", env: { PATH, HOME, TMPDIR, ...env } } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, parameters, options);
  return { status, output: `${stdout}${stderr}` };
}

function tsc(config: object) {
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
  const compiler = dirname(createRequire(import.meta.url).resolve("typescript/package.json"));
  return node([join(compiler, "bin", "tsc"), "-p", folder]);
}

/** A package of our name beside its user: the user imports it by name. */
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "outgrow-published-"));
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"), "junction");
  const index = { types: "./src/testing/index.d.ts", default: "./src/testing/index.js" };
  const manifest = { name: "outgrow", type: "module", exports: { "./testing": index } };
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
  const files = ["src/testing/index.ts", "test/testing/memory-target.ts"];
  const built = tsc({
    extends: join(root, "tsconfig.json"),
    compilerOptions: {
      rootDir: root,
      outDir: folder,
      noEmit: false,
      declaration: true,
      removeComments: true,
    },
    files: files.map((file) => join(root, file)),
    include: [],
  });
  expect(built, built.output).toMatchObject({ status: 0 });
  cpSync(join(root, CONSUMER), join(folder, CONSUMER));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** @param law which cases; all by default. */
const runTests = (law = ".", env: Readonly<Record<string, string>> = {}) =>
  node(["--test", "--test-reporter=tap", `--test-name-pattern=${law}`, CONSUMER], env);

describe("outgrow/testing", () => {
  it("runs under node:test", () => {
    const { status, output } = runTests();
    const open = () => Promise.reject(new Error("not opened"));
    const cases = [...driverSuite({ open }).cases, ...tenancySuite({ open }).cases];
    expect(output).toContain(`# pass ${cases.length}\n`);
    expect(output).toContain("# fail 0\n");
    expect(status).toBe(0);
    for (const { name } of cases.slice(0, 3)) expect(output).toContain(`- ${name}\n`);
  });

  it("fails there by the law that a store breaks, and says what was wrong", () => {
    const { status, output } = runTests("law D1", { BREAK: "count" });
    expect(status).toBe(1);
    expect(output).toMatch(/not ok \d+ - law D1: the highest revision stays in any order/);
    expect(output).toMatch(/law D1: count: 0 instead of \d \(seed: \d+/);
  });

  it("shows a known gap with its reason, which fails when the case passes", () => {
    const { status, output } = runTests("law T3", { GAP: "nothing is counted yet" });
    expect(status).toBe(1);
    expect(output).toMatch(/not ok .*once \[known gap: nothing is counted yet\]/);
    expect(output).toContain("passes now: take it out of the gaps");
    expect(output).toContain("# fail 1\n");
  });

  it("has types that stand on their own", () => {
    const user = `
      import { driverSuite, register, type SuiteOptions } from "outgrow/testing";
      import { afterAll, describe, it } from "vitest";
      import { after, it as nodeIt, describe as nodeDescribe } from "node:test";
      declare const open: SuiteOptions["open"];
      register(driverSuite({ open, tenant: "two", gaps: { a: "b" } }), { describe, it, afterAll });
      register(driverSuite({ open }), { describe: nodeDescribe, it: nodeIt, afterAll: after });
      // @ts-expect-error: a handle has a target
      driverSuite({ open: async () => ({ async [Symbol.asyncDispose]() {} }) });
      // @ts-expect-error: a gap has a reason
      driverSuite({ open, gaps: { a: true } });
    `;
    writeFileSync(join(folder, "user.mts"), user);
    const checked = tsc({
      compilerOptions: {
        target: "es2022",
        module: "nodenext",
        lib: ["es2023", "esnext.disposable", "dom"],
        types: ["node"],
        strict: true,
        noEmit: true,
        skipLibCheck: false,
      },
      files: ["user.mts"],
    });
    expect(checked).toEqual({ status: 0, output: "" });
  });

  it("imports what runs in a browser, and only what is installed with us", () => {
    const { dependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
      dependencies: Record<string, string>;
    };
    const seen = new Set<string>();
    const outside = new Set<string>();
    const follow = (file: string): void => {
      if (seen.has(file)) return;
      seen.add(file);
      const found = readFileSync(file, "utf8").matchAll(
        /(?:from|import)\s*\(?\s*["']([^"']+)["']/g,
      );
      for (const [, name = ""] of found) {
        if (name.startsWith(".")) follow(resolve(dirname(file), name));
        else outside.add(name);
      }
    };
    const suites = join(folder, "src", "testing");
    for (const name of readdirSync(suites, { recursive: true, encoding: "utf8" })) {
      if (name.endsWith(".js")) follow(join(suites, name));
    }
    const foreign = [...outside].filter(
      (name) => isBuiltin(name) || !Object.keys(dependencies).some((one) => name.startsWith(one)),
    );
    expect(foreign).toEqual([]);
    const allowed = ["collection", "errors.js", "layout", "store", "testing"];
    const folders = new Set([...seen].map((file) => relative(folder, file).split(/[\\/]/)[1]));
    expect([...folders].filter((name) => !allowed.includes(name ?? ""))).toEqual([]);
    expect(seen.size).toBeGreaterThan(20);
  });
});
