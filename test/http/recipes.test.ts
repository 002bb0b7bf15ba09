/** docs/http.md, run: each recipe's file is taken from the page, mounted by its real framework, and called. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import express from "express";
import { afterAll, beforeAll, expect, it } from "vitest";
import { nodeListener } from "../../src/http/index.ts";
import { freshDatabase } from "../support/postgres.ts";
import { checkMounted, linkModules, recipes, TOKEN, writeRecipes } from "./recipes.ts";

const project = fileURLToPath(new URL("../..", import.meta.url));
const before = { folder: process.cwd(), env: { ...process.env } };
const SERVED = ["hono.ts", "express.ts", "fastify.ts"];
let folder: string;
let database: Awaited<ReturnType<typeof freshDatabase>>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "outgrow-recipes-"));
  database = await freshDatabase();
  writeRecipes(folder, ["outgrow.ts", ...SERVED]);
  writeFileSync(join(folder, "package.json"), '{"type":"module"}');
  linkModules(folder);
  process.chdir(folder);
  Object.assign(process.env, { DATABASE_URL: database.url, OUTGROW_TOKEN: TOKEN, PORT: "0" });
});
afterAll(async () => {
  process.chdir(before.folder);
  process.env = before.env;
  await database.drop();
  rmSync(folder, { recursive: true, force: true });
});

it.each(SERVED)("the recipe %s, as the page shows it, serves the move", async (name) => {
  const { server } = (await import(/* @vite-ignore */ join(folder, name))) as { server: Server };
  try {
    if (!server.listening) await new Promise((resolve) => server.once("listening", resolve));
    await checkMounted(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.close();
    server.closeAllConnections();
  }
});

it("the page shows no file that no test runs", () => {
  const next = ["app/outgrow/[...call]/route.ts", "next.config.ts"];
  expect([...recipes().keys()].sort()).toEqual(["outgrow.ts", ...SERVED, ...next].sort());
  const page = readFileSync(join(project, "docs", "http.md"), "utf8");
  expect(page.match(/^```\w+$/gm)).toHaveLength(recipes().size);
});

it("the recipes have types", () => {
  const paths = { outgrow: [`${project}src/index.ts`], "outgrow/*": [`${project}src/*/index.ts`] };
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({
      extends: `${project}tsconfig.json`,
      compilerOptions: { rootDir: "/", paths, typeRoots: [`${project}node_modules/@types`] },
      include: SERVED,
    }),
  );
  const tsc = join(project, "node_modules", "typescript", "bin", "tsc");
  const { stdout } = spawnSync(process.execPath, [tsc, "-p", folder], { encoding: "utf8" });
  // Our own sources have their own check.
  const ofRecipes = stdout.split("\n").filter((line) => !/^\S*src\//.test(line));
  expect(ofRecipes.join("\n")).toBe("");
});

it("input: behind a body parser a call is refused, and not taken for one without a body", async () => {
  const called: string[] = [];
  const app = express();
  app.use(express.json());
  app.all(
    "/outgrow/*call",
    nodeListener(async (request) => {
      called.push(request.method);
      return new Response(await request.text());
    }),
  );
  const server = app.listen(0);
  try {
    await new Promise((resolve) => server.once("listening", resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/outgrow/stage`;
    const headers = { "content-type": "application/json" };
    const parsed = await fetch(url, { method: "POST", headers, body: '{"to":"shadow"}' });
    expect(parsed.status).toBe(400);
    expect(await parsed.json()).toMatchObject({
      error: { code: "REQUEST_INVALID", message: expect.stringContaining("a body parser") },
    });
    expect(called).toEqual([]);
    expect((await fetch(url, { method: "POST" })).status).toBe(200);
    expect((await fetch(url)).status).toBe(200);
  } finally {
    server.close();
    server.closeAllConnections();
  }
});
