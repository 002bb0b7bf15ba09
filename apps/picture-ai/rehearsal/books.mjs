/** What the stores hold, against what the app has told its visitors, and against each other. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const TENANT = "default";
const EMPTY_MS = 30_000;
const FIRST_CREDITS = 3;

async function allOf(driver, collection) {
  const found = new Map();
  for await (const batch of driver.scan({ tenant: TENANT, collection })) {
    for (const { key, value, digest } of batch) {
      found.set(key, { value, digest: Buffer.from(digest).toString("hex") });
    }
  }
  return found;
}

/** What is acknowledged is delivered, once nobody writes: the authority's outbox becomes empty. */
async function emptied(move) {
  for (let waited = 0; ; waited += 100) {
    const { outbox } = await move.status();
    if (outbox === undefined || outbox.count === 0) return;
    if (waited > EMPTY_MS) throw new Error(`${outbox.count} records are not delivered`);
    await sleep(100);
  }
}

/** While both sides are kept and nobody writes: each record on both, the same. */
export async function compareSides({ move, source, side, collections, counts, fail }) {
  await emptied(move);
  const { state } = await move.status();
  for (const collection of collections) {
    const [ours, theirs] = await Promise.all([
      allOf(source.driver, collection),
      allOf(side.driver, collection),
    ]);
    for (const key of new Set([...ours.keys(), ...theirs.keys()])) {
      counts.comparedRecords++;
      const [one, other] = [ours.get(key)?.digest, theirs.get(key)?.digest];
      if (one !== other) {
        const where =
          one === undefined ? "target alone" : other === undefined ? "source alone" : "both";
        fail(`${state.stage} (epoch ${state.epoch}): ${collection} ${key} differs (${where})`);
      }
    }
  }
}

/** Every balance, picture and payment that a visitor was told of, and no others of theirs. */
export async function checkBooks({ driver, visitors, where, fail }) {
  const [users, transactions, holds, pictures, payments] = await Promise.all(
    ["users", "transactions", "holds", "pictures", "payments"].map(async (collection) =>
      [...(await allOf(driver, collection)).values()].map(({ value }) => value),
    ),
  );
  for (const visitor of visitors) {
    const say = (text) => fail(`${where}: ${visitor.name} ${text}`);
    const accounts = users.filter(({ email }) => email === `${visitor.name}@mail.example`);
    const [user] = accounts;
    if (accounts.length !== 1) {
      say(`has ${accounts.length} accounts`);
      continue;
    }
    const own = ({ user_id }) => user_id === user.id;
    const open = holds.filter((hold) => own(hold) && hold.state === "open");
    const sum = transactions.filter(own).reduce((all, { credits }) => all + credits, FIRST_CREDITS);
    if (sum - open.length !== user.credits) {
      say(`has ${user.credits} credits, the transactions say ${sum - open.length}`);
    }
    // Of an attempt whose process died all may have been written but the answer; or the sweep has given its credit back.
    const held = new Set(visitor.held.map(({ id }) => id));
    const back = holds.filter(({ id, state }) => held.has(id) && state === "voided").length;
    if (user.credits !== visitor.balance + back) {
      say(`has ${user.credits} credits, was told ${visitor.balance + back}`);
    }
    const made = pictures.filter(own).map(({ id }) => id);
    const promised = new Set([...visitor.pictures, ...held]);
    for (const id of visitor.pictures) if (!made.includes(id)) say(`lacks the picture ${id}`);
    for (const id of made) if (!promised.has(id)) say(`has a picture ${id} that nobody told of`);
    if (user.total_generated !== made.length) say("has another count of pictures than pictures");
    const bought = payments
      .filter(own)
      .map(({ id }) => id)
      .sort();
    if (bought.join() !== [...visitor.paid].sort().join()) say("has other payments than were made");
    for (const { id } of open) {
      if (!held.has(id)) say(`has a credit set aside (${id}) that nobody told of`);
    }
  }
}

export const printOf = (file) => createHash("sha256").update(readFileSync(file)).digest("hex");
