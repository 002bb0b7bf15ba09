/** What is done to the servers and to the database while a stage changes, and what that may be an excuse for. */
import { setTimeout as sleep } from "node:timers/promises";

/** Longer than a process may go by what it knows of the stage, so that the change goes on without it. */
const SLEEP_MS = 6000;
/** From then on others may have waited in vain for a lock that it holds. */
const PATIENCE_MS = 9000;
/** How long people go on behind a change before they ask the sleeper. */
const NEWS_MS = 1200;
const LONGEST_SLEEP_MS = 25_000;
/** Longer than any time limit of a change or of a write that waits for one. */
const FREEZE_MS = 17_000;
const BRIEF_FREEZE_MS = 7000;
/** Longer than a process's view of the stage is good. */
const REST_FREEZE_MS = 7000;

/** When the database was not to be had, so that the app may say 503 where it needs it. */
export class Troubles {
  #all = [];

  begin() {
    const trouble = { to: Number.POSITIVE_INFINITY };
    this.#all.push(trouble);
    return trouble;
  }

  end(trouble) {
    trouble.to = performance.now();
  }

  /** Whether there was any trouble from then until now. */
  excuse(from) {
    return this.#all.some(({ to }) => to >= from);
  }
}

export class Faults {
  /** @param parts servers, place, crowd, lock, counts, troubles, random, isBrief */
  constructor(parts) {
    Object.assign(this, parts);
  }

  /** One kind of fault for each of so many changes: every kind that is possible, in an order by lot. */
  kinds(count) {
    const { server } = this.place;
    const all =
      server === undefined ? ["kill", "sleep"] : ["kill", "sleep", "cut", "freeze", "crash"];
    const kinds = [];
    while (kinds.length < count - 1) kinds.push(...this.#shuffled(all));
    // Behind the last change the source is kept no more: whoever still goes by it is found out.
    return [...kinds.slice(0, count - 1), "sleep"];
  }

  #shuffled(all) {
    const left = [...all];
    return all.map(() => left.splice(Math.floor(this.random() * left.length), 1)[0]);
  }

  /** Changes the stage while a fault of this kind happens. @returns what the change does. */
  async around(kind, change) {
    const touchesDatabase = ["cut", "freeze", "crash"].includes(kind);
    const trouble = touchesDatabase ? this.troubles.begin() : undefined;
    const index = Math.floor(this.random() * 2);
    if (kind === "sleep") await this.#fallAsleep(index);
    const changing = change();
    const [result, fault] = await Promise.allSettled([
      changing,
      this.#happen(kind, index, changing),
    ]);
    if (trouble !== undefined) this.troubles.end(trouble);
    if (fault.status === "rejected") throw fault.reason;
    if (result.status === "rejected") throw result.reason;
    return result.value;
  }

  async #happen(kind, index, changing) {
    if (kind === "sleep") return this.#sleep(index, changing);
    await sleep(this.random() * 1200);
    if (kind === "kill") {
      this.counts.kills++;
      await this.servers.kill(index);
    } else if (kind === "cut") await this.#cut(changing);
    else if (kind === "freeze") await this.freeze(this.isBrief ? BRIEF_FREEZE_MS : FREEZE_MS);
    else {
      this.counts.crashes++;
      await this.place.server.crash();
    }
  }

  /** Not with the file's lock in its hand: all would wait for it to wake, and nothing would change meanwhile. */
  async #fallAsleep(index) {
    for (;;) {
      this.servers.freeze(index);
      if (!this.servers.holds(index, this.lock)) return;
      this.servers.thaw(index);
      await sleep(1 + this.random() * 20);
    }
  }

  /** It has slept through the change when that was done before it woke. */
  async #sleep(index, changing) {
    let isOver = false;
    const watch = () => {
      isOver = true;
    };
    changing.then(watch, watch);
    const fellAsleepAt = performance.now();
    const sleptMs = () => performance.now() - fellAsleepAt;
    let trouble;
    while (sleptMs() < SLEEP_MS || (!isOver && sleptMs() < LONGEST_SLEEP_MS)) {
      if (sleptMs() > PATIENCE_MS) trouble ??= this.troubles.begin();
      await sleep(50);
    }
    const looks = isOver ? await this.#lookAt(index) : [];
    this.servers.thaw(index);
    if (trouble !== undefined) this.troubles.end(trouble);
    await Promise.all(looks);
    this.counts.sleeps++;
    if (isOver) this.counts.sleptThroughChanges++;
  }

  /** Behind the change, when something has been written that only the new stage's authority has. */
  async #lookAt(index) {
    await sleep(NEWS_MS);
    const server = this.servers.all[index];
    const looks = this.crowd.visitors.map((visitor) => visitor.peek(server, "looksAtSleepers"));
    await sleep(NEWS_MS / 4);
    return looks;
  }

  /** Again and again until the change is over, as a bad line would. */
  async #cut(changing) {
    let isOver = false;
    const watch = () => {
      isOver = true;
    };
    changing.then(watch, watch);
    for (let round = 0; round < 12 && !(isOver && round > 0); round++) {
      this.counts.cutConnections += await this.place.server.cut();
      await sleep(50 + this.random() * 400);
    }
    this.counts.cuts++;
  }

  /** Where the source has the last word and no stage changes, the app goes on without the database. */
  async freezeAtRest() {
    if (this.place.server === undefined) return;
    const before = this.counts.requests;
    await this.freeze(REST_FREEZE_MS);
    this.counts.answeredWithoutTarget += this.counts.requests - before;
  }

  /** The database does not answer, and does not say so. */
  async freeze(ms) {
    await this.place.server.freeze();
    this.counts.freezes++;
    await sleep(ms);
    this.place.server.thaw();
  }
}
