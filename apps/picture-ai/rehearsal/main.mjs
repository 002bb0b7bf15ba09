/**
 * PictureAi under concurrent users, in two processes, from its JSON file to its database: off, dualwrite, shadow, live,
 * back to shadow, live, rampdown, complete. With faults each change of stage meets one: a process is killed or sleeps
 * through it, the database's connections are cut, it freezes for longer than any time limit, it is killed.
 */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openTarget, storeOver } from "outgrow";
import { openJsonFile } from "outgrow/drivers/json-file";
import { openMove } from "outgrow/move";
import { closeHolds } from "../dist/generate.js";
import { FILE_COLLECTIONS, MOVE, PLACES } from "../dist/move.js";
import { openStorage } from "../dist/storage.js";
import { startStripeFake } from "../dist/stripe-fake.js";
import { checkBooks, compareSides, printOf } from "./books.mjs";
import { Crowd } from "./crowd.mjs";
import { Faults, Troubles } from "./faults.mjs";
import { openPlace } from "./place.mjs";
import { Servers } from "./servers.mjs";
import { travel } from "./travel.mjs";

const USERS = 8;
/** Failures; most of the time one brings others. */
const MOST_TOLD = 20;
const HOUR_MS = 3_600_000;

export function seeded(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const COUNTS = [
  ["requests", "reads", "looksBehindChanges", "pictures", "purchases", "registrations", "refusals"],
  ["unknown", "unavailable", "askedAgain", "webhooksAgain", "held", "failed", "slowestMs"],
  [
    "kills",
    "sleeps",
    "sleptThroughChanges",
    "answersAfterSleep",
    "looksAtSleepers",
    "cuts",
    "cutConnections",
  ],
  [
    "freezes",
    "answeredWithoutTarget",
    "crashes",
    "conductorAgain",
    "comparedRecords",
    "creditsGivenBack",
  ],
];

/** What has to have happened, or nothing was proved. */
const REACHED = [
  "pictures",
  "purchases",
  "reads",
  "looksBehindChanges",
  "registrations",
  "comparedRecords",
];
const REACHED_WITH_FAULTS = ["kills", "sleptThroughChanges", "looksAtSleepers", "askedAgain"];
const REACHED_WITH_SERVER = ["cutConnections", "freezes", "answeredWithoutTarget", "crashes"];

/**
 * @param options target: `postgres` (a server of its own), `pglite`, or an address; isBrief: fewer people, shorter stages.
 * @returns whether every claim held.
 */
export async function rehearse({ seed, faults, target: kind, isBrief, root }) {
  const folder = mkdtempSync(join(tmpdir(), "rehearsal-"));
  const file = join(folder, "data", "database.json");
  mkdirSync(join(folder, "data"));
  copyFileSync(join(root, "apps/picture-ai/demo/database.json"), file);
  const counts = Object.fromEntries(COUNTS.flat().map((name) => [name, 0]));
  let failures = 0;
  const beganAt = performance.now();
  const place = await openPlace(kind, folder);
  const way = { at: "off" };
  const fail = (text) => {
    const seconds = ((performance.now() - beganAt) / 1000).toFixed(1);
    if (++failures <= MOST_TOLD) console.log(`  FAILED after ${seconds} s, ${way.at}: ${text}`);
  };
  const stripe = await startStripeFake();
  const troubles = new Troubles();
  const servers = new Servers({
    MOVE_TARGET: place.address,
    DATABASE_FILE: file,
    SESSION_SECRET: "rehearsal-rehearsal-rehearsal-32",
    STRIPE_SECRET_KEY: stripe.secretKey,
    STRIPE_WEBHOOK_SECRET: stripe.webhookSecret,
    STRIPE_SERVER: stripe.server,
  });
  const world = { servers, stripe, troubles, counts, fail };
  const crowd = new Crowd({ seed, seeded, world });
  const trip = { folder, file, place, servers, crowd, counts, fail, way, isBrief };
  try {
    const random = seeded(seed);
    const lock = join(folder, "data", ".outgrow", "database.json.lock");
    const parts = { servers, place, crowd, lock, counts, troubles, random, isBrief };
    await journey({ ...trip, faults: faults ? new Faults(parts) : undefined });
  } catch (error) {
    fail(`${error.code ?? error.name}: ${error.message}${error.code ? "" : `\n${error.stack}`}`);
  } finally {
    await crowd.leave();
    await servers.stop();
    for (const death of servers.died) fail(death);
    await stripe[Symbol.asyncDispose]();
    await place.stop();
  }
  const reached = [
    ...REACHED,
    ...(faults ? REACHED_WITH_FAULTS : []),
    ...(faults && place.server !== undefined ? REACHED_WITH_SERVER : []),
  ];
  const kept = told(counts, failures, reached);
  if (kept) rmSync(folder, { recursive: true, force: true });
  else console.log(`  what is left of it: ${folder}`);
  return kept;
}

async function journey(trip) {
  const source = openJsonFile(trip.file, { collections: FILE_COLLECTIONS });
  const target = await openTarget(trip.place.address);
  try {
    const move = await openMove({
      name: MOVE,
      source,
      target,
      layout: PLACES,
      limits: {
        minCompared: trip.isBrief ? 3 : 10,
        holdMs: 1000,
        maxSlowdown: 20,
        goodLatencyMs: Number.POSITIVE_INFINITY,
      },
      by: "rehearsal",
    });
    await conducted({ ...trip, source, target, move });
  } finally {
    await target[Symbol.asyncDispose]();
  }
}

async function conducted(trip) {
  const { file, source, target, move, servers, crowd, counts, fail } = trip;
  await servers.start(2);
  await crowd.enter(trip.isBrief ? USERS / 2 : USERS);
  const driver = async () => (await target.live.side(MOVE)).driver;
  const collections = [...FILE_COLLECTIONS.map(({ name }) => name), "document"];
  const bothSides = async () => {
    await crowd.pause();
    const side = await target.live.side(MOVE);
    await compareSides({ move, source, side, collections, counts, fail });
    await checkBooks({ driver: side.driver, visitors: crowd.visitors, where: "target", fail });
    await checkBooks({ driver: source.driver, visitors: crowd.visitors, where: "source", fail });
    crowd.resume();
  };
  await travel({ ...trip, bothSides });
  const left = printOf(file);
  await sleep(1000);
  await crowd.leave();
  for (const visitor of crowd.visitors) await visitor.lookAtAll();
  if (printOf(file) !== left) fail("complete: the source was written to");
  const books = { driver: await driver(), visitors: crowd.visitors, fail };
  await checkBooks({ ...books, where: "complete" });
  // What dead processes had set aside is given back by the app's own sweep, in its time.
  const storage = openStorage(storeOver(books.driver));
  counts.creditsGivenBack = await closeHolds(storage, Date.now() + HOUR_MS);
  const { held } = counts;
  if (counts.creditsGivenBack > held) fail(`${counts.creditsGivenBack} of ${held} were given back`);
}

/** Prints what was reached. @returns whether every claim held. */
function told(counts, failures, reached) {
  for (const names of COUNTS) {
    console.log(`  ${names.map((name) => `${name}: ${counts[name]}`).join(", ")}`);
  }
  if (failures > MOST_TOLD) console.log(`  and ${failures - MOST_TOLD} more have failed`);
  const missing = reached.filter((name) => counts[name] === 0);
  if (missing.length > 0) console.log(`  not reached: ${missing.join(", ")}`);
  return failures === 0 && missing.length === 0;
}
