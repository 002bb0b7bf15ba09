import { readdirSync, readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { dirname, join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { errorsDocument } from "../../scripts/errors-document.mjs";
import { ERRORS } from "../../src/errors.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const files = (folder: string, ending = ".ts"): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name));
const text = (file: string): string => readFileSync(join(root, file), "utf8");

/** What a folder may import: itself and what stands before it. */
const ORDER = [
  "collection",
  "layout",
  "store",
  "drivers",
  "formats",
  "transfer",
  "move",
  "fleet",
  "http",
  "cli",
  "testing",
];
/** The files at the top of `src`: all may import the first two, none may import the last. */
const TOP: Readonly<Record<string, number>> = {
  "errors.ts": -1,
  "failpoint.ts": -1,
  "config.ts": ORDER.indexOf("cli"),
  "index.ts": ORDER.length,
};

/** @returns undefined for a file that has no place in the order. */
function rank(file: string): number | undefined {
  const [first = "", ...inner] = relative("src", file).split(sep);
  if (inner.length === 0) return TOP[first];
  return ORDER.includes(first) ? ORDER.indexOf(first) : undefined;
}

function mayImport(importer: string, imported: string): boolean {
  const above = rank(importer);
  const below = rank(imported);
  return above !== undefined && below !== undefined && below <= above;
}

function imports(file: string): string[] {
  const found = text(file).matchAll(/(?:from|import)\s*\(?\s*["']([^"']+)["']/g);
  return [...found].map(([, name]) => name as string);
}

describe("the structure", () => {
  it("imports go one way through the folders", () => {
    const wrong = files("src").flatMap((file) =>
      imports(file)
        .filter((name) => name.startsWith("."))
        .map((name) => relative(root, resolve(root, dirname(file), name)))
        .filter((name) => !mayImport(file, name))
        .map((name) => `${file} imports ${name}`),
    );
    expect(wrong).toEqual([]);
    expect(files("src").filter((file) => rank(file) === undefined)).toEqual([]);
    expect(files("src").length).toBeGreaterThan(100);
  });

  it("collection and layout import nothing of Node", () => {
    const wrong = [...files("src/collection"), ...files("src/layout")].filter((file) =>
      imports(file).some(isBuiltin),
    );
    expect(wrong).toEqual([]);
  });

  it("the platform imports nothing of the package", () => {
    const wrong = files("platform/src").flatMap((file) =>
      imports(file)
        .filter((name) => !isBuiltin(name))
        .filter((name) => !resolve(dirname(file), name).startsWith(resolve("platform/src")))
        .map((name) => `${file} imports ${name}`),
    );
    expect(wrong).toEqual([]);
  });

  it("no file is above 400 lines, none exports a default, none is left unfinished", () => {
    const apps = [...files("apps"), ...files("platform")].filter((file) =>
      /^(?:apps\/[^/]+|platform)\/(?:src|test)\//.test(file),
    );
    const all = [...files("src"), ...files("test"), ...apps].filter(
      (file) => !file.endsWith("structure.test.ts"),
    );
    expect(all.filter((file) => text(file).split("\n").length > 401)).toEqual([]);
    expect(
      [...files("src"), ...apps].filter((file) =>
        /^export default (?!defineConfig)/m.test(text(file)),
      ),
    ).toEqual([]);
    expect(
      all.filter((file) => /\b(?:TODO|FIXME|XXX)\b|@ts-(?:ignore|nocheck)/.test(text(file))),
    ).toEqual([]);
    const leftOut =
      /\b(?:it|test|describe|suite)(?:\.\w+)*\.(?:skip|skipIf|runIf|only|todo|fails)\b/;
    expect(all.filter((file) => leftOut.test(text(file)))).toEqual([]);
  });
});

interface Manifest {
  readonly scripts?: Readonly<Record<string, string>>;
  readonly exports?: Readonly<Record<string, string | { readonly default: string }>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

const manifestOf = (folder: string): Manifest => JSON.parse(text(join(folder, "package.json")));

describe("the packages", () => {
  const folders = [".", "platform", ...readdirSync(join(root, "apps")).map((app) => `apps/${app}`)];

  it("sec C-02: run nothing when they are installed", () => {
    const scripts = folders.flatMap((folder) => Object.keys(manifestOf(folder).scripts ?? {}));
    const run = scripts.filter((name) => /^(pre|post)?install$|^prepare$/.test(name));
    expect(run).toEqual([]);
    expect(scripts).toContain("prepack");
  });

  it("sec C-03: pin every version, and the lockfile names no host", () => {
    for (const folder of folders) {
      const { dependencies, devDependencies } = manifestOf(folder);
      for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies })) {
        expect(version, name).toMatch(name === "outgrow" ? /^file:/ : /^\d/);
      }
    }
    // The links of workspaces are folders.
    expect(text("package-lock.json")).not.toMatch(/"resolved": "[^"]*:/);
  });

  it("have every system's binaries in their lockfile, or npm ci would refuse it", () => {
    const { packages } = JSON.parse(text("package-lock.json")) as {
      packages: Record<string, { optionalDependencies?: Record<string, string> }>;
    };
    const missing = Object.values(packages)
      .flatMap(({ optionalDependencies }) => Object.keys(optionalDependencies ?? {}))
      .filter((name) => packages[`node_modules/${name}`] === undefined);
    expect(missing).toEqual([]);
  });

  it.each([".", "platform"])("of %s: exports only what a build makes", (folder) => {
    for (const target of Object.values(manifestOf(folder).exports ?? {})) {
      const path = typeof target === "string" ? target : target.default;
      if (!path.startsWith("./dist/")) continue;
      const source = join(folder, path.replace("./dist/", "src/").replace(/\.js$/, ".ts"));
      expect(() => text(source), source).not.toThrow();
    }
  });
});

describe("the pages", () => {
  it("docs/errors.md lists every code", () => {
    expect(text("docs/errors.md")).toBe(errorsDocument(ERRORS));
  });

  it("the README fits on a screen and names the two commands", () => {
    expect(text("README.md").split("\n").length).toBeLessThan(70);
    expect(text("README.md")).toContain("npm ci && npm start");
    expect(text("README.md")).toContain("npm ci && npm test");
  });

  it("every code is thrown somewhere", () => {
    const source = files("src")
      .filter((file) => file !== "src/errors.ts")
      .map(text)
      .join("\n");
    const unused = Object.keys(ERRORS).filter((code) => !source.includes(`"${code}"`));
    expect(unused).toEqual([]);
  });
});
