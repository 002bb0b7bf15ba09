/** The files that docs/http.md shows, as they stand there, and what must hold of each when it serves. */

import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { request as send } from "node:http";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";

const project = fileURLToPath(new URL("../..", import.meta.url));

export const TOKEN = "a-token-that-is-long-enough";

/** Contents by the names that their first lines say. */
export function recipes(): ReadonlyMap<string, string> {
  const page = readFileSync(join(project, "docs", "http.md"), "utf8");
  const blocks = page.matchAll(/^```ts\n\/\/ (\S+\.ts)\n([\s\S]*?)^```$/gm);
  return new Map([...blocks].map(([, name, text]) => [name as string, text as string]));
}

/** Writes some of them, and the app's file beside them. */
export function writeRecipes(folder: string, names: readonly string[]): void {
  const found = recipes();
  for (const name of names) {
    const text = found.get(name);
    if (text === undefined) throw new Error(`docs/http.md does not show ${name}.`);
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  mkdirSync(join(folder, "data"));
  const users = Array.from({ length: 300 }, (_, id) => ({ id, name: `user ${id}` }));
  writeFileSync(join(folder, "data", "database.json"), JSON.stringify({ users }));
}

/** Our dependencies as a project's own. */
export function linkModules(folder: string): void {
  symlinkSync(join(project, "node_modules"), join(folder, "node_modules"), "junction");
}

interface Answer {
  readonly status: number;
  readonly type: string | null;
  readonly text: string;
  readonly body: Record<string, unknown>;
}

function caller(origin: string) {
  return async (method: string, path: string, init: RequestInit = {}): Promise<Answer> => {
    const headers = { authorization: `Bearer ${TOKEN}`, ...init.headers };
    const response = await fetch(`${origin}/outgrow${path}`, { method, ...init, headers });
    const text = await response.text();
    const type = response.headers.get("content-type");
    const body = type === "application/json" ? JSON.parse(text) : {};
    return { status: response.status, type, text, body };
  };
}

const refused = (status: number, code: string) => ({
  status,
  body: { ok: false, error: { code, message: expect.any(String), next: expect.any(String) } },
});

/** Conducts the move from `off` to `dualwrite` and back over real HTTP, and is refused in every way there is. */
export async function checkMounted(origin: string): Promise<void> {
  const call = caller(origin);
  const state = (stage: string) => ({ status: 200, body: { ok: true, state: { stage } } });

  for (const token of ["", "Bearer", `Bearer ${TOKEN}x`, `Basic ${TOKEN}`]) {
    const headers = { authorization: token };
    expect(await call("GET", "/status", { headers })).toMatchObject(refused(401, "UNAUTHORIZED"));
    const body = '{"to":"dualwrite"}';
    expect(await call("POST", "/stage", { headers, body })).toMatchObject({ status: 401 });
  }
  expect(await call("GET", "/status")).toMatchObject(state("off"));

  expect(await call("GET", "/no/such/call?to=/status")).toMatchObject(refused(404, "CALL_UNKNOWN"));
  expect(await call("GET", "/stage")).toMatchObject(refused(405, "CALL_METHOD"));
  expect(await call("POST", "/stage", { body: "{" })).toMatchObject(
    refused(400, "REQUEST_INVALID"),
  );
  expect(await call("POST", "/copy")).toMatchObject(refused(409, "GATE_CLOSED"));
  await checkSizes(origin, call);

  const json = { "content-type": "application/json" };
  const to = { body: '{"to":"dualwrite"}', headers: json };
  expect(await call("POST", "/stage", to)).toMatchObject(state("dualwrite"));
  const lines = { headers: { accept: "application/x-ndjson" } };
  const copied = await call("POST", "/copy", lines);
  expect(copied).toMatchObject({ status: 200, type: "application/x-ndjson" });
  const told = copied.text.trimEnd().split("\n");
  expect(told.length).toBeGreaterThan(1);
  expect(JSON.parse(told[0] as string)).toHaveProperty("progress");
  expect(JSON.parse(told.at(-1) as string)).toMatchObject({
    ok: true,
    counts: { users: { applied: 300 } },
  });
  expect(await call("POST", "/verify", { body: "", headers: json })).toMatchObject({
    status: 200,
    body: { clean: true },
  });
  const page = await call("GET", "/metrics");
  expect(page.type).toBe("text/plain; version=0.0.4; charset=utf-8");
  expect(page.text).toContain('outgrow_stage{move="app",stage="dualwrite"} 1\n');
  expect(await call("POST", "/back")).toMatchObject(state("off"));
}

/** Of a body's size by its head, and of one that does not say its size and goes on. */
async function checkSizes(origin: string, call: ReturnType<typeof caller>): Promise<void> {
  const tooLarge = refused(413, "BODY_TOO_LARGE");
  const body = JSON.stringify({ to: "x".repeat(20_000) });
  expect(await call("POST", "/stage", { body })).toMatchObject(tooLarge);
  const fits = JSON.stringify({ to: "x".repeat(9_000) });
  expect(await call("POST", "/stage", { body: fits })).toMatchObject(
    refused(400, "REQUEST_INVALID"),
  );
  expect(await inChunks(`${origin}/outgrow/stage`)).toMatchObject(tooLarge);
}

function inChunks(url: string): Promise<{ readonly status: number; readonly body: unknown }> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" };
    const sending = send(url, { method: "POST", headers }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () => {
        sending.destroy();
        resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) });
      });
    });
    sending.on("error", reject);
    sending.write('{"to":"');
    for (let n = 0; n < 20; n++) sending.write("x".repeat(1000));
    // It is refused before its end, which never comes.
  });
}
