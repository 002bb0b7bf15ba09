/** What `outgrow plan` prints and writes; that the command itself runs is checked in cli.test.ts. */
import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, it } from "vitest";
import { planText, writePlan } from "../../src/cli/plan.ts";
import { plan } from "../../src/transfer/plan.ts";
import { workplace } from "../support/moving.ts";
import { sql } from "../support/sql.ts";

describe("plan --out", () => {
  it.each([6, 7] as const)(
    "writes Prisma's schema where prisma.config.ts says that it is (%i)",
    async (prisma) => {
      await using place = await workplace();
      const source = await place.file("shop.json", JSON.stringify({ products: [{ id: 1 }], n: 1 }));
      const planned = await plan(source, undefined, { prisma });
      const out = join(place.folder, "out");
      const written = await writePlan(planned, out, false);
      const said = /schema: "(.+)"/.exec(planned.files.prismaConfig)?.[1] ?? "";
      expect(written.map((path) => relative(out, path).replaceAll("\\", "/"))).toEqual([
        "create.sql",
        "after-load.sql",
        "schema.ts",
        said,
        "prisma.config.ts",
      ]);
      expect(existsSync(join(out, said))).toBe(true);
      await expect(writePlan(planned, out, false)).rejects.toMatchObject({ code: "EXPORT_EXISTS" });
      expect(await writePlan(planned, out, true)).toEqual(written);
    },
  );
});

describe("the text of a plan", () => {
  it("says once for a table what refuses NULL, and each refusal that is sure by itself", async () => {
    await using place = await workplace();
    await sql(
      place.url,
      `create table notes (id text primary key, a text not null, b text not null, c integer not null, d text not null);
       create table tags (id text primary key, name text not null)`,
    );
    const notes = [1, 2].map((id) => ({ id: `n${id}`, a: "a", b: "b", c: 1, d: `d\u0000` }));
    const source = await place.file(
      "notes.json",
      JSON.stringify({ notes, tags: [{ id: "t", name: "t" }], n: 1 }),
    );
    const planned = await plan(source, place.target, { bind: { notes: {}, tags: {} } });
    const lines = planText(planned)
      .split("\n")
      .filter((line) => /^ {2}\S+ +[A-Z_]+ {2}/.test(line) && line.includes("NULL"));
    expect(lines).toEqual([
      expect.stringContaining(
        "notes refuses NULL in 4 columns without a default: a, b, c, d. A record",
      ),
      expect.stringContaining("name refuses NULL. All that was seen has name"),
      expect.stringContaining("2 records of notes would be refused: d refuses NULL"),
    ]);
    expect(planned.problems.filter(({ code }) => code === "NOT_NULL")).toHaveLength(5);
  });
});

describe("findings", () => {
  it("say nothing of the form of dates that a column holds as they are", async () => {
    await using place = await workplace();
    const dates = (day: string, seen: string) => ({ day, seen, said: day, doc: { day } });
    const source = await place.file(
      "notes.json",
      JSON.stringify({
        notes: [
          { id: 1, ...dates("2025-01-01", "2025-01-01T00:00:00Z") },
          { id: 2, ...dates("2025-01-02", "2025-01-01T00:00:01Z"), said: "some day" },
        ],
        n: 1,
      }),
    );
    const { inspection } = await plan(source, undefined);
    const dated = inspection.findings.filter(({ code }) => code === "DATE_TEXT");
    expect(dated.map(({ property }) => property)).toEqual(["said", "doc"]);
    await sql(place.url, "create table notes (id integer primary key, day date, seen date)");
    const bound = await plan(source, place.target, { bind: { notes: {} } });
    const left = bound.inspection.findings.filter(({ code }) => code === "DATE_TEXT");
    // A date has no room for the time of day.
    expect(left.map(({ property }) => property)).toEqual(["seen", "said", "doc"]);
  });
});
