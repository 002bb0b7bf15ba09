/** The way through the stages, as a person conducts it: wait for the gates, work, change the stage, look at both sides. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const STAGE_MS = 2000;
const BRIEF_STAGE_MS = 500;
/** How often somebody tries again what the move says may be tried again. */
const PATIENCE = 12;

const PATH = [
  { to: "dualwrite" },
  { to: "shadow", work: "copy", isCompared: true, isFrozenAtRest: true },
  { to: "live", isCompared: true },
  { to: "shadow", isBack: true, isCompared: true },
  { to: "live", work: "verify", isCompared: true },
  { to: "rampdown", isCompared: true },
  { to: "complete", work: "backup" },
];

export async function travel(trip) {
  const { crowd, counts, faults, isBrief, way, bothSides } = trip;
  const conductor = new Conductor(trip);
  const stageMs = isBrief ? BRIEF_STAGE_MS : STAGE_MS;
  const kinds = faults?.kinds(PATH.length) ?? [];
  await sleep(stageMs / 2);
  for (const [index, step] of PATH.entries()) {
    if (step.work !== undefined) await conductor.patient(() => conductor[step.work]());
    if (!step.isBack) await conductor.open(step.to);
    const beganAt = performance.now();
    const before = { ...counts };
    const kind = kinds[index];
    const change = () => conductor.change(step);
    way.at = `${way.at} -> ${step.to}${kind === undefined ? "" : ` (${kind})`}`;
    const { stage, epoch } = await (kind === undefined ? change() : faults.around(kind, change));
    const ms = Math.round(performance.now() - beganAt);
    await lookBehind(trip);
    const lost = (name) => `${counts[name] - before[name]} ${name}`;
    const told = kind === undefined ? "" : `: ${kind} (${lost("unknown")}, ${lost("unavailable")})`;
    console.log(`  ${stage} (epoch ${epoch}) after ${ms} ms${told}`);
    way.at = stage;
    if (step.isFrozenAtRest) await faults?.freezeAtRest();
    // New visitors come in every stage.
    await Promise.all([crowd.enter(1), sleep(stageMs)]);
    if (step.isCompared) await conductor.patient(bothSides);
  }
}

/** Right behind a change, of every process: one that has not heard of it yet must not serve by the stage before. */
async function lookBehind({ crowd, servers }) {
  const looks = [];
  for (let round = 0; round < 4; round++) {
    await sleep(100);
    for (const server of servers.all.filter(({ up }) => up)) {
      looks.push(...crowd.visitors.map((visitor) => visitor.peek(server, "looksBehindChanges")));
    }
  }
  await Promise.all(looks);
}

class Conductor {
  #trip;

  constructor(trip) {
    this.#trip = trip;
  }

  #again({ code, message }) {
    this.#trip.counts.conductorAgain++;
    console.log(`  again: ${code} ${message}`);
  }

  /** What an error says may be tried again is. */
  async patient(work) {
    const { faults } = this.#trip;
    for (let attempt = 1; ; attempt++) {
      try {
        return await work();
      } catch (error) {
        if (faults === undefined || error.retry !== true || attempt === PATIENCE) throw error;
        this.#again(error);
        await sleep(500);
      }
    }
  }

  async copy() {
    await this.#trip.move.copy();
    await this.verify();
  }

  async verify() {
    const { clean, differences } = await this.#trip.move.verify();
    if (!clean) throw new Error(`verify found ${differences.length} differences`);
  }

  async backup() {
    const { move, folder } = this.#trip;
    const { restored } = await move.backup(join(folder, "backups"));
    if (!restored) throw new Error("the backup is not whole");
    await move.confirm("rehearsal");
  }

  /** Waits until all gates into the next stage are open. */
  async open(step) {
    for (let tries = 0; ; tries++) {
      const { gates } = await this.patient(() => this.#trip.move.gates());
      const closed = gates.filter((gate) => gate.closed !== undefined);
      if (closed.length === 0) return;
      if (tries > 300) throw new Error(`${step}: ${closed[0].closed}`);
      await sleep(100);
    }
  }

  /**
   * A change that was taken back, since a killed process did not let go in time, is begun again; so is one whose gate
   * closed between the look and the step. One that ended half-way is ended first.
   */
  async change({ to, isBack }) {
    const { move, faults } = this.#trip;
    for (let attempt = 1; ; attempt++) {
      try {
        if (!isBack) await this.open(to);
        return await (isBack ? move.back() : move.advance(to));
      } catch (error) {
        const isGate = error.code === "GATE_CLOSED";
        if (attempt === PATIENCE || !(isGate || (faults !== undefined && error.retry))) throw error;
        this.#again(error);
        const state = await this.patient(() => move.resume());
        if (state.stage === to) return state;
      }
    }
  }
}
