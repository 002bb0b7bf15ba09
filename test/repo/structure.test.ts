import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
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
const ORDER = ["collection", "layout", "store", "drivers", "formats", "transfer", "cli"];
/** At the top of `src`: the first two may be imported by all, the others import as the command line may. */
const FIRST = ["errors.ts", "failpoint.ts"];

function rank(file: string): number {
  const [folder = "", ...inner] = relative("src", file).split("/");
  if (inner.length > 0) return ORDER.indexOf(folder);
  return FIRST.includes(folder) ? -1 : ORDER.length;
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
        .filter((name) => rank(name) > rank(file) && name !== "src/config.ts")
        .map((name) => `${file} imports ${name}`),
    );
    expect(wrong).toEqual([]);
    expect(files("src").every((file) => rank(file) >= -1)).toBe(true);
  });

  it("collection and layout import nothing of Node", () => {
    const wrong = [...files("src/collection"), ...files("src/layout")].filter((file) =>
      imports(file).some((name) => name.startsWith("node:")),
    );
    expect(wrong).toEqual([]);
  });

  it("no file is above 400 lines, none exports a default, none is left unfinished", () => {
    const all = [...files("src"), ...files("test")].filter(
      (file) => !file.endsWith("structure.test.ts"),
    );
    expect(all.filter((file) => text(file).split("\n").length > 401)).toEqual([]);
    expect(
      files("src").filter((file) => /^export default (?!defineConfig)/m.test(text(file))),
    ).toEqual([]);
    expect(
      all.filter((file) => /\b(?:TODO|FIXME|XXX)\b|\.(?:skip|only)\(|@ts-ignore/.test(text(file))),
    ).toEqual([]);
  });
});

describe("the package", () => {
  const manifest = JSON.parse(text("package.json")) as {
    scripts: Record<string, string>;
    exports: Record<string, string | { default: string }>;
    dependencies: Record<string, string>;
    devDependencies: Record<string, string>;
  };

  it("sec C-02: runs nothing when it is installed", () => {
    expect(
      Object.keys(manifest.scripts).filter((name) => /^(pre|post)?install$|^prepare$/.test(name)),
    ).toEqual([]);
  });

  it("sec C-03: pins every version, and its lockfile names no host", () => {
    for (const version of Object.values({
      ...manifest.dependencies,
      ...manifest.devDependencies,
    })) {
      expect(version).toMatch(/^\d/);
    }
    expect(text("package-lock.json")).not.toContain('"resolved"');
  });

  it("has every platform's binaries in its lockfile, or npm ci would refuse it", () => {
    const { packages } = JSON.parse(text("package-lock.json")) as {
      packages: Record<string, { optionalDependencies?: Record<string, string> }>;
    };
    const missing = Object.values(packages)
      .flatMap(({ optionalDependencies }) => Object.keys(optionalDependencies ?? {}))
      .filter((name) => packages[`node_modules/${name}`] === undefined);
    expect(missing).toEqual([]);
  });

  it("exports only what a build makes", () => {
    for (const target of Object.values(manifest.exports)) {
      const path = typeof target === "string" ? target : target.default;
      if (!path.startsWith("./dist/")) continue;
      const source = path.replace("./dist/", "src/").replace(/\.js$/, ".ts");
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
