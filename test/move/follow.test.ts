/** What may ask for a stage from outside, on a real move: the environment, a file, flags of a real OpenFeature SDK. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InMemoryProvider, OpenFeature, type Provider } from "@openfeature/server-sdk";
import { afterEach, beforeEach, expect, it } from "vitest";
import { openJsonFile } from "../../src/drivers/json-file/index.ts";
import { openTarget } from "../../src/drivers/open-target.ts";
import {
  environmentWish,
  type Followed,
  fileWish,
  follow,
  followOnce,
  type LiveMove,
  openMove,
  type Wish,
} from "../../src/move/index.ts";
import { flagWish } from "../../src/move/openfeature.ts";
import { freshDatabase } from "../support/postgres.ts";

let folder: string;
let move: LiveMove;
const closing: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "outgrow-follow-"));
  const path = join(folder, "database.json");
  writeFileSync(path, JSON.stringify({ users: [{ id: 1 }, { id: 2 }] }));
  const database = await freshDatabase();
  const target = await openTarget(database.url);
  const source = openJsonFile(path, { collections: [{ name: "users", key: "id" }] });
  move = await openMove({ name: "app", source, target, limits: { holdMs: 0 } });
  closing.push(
    () => database.drop(),
    async () => target[Symbol.asyncDispose](),
    async () => move[Symbol.asyncDispose](),
  );
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  await OpenFeature.clearProviders();
  delete process.env["OUTGROW_STAGE"];
  rmSync(folder, { recursive: true, force: true });
});

const stage = async (): Promise<string> => (await move.status()).state.stage;

/** Follows until nothing more is done, and says what was. */
async function followAll(wish: Wish): Promise<Followed[]> {
  const done: Followed[] = [];
  for (;;) {
    done.push(await followOnce(move, wish));
    if (done.at(-1)?.did === "nothing") return done;
  }
}

it("law S5: the environment asks for the last stage; each gate is met in its turn, and none is jumped", async () => {
  const wish = environmentWish();
  expect(await followAll(wish)).toEqual([
    { stage: "off", did: "nothing", because: "Nobody asks for a stage." },
  ]);
  process.env["OUTGROW_STAGE"] = "complete";
  const closed = expect.stringContaining("outgrow copy");
  expect(await followAll(wish)).toEqual([
    { stage: "dualwrite", did: "advance", because: "complete is asked for." },
    { stage: "dualwrite", did: "nothing", because: closed },
  ]);
  await move.copy();
  expect((await followAll(wish)).map(({ stage: at, did }) => [at, did])).toEqual([
    ["dualwrite", "nothing"],
  ]);
  await move.verify();
  expect((await followAll(wish)).map(({ stage: at }) => at)).toEqual(["shadow", "shadow"]);
  expect((await move.status()).state.history.map((one) => one.stage)).toEqual([
    "off",
    "dualwrite",
    "shadow",
  ]);
  process.env["OUTGROW_STAGE"] = "off";
  expect((await followAll(wish)).map(({ stage: at, did }) => [at, did])).toEqual([
    ["dualwrite", "back"],
    ["off", "back"],
    ["off", "nothing"],
  ]);
});

it("sem 10: what is no stage, or cannot be read, moves nothing, and says so with a code", async () => {
  await move.advance("dualwrite");
  const codeOf = async (wish: Wish) => (await followOnce(move, wish)).warning?.code;
  process.env["OUTGROW_STAGE"] = "production";
  expect(await followOnce(move, environmentWish())).toMatchObject({
    stage: "dualwrite",
    did: "nothing",
    because: 'There is no stage "production": the stage stays.',
    warning: { code: "STAGE_UNKNOWN" },
  });
  const file = join(folder, "stage");
  expect(await codeOf(fileWish(file))).toBeUndefined();
  writeFileSync(file, "off!\n");
  expect(await codeOf(fileWish(file))).toBe("STAGE_UNKNOWN");
  expect(await codeOf(fileWish(folder))).toBe("FLAG_UNREADABLE");
  expect(await codeOf(() => Promise.reject(new Error("gone")))).toBe("FLAG_UNREADABLE");
  expect(await stage()).toBe("dualwrite");
  writeFileSync(file, " off\n");
  expect(await followOnce(move, fileWish(file))).toMatchObject({ stage: "off", did: "back" });
});

const variants = Object.fromEntries(
  ["off", "dualwrite", "shadow", "live", "complete", "nowhere"].map((name) => [name, name]),
);
const flag = (defaultVariant: string, more = {}) => ({
  "outgrow-stage": { variants, defaultVariant, disabled: false, ...more },
});

it("sem 10: an OpenFeature flag asks, one gate at a time; no answer of its provider is a wish", async () => {
  const client = OpenFeature.getClient();
  const wish = flagWish(client);
  // No provider yet: the SDK answers with the default in code.
  expect(await followOnce(move, wish)).toMatchObject({ stage: "off", did: "nothing" });
  const provider = new InMemoryProvider(flag("live"));
  await OpenFeature.setProviderAndWait(provider);
  expect((await followAll(wish)).map(({ stage: at, did }) => [at, did])).toEqual([
    ["dualwrite", "advance"],
    ["dualwrite", "nothing"],
  ]);
  const refused = async (given: object, code: string | undefined) => {
    await provider.putConfiguration(given as never);
    const { did, warning } = await followOnce(move, wish);
    expect([did, warning?.code]).toEqual(["nothing", code]);
  };
  await refused({}, "FLAG_UNREADABLE");
  await refused(flag("off", { disabled: true }), undefined);
  await refused(flag("nowhere"), "STAGE_UNKNOWN");
  await refused(
    { "outgrow-stage": { variants: { off: 0 }, defaultVariant: "off", disabled: false } },
    "FLAG_UNREADABLE",
  );
  await refused(flag("off", { variants: {} }), "FLAG_UNREADABLE");
  expect(await stage()).toBe("dualwrite");

  const byTenant = { contextEvaluator: ({ tenant }: { tenant?: string }) => tenant ?? "dualwrite" };
  await provider.putConfiguration(flag("dualwrite", byTenant) as never);
  expect(await followOnce(move, wish)).toMatchObject({
    because: "The move stands at dualwrite, as asked.",
  });
  const forTenant = flagWish(client, { context: { tenant: "off" } });
  expect(await followOnce(move, forTenant)).toMatchObject({ stage: "off", did: "back" });
});

it("sem 10: a provider's stale word is no wish, one that throws neither; its own default is", async () => {
  const answering = (answer: (fallback: unknown) => object): Provider => {
    const resolve = async (_flag: string, fallback: unknown) => answer(fallback) as never;
    return {
      metadata: { name: "one that answers so" },
      resolveStringEvaluation: resolve,
      resolveBooleanEvaluation: resolve,
      resolveNumberEvaluation: resolve,
      resolveObjectEvaluation: resolve,
    };
  };
  const wish = flagWish(OpenFeature.getClient(), { flag: "stage" });
  const did = async (answer: (fallback: unknown) => object) => {
    await OpenFeature.setProviderAndWait(answering(answer));
    return (await followOnce(move, wish)).did;
  };
  expect(await did(() => ({ value: "dualwrite", reason: "STALE" }))).toBe("nothing");
  expect(await did(() => ({ value: "dualwrite", reason: "ERROR" }))).toBe("nothing");
  const fails = () => {
    throw new Error("unreachable");
  };
  expect(await did(fails)).toBe("nothing");
  expect(await did((value) => ({ value, reason: "DEFAULT" }))).toBe("nothing");
  expect(await did((value) => ({ value }))).toBe("nothing");
  expect(await stage()).toBe("off");
  expect(await did(() => ({ value: "dualwrite", reason: "DEFAULT" }))).toBe("advance");
});

it("law S5: a follower goes on by itself, tells each reason once, and ends with its step", async () => {
  const file = join(folder, "stage");
  const reports: string[] = [];
  const following = follow(move, fileWish(file), {
    everyMs: 20,
    onReport: ({ stage: at, did }) => {
      reports.push(`${did} ${at}`);
      throw new Error("a listener's own affair");
    },
  });
  await expect.poll(() => reports).toEqual(["nothing off"]);
  writeFileSync(file, "dualwrite");
  await expect.poll(() => reports, { timeout: 10_000 }).toHaveLength(3);
  writeFileSync(file, "off");
  await expect.poll(() => reports, { timeout: 10_000 }).toHaveLength(5);
  await following[Symbol.asyncDispose]();
  expect(reports).toEqual([
    "nothing off",
    "advance dualwrite",
    "nothing dualwrite",
    "back off",
    "nothing off",
  ]);
  writeFileSync(file, "dualwrite");
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(await stage()).toBe("off");
});

it("law S5: of two followers that race, the one that comes too late says so", async () => {
  process.env["OUTGROW_STAGE"] = "dualwrite";
  const both = await Promise.all([1, 2].map(() => followOnce(move, environmentWish())));
  expect(both.filter(({ did }) => did === "advance").length).toBeGreaterThan(0);
  for (const { did, because, warning } of both) {
    if (did === "nothing" && warning !== undefined) expect(because).toBe(warning.message);
  }
  expect(await stage()).toBe("dualwrite");
});
