/**
 * An app that people use while its storage moves: a process of its own, as `live.mjs` starts it. Each of its users
 * waits for an answer, thinks, and asks again; one request in five spends a credit, in a transaction of two records.
 * What it measured since it was last asked is sent to whoever started it.
 */
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const { dist, address, file, users, clients, thinkMs } = JSON.parse(process.argv[2]);
const load = (path) => import(pathToFileURL(join(dist, path)).href);
const [{ openTarget, collection, shape }, { openJsonFile }, { openMove }] = await Promise.all([
  load("index.js"),
  load("drivers/json-file/index.js"),
  load("move/index.js"),
]);

const Users = collection("users", {
  schema: shape({ id: ["number"], credits: ["number"] }),
  key: "id",
});
const Transactions = collection("transactions", {
  schema: shape({ id: ["string"], user: ["number"], credits: ["number"] }),
  key: "id",
});

const target = await openTarget(address);
const source = openJsonFile(file, {
  collections: [
    { name: "users", key: "id" },
    { name: "transactions", key: "id" },
  ],
});
const move = await openMove({ name: "bench", source, target });
const store = await move.store();

let measured = { reads: [], writes: [], failed: [] };
let isOver = false;
let made = 0;

async function spend(id) {
  const transaction = `t-new-${process.pid}-${made++}`;
  await store.transaction(async (tx) => {
    const user = await tx.collection(Users).get(id);
    await tx.collection(Users).put({ ...user, credits: user.credits - 1 });
    const at = new Date().toISOString();
    await tx.collection(Transactions).put({ id: transaction, user: id, credits: -1, at });
  });
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function visit(number) {
  // Of one user at a time, so that no request waits for another's retries.
  for (let turn = 0; !isOver; turn++) {
    const id = 1 + ((turn * 7919 * clients + number * 104_729) % users);
    const writes = turn % 5 === number % 5;
    const startedAt = performance.now();
    try {
      if (writes) await spend(id);
      else if ((await store.collection(Users).get(id)) === undefined) throw new Error("no user");
      measured[writes ? "writes" : "reads"].push(performance.now() - startedAt);
    } catch (error) {
      measured.failed.push(error.code ?? error.message);
    }
    await pause(Math.random() * 2 * thinkMs);
  }
}

process.on("message", async (what) => {
  if (what === "measured") {
    process.send(measured);
    measured = { reads: [], writes: [], failed: [] };
    return;
  }
  isOver = true;
  await visits;
  await move[Symbol.asyncDispose]();
  await target[Symbol.asyncDispose]();
  process.send({ made });
  process.disconnect();
});
const visits = Promise.all(Array.from({ length: clients }, (_, number) => visit(number)));
process.send("ready");
