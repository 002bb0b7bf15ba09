/** The control handler over real HTTP, in front of a move into a real Postgres. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openJsonFile } from "../../src/drivers/json-file/index.ts";
import { openTarget } from "../../src/drivers/open-target.ts";
import { controlHandler } from "../../src/http/control.ts";
import { openMove } from "../../src/move/index.ts";
import { freshDatabase } from "../support/postgres.ts";

const TOKEN = "a-token-that-is-long-enough";
const closing: (() => Promise<unknown>)[] = [];
let origin: string;

beforeAll(async () => {
  const folder = mkdtempSync(join(tmpdir(), "outgrow-http-"));
  closing.push(async () => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "database.json");
  writeFileSync(path, JSON.stringify({ users: [{ id: 1 }, { id: 2 }] }));
  const database = await freshDatabase();
  closing.push(() => database.drop());
  const target = await openTarget(database.url);
  closing.push(async () => target[Symbol.asyncDispose]());
  const source = openJsonFile(path, { collections: [{ name: "users", key: "id" }] });
  const move = await openMove({ name: "app", source, target });
  closing.push(async () => move[Symbol.asyncDispose]());
  const handler = controlHandler(move, { token: TOKEN, base: "/outgrow" });
  const server = createServer((req, res) => {
    void (async () => {
      const { method = "GET" } = req;
      const body = method === "POST" ? (Readable.toWeb(req) as ReadableStream) : null;
      const headers = req.headers as Record<string, string>;
      const init = { method, headers, body, duplex: "half" } as RequestInit;
      const response = await handler(new Request(`http://localhost${req.url}`, init));
      res.writeHead(response.status, Object.fromEntries(response.headers));
      res.end(await response.text());
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(async () => server.close());
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}/outgrow`;
}, 60_000);
afterAll(async () => {
  for (const close of closing.reverse()) await close();
});

async function call(method: string, path: string, body?: string, token = TOKEN) {
  const headers = { authorization: `Bearer ${token}` };
  const response = await fetch(`${origin}${path}`, { method, headers, ...(body && { body }) });
  const text = await response.text();
  return { status: response.status, text, body: text.startsWith("{") ? JSON.parse(text) : {} };
}

it("sec: without the token nothing is told and nothing is done", async () => {
  for (const token of ["", "wrong", `${TOKEN}x`]) {
    expect(await call("POST", "/stage", "{}", token)).toMatchObject({ status: 401 });
  }
  expect((await call("GET", "/status")).body.state.stage).toBe("off");
  expect(() => controlHandler({} as never, { token: "short" })).toThrow(TypeError);
});

it("shows a move and conducts it, through its gates", async () => {
  expect((await call("GET", "/status")).body).toMatchObject({
    ok: true,
    to: "dualwrite",
    gates: [{ name: "steady" }],
  });
  expect((await call("POST", "/stage", '{"to":"dualwrite"}')).body.state.stage).toBe("dualwrite");
  const closed = await call("POST", "/stage");
  expect(closed).toMatchObject({ status: 409, body: { error: { code: "GATE_CLOSED" } } });
  expect((await call("POST", "/copy")).body).toMatchObject({ counts: { users: { applied: 2 } } });
  expect((await call("POST", "/verify")).body).toMatchObject({ clean: true });
  expect((await call("POST", "/stage")).body.state.stage).toBe("shadow");
  expect((await call("POST", "/back")).body.state.stage).toBe("dualwrite");
  expect((await call("GET", "/metrics")).text).toContain(
    'outgrow_stage{move="app",stage="dualwrite"} 1',
  );
});

it.each([
  ["GET", "/nothing", undefined, 404],
  ["POST", "/stage", '{"to":"nowhere"}', 400],
  ["POST", "/stage", "not json", 400],
  ["POST", "/stage", `{"to":"${"x".repeat(20_000)}"}`, 400],
  ["POST", "/confirm", '{"by":" "}', 400],
])("input: %s %s %s is refused", async (method, path, body, status) => {
  expect(await call(method, path, body)).toMatchObject({ status, body: { ok: false } });
});
