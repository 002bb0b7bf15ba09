/**
 * PictureAi under concurrent users, in two processes, from its JSON file to its database: off, dualwrite, shadow, live,
 * back to shadow, live, rampdown, complete. With faults: processes are killed, one sleeps through a change of stage,
 * connections of the database are cut.
 */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openTarget } from "outgrow";
import { openJsonFile } from "outgrow/drivers/json-file";
import { openMove } from "outgrow/move";
import { FILE_COLLECTIONS, MOVE, PLACES } from "../dist/move.js";
import { Servers } from "./servers.mjs";
import { Visitor } from "./visitor.mjs";

const USERS = 8;
const STAGE_MS = 4000;

function seeded(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** @returns whether every claim held. */
export async function rehearse({ seed, faults, root }) {
  const folder = mkdtempSync(join(tmpdir(), "rehearsal-"));
  const file = join(folder, "data", "database.json");
  mkdirSync(join(folder, "data"));
  copyFileSync(join(root, "apps/picture-ai/demo/database.json"), file);
  const address = process.env.DATABASE_URL ?? `pglite:${join(folder, "postgres")}`;
  const counts = {
    requests: 0,
    failed: 0,
    unknown: 0,
    unavailable: 0,
    pictures: 0,
    purchases: 0,
    reads: 0,
    kills: 0,
    sleeps: 0,
    cuts: 0,
  };
  const failures = [];
  const fail = (text) => failures.push(text);
  const source = openJsonFile(file, { collections: FILE_COLLECTIONS });
  const target = await openTarget(address);
  const move = await openMove({
    name: MOVE,
    source,
    target,
    layout: PLACES,
    limits: { minCompared: 20, holdMs: 1000, maxSlowdown: 20, goodLatencyMs: 500 },
    by: "rehearsal",
  });
  const servers = new Servers({
    MOVE_TARGET: address,
    DATABASE_FILE: file,
    SESSION_SECRET: "rehearsal-rehearsal-rehearsal-32",
  });
  const random = seeded(seed);
  const visitors = [];
  let going = true;
  try {
    await servers.start(2);
    for (let index = 0; index < USERS; index++) {
      const own = seeded(seed + index + 1);
      visitors.push(new Visitor({ name: `user${index}`, servers, random: own, counts, fail }));
    }
    await Promise.all(visitors.map((visitor) => visitor.register()));
    const traffic = Promise.all(
      visitors.map(async (visitor) => {
        while (going) {
          await visitor.act();
          await sleep(20 + visitor.random() * 60);
        }
      }),
    );
    await travel({ move, servers, random, faults, counts, address });
    await sleep(1000);
    going = false;
    await traffic;
    // What is still on its way from a process that was killed arrives within the webhooks' retries.
    if (!servers.calm) await sleep(12_000);
    for (const visitor of visitors) await visitor.lookAtAll();
    await checkBooks(target, visitors, fail);
    for (const death of servers.died) fail(death);
  } catch (error) {
    fail(`${error.code ?? error.name}: ${error.message}`);
  } finally {
    going = false;
    await servers.stop();
    await move[Symbol.asyncDispose]();
    await target[Symbol.asyncDispose]();
  }
  const kept = told(counts, failures, faults);
  if (kept) rmSync(folder, { recursive: true, force: true });
  return kept;
}

/** Prints what was reached and what failed. @returns whether every claim held. */
function told(counts, failures, faults) {
  const words = Object.entries(counts).map(([name, count]) => `${name}: ${count}`);
  console.log(words.join(", "));
  for (const failure of failures.slice(0, 20)) console.log(`  ${failure}`);
  if (failures.length > 20) console.log(`  and ${failures.length - 20} more`);
  const { pictures, purchases, reads, kills } = counts;
  const reached = pictures > 0 && purchases > 0 && reads > 0 && (!faults || kills > 0);
  if (!reached) console.log("  not all that is to be tried was reached");
  return failures.length === 0 && reached;
}

const PATH = [
  ["dualwrite", undefined],
  ["shadow", "copy"],
  ["live", "wait"],
  ["back", "wait"],
  ["live", "verify"],
  ["rampdown", "wait"],
  ["complete", "backup"],
];

async function travel({ move, servers, random, faults, counts, address }) {
  await sleep(STAGE_MS / 2);
  for (const [step, work] of PATH) {
    if (work === "copy" || work === "verify") {
      if (work === "copy") await move.copy();
      const { clean, differences } = await move.verify();
      if (!clean) throw new Error(`verify found ${differences.length} differences`);
    }
    if (work === "backup") {
      const { restored } = await move.backup(join(tmpdir(), "rehearsal-backups"));
      if (!restored) throw new Error("the backup is not whole");
      await move.confirm("rehearsal");
    }
    if (step !== "back") await open(move, step);
    const disturbance = faults ? disturb({ servers, random, counts, address }) : Promise.resolve();
    const startedAt = performance.now();
    const { stage, epoch } =
      step === "back" ? await retried(() => move.back()) : await retried(() => enter(move, step));
    console.log(
      `  ${stage} (epoch ${epoch}) after ${Math.round(performance.now() - startedAt)} ms`,
    );
    await disturbance;
    await sleep(STAGE_MS);
  }
}

const LOST = ["OUTCOME_UNKNOWN", "TARGET_UNREACHABLE", "TARGET_BUSY", "STAGE_TAKEN", "FENCED"];

async function enter(move, step) {
  try {
    await open(move, step);
    return await move.advance(step);
  } catch (error) {
    // The conductor's own connection was cut: it looks where the change stands, and ends it.
    if (!LOST.includes(error.code)) throw error;
    const state = await move.resume();
    return state.stage === step ? state : move.advance(step);
  }
}

/**
 * A change that was taken back, since a killed process did not let go in time, is begun again; so is one whose gate
 * closed between the look and the step.
 */
async function retried(change) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await change();
    } catch (error) {
      if (!["STAGE_CHANGING", "GATE_CLOSED"].includes(error.code) || attempt === 5) throw error;
    }
  }
}

async function open(move, step) {
  for (let tries = 0; ; tries++) {
    const { gates } = await move.gates();
    const closed = gates.filter((gate) => gate.closed !== undefined);
    if (closed.length === 0) return;
    if (tries > 300) throw new Error(`${step}: ${closed[0].closed}`);
    await sleep(100);
  }
}

/** While the stage changes: one process is killed, or sleeps through it, or the database's connections are cut. */
async function disturb({ servers, random, counts, address }) {
  const lot = random();
  const index = Math.floor(random() * 2);
  await sleep(random() * 200);
  if (lot < 0.4) {
    counts.kills++;
    await servers.kill(index);
  } else if (lot < 0.75 || address.startsWith("pglite:")) {
    counts.sleeps++;
    servers.freeze(index);
    await sleep(7000);
    servers.thaw(index);
    counts.kills++;
    await servers.kill(1 - index);
  } else {
    counts.cuts += await cut(address);
    counts.kills++;
    await servers.kill(index);
  }
}

async function cut(address) {
  const { default: pg } = await import("pg");
  const client = new pg.Client(address);
  await client.connect();
  try {
    const { rows } = await client.query(
      "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()",
    );
    return Number(rows[0].count);
  } finally {
    await client.end();
  }
}

/** The target's own books: balance = 3 + bought - used for everybody who came today, by their transactions. */
async function checkBooks(target, visitors, fail) {
  const driver = await target.open(MOVE);
  const all = async (collection) => {
    const found = [];
    for await (const batch of driver.scan({ tenant: "default", collection })) found.push(...batch);
    return found.map(({ value }) => value);
  };
  const [users, transactions, holds] = await Promise.all([
    all("users"),
    all("transactions"),
    all("holds"),
  ]);
  for (const visitor of visitors) {
    const user = users.find(({ email }) => email === `${visitor.name}@mail.example`);
    if (user === undefined) {
      fail(`${visitor.name} is not in the target`);
      continue;
    }
    const own = transactions.filter(({ user_id }) => user_id === user.id);
    const held = holds.filter(
      ({ user_id, state }) => user_id === user.id && state === "open",
    ).length;
    const sum = own.reduce((balance, { credits }) => balance + credits, 3) - held;
    if (sum !== user.credits)
      fail(`${visitor.name}: transactions say ${sum}, the balance is ${user.credits}`);
    if (!visitor.balances.has(user.credits)) {
      fail(`${visitor.name}: has ${user.credits}, was told ${[...visitor.balances].join(" or ")}`);
    }
  }
}
