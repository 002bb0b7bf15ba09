/** The control handler over real HTTP, in front of a move into a real Postgres. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openJsonFile } from "../../src/drivers/json-file/index.ts";
import { openTarget } from "../../src/drivers/open-target.ts";
import { controlHandler, nodeListener } from "../../src/http/index.ts";
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
  const server = createServer(nodeListener(handler));
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

it("sec: a caller without a token is told what is wanted, and no more", async () => {
  const response = await fetch(`${origin}/nothing`, { method: "POST", body: "{}" });
  expect(response.status).toBe(401);
  expect(response.headers.get("www-authenticate")).toBe("Bearer");
  expect(await response.json()).toMatchObject({ ok: false, error: { code: "UNAUTHORIZED" } });
});

it("sec: a base is taken off as a whole, and only where it is", async () => {
  const at = async (base: string | undefined, path: string) => {
    const handler = controlHandler({} as never, { token: TOKEN, base });
    const headers = { authorization: `Bearer ${TOKEN}` };
    // What is found wants another method: nothing of the move is asked.
    const response = await handler(new Request(`http://host${path}`, { method: "PUT", headers }));
    return response.status;
  };
  const found = 405;
  expect(await at(undefined, "/status")).toBe(found);
  expect(await at("/a/b/", "/a/b/status/?x=/metrics")).toBe(found);
  expect(await at("/a", "/status")).toBe(found);
  expect(await at("/", "/status")).toBe(found);
  for (const path of ["/astatus", "/a", "/a/a/status", "/a/constructor", "/%73tatus"]) {
    expect(await at("/a", path), path).toBe(404);
  }
  expect(() => controlHandler({} as never, { token: TOKEN, base: "a" })).toThrow(TypeError);
});

it.each([
  ["a call that is none", "GET", "/nothing", undefined, 404, "CALL_UNKNOWN"],
  ["a method of another call", "GET", "/stage", undefined, 405, "CALL_METHOD"],
  ["a method that is an object's own", "toString", "/stage", undefined, 405, "CALL_METHOD"],
  ["a stage that is none", "POST", "/stage", '{"to":"nowhere"}', 400, "REQUEST_INVALID"],
  ["a body that is no JSON", "POST", "/stage", "not json", 400, "REQUEST_INVALID"],
  ["a body that is no object", "POST", "/stage", "[]", 400, "REQUEST_INVALID"],
  ["a name that is none", "POST", "/confirm", '{"by":" "}', 400, "REQUEST_INVALID"],
  ["a body too large", "POST", "/stage", `{"to":"${"x".repeat(10_000)}"}`, 413, "BODY_TOO_LARGE"],
])("input: %s is refused, with a code", async (_, method, path, body, status, code) => {
  const refused = await controlHandler({} as never, { token: TOKEN })(
    new Request(`http://host${path}`, {
      method,
      headers: { authorization: `Bearer ${TOKEN}` },
      ...(body !== undefined && { body }),
    }),
  );
  expect(refused.status).toBe(status);
  expect(refused.headers.get("content-type")).toBe("application/json");
  expect(await refused.json()).toMatchObject({
    ok: false,
    error: { code, next: expect.any(String) },
  });
});

it("sec: of a body that does not end only so much is read", async () => {
  let sent = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      sent += 1000;
      controller.enqueue(new Uint8Array(1000).fill(0x20));
    },
  });
  const init = { method: "POST", body, duplex: "half" } as RequestInit;
  const headers = { authorization: `Bearer ${TOKEN}` };
  const handler = controlHandler({} as never, { token: TOKEN });
  const refused = await handler(new Request("http://host/stage", { ...init, headers }));
  expect(refused.status).toBe(413);
  expect(sent).toBeLessThan(20_000);
});

const LINES = { authorization: `Bearer ${TOKEN}`, accept: "application/x-ndjson" };
const linesOf = async (response: Response): Promise<Record<string, unknown>[]> =>
  (await response.text())
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

it("a long piece of work tells where it is, line by line, and ends with its result", async () => {
  const work = await fetch(`${origin}/verify`, { method: "POST", headers: LINES });
  expect(work.headers.get("content-type")).toBe("application/x-ndjson");
  const told = await linesOf(work);
  expect(told.at(-1)).toMatchObject({ ok: true, clean: true });
  expect(told[0]).toMatchObject({ progress: { phase: "survey", records: expect.any(Number) } });
  await call("POST", "/back");
  const refused = await fetch(`${origin}/copy`, { method: "POST", headers: LINES });
  expect(await linesOf(refused)).toMatchObject([{ ok: false, error: { code: "GATE_CLOSED" } }]);
});

it("a caller who goes away interrupts the work that he watched", async () => {
  let interrupt: (said: string) => void = () => {};
  const interrupted = new Promise<string>((resolve) => {
    interrupt = resolve;
  });
  const move = {
    copy: ({ signal, onProgress }: { signal: AbortSignal; onProgress: (at: object) => void }) => {
      onProgress({ records: 1 });
      signal.addEventListener("abort", () => interrupt("interrupted"));
      return interrupted;
    },
  };
  const handler = controlHandler(move as never, { token: TOKEN });
  const request = new Request("http://host/copy", { method: "POST", headers: LINES });
  const reader = (await handler(request)).body?.getReader();
  expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toContain('"records":1');
  await reader?.cancel();
  expect(await interrupted).toBe("interrupted");
});
