/** The app's processes: started, killed, frozen, and started again as a supervisor would. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("../dist/server.js", import.meta.url));
const START_MS = 90_000;
const END_MS = 10_000;
const WAKING_MS = 2000;

export class Servers {
  #all = [];
  #environment;
  /** What servers said that ended without being told to. */
  died = [];

  constructor(environment) {
    this.#environment = environment;
    // A rehearsal that is broken off leaves nobody behind.
    process.once("exit", () => {
      for (const { child } of this.#all) child?.kill("SIGKILL");
    });
  }

  get all() {
    return this.#all;
  }

  async start(count) {
    for (let index = 0; index < count; index++) {
      const server = {
        generation: 0,
        up: false,
        frozen: false,
        thawedAt: Number.NEGATIVE_INFINITY,
      };
      this.#all.push(server);
      await this.#run(server);
    }
  }

  /** Until it is up: a process that cannot begin, since its database does not answer, is begun again. */
  async #run(server) {
    const deadline = performance.now() + START_MS;
    for (;;) {
      if (await this.#begin(server)) return;
      if (performance.now() > deadline) throw new Error(`a server did not start: ${server.said}`);
      await sleep(500);
    }
  }

  async #begin(server) {
    const { generation } = server;
    const child = spawn(process.execPath, [program], {
      env: { ...process.env, ...this.#environment, PORT: "0" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    Object.assign(server, { child, said: "" });
    const hear = (bytes) => {
      server.said = `${server.said}${bytes}`.slice(-10_000);
      const origin = /PictureAi: (http:\S+)/.exec(server.said)?.[1];
      if (origin !== undefined && !server.up && server.generation === generation) {
        Object.assign(server, { origin, up: true });
      }
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    const ended = once(child, "exit").then(([code, signal]) => {
      if (!server.up || server.generation !== generation) return;
      Object.assign(server, { up: false, generation: generation + 1 });
      this.died.push(`a server ended by itself (${code ?? signal}): ${server.said.slice(-2000)}`);
      this.#run(server).catch(() => {});
    });
    for (;;) {
      if (server.up) return true;
      if (child.exitCode !== null || child.signalCode !== null) return false;
      await Promise.race([sleep(20), ended]);
    }
  }

  /** One that is up, by lot; `meetsSleepers`: also one that is frozen, and so will answer later. */
  async any(random, meetsSleepers = false) {
    for (;;) {
      const up = this.#all.filter((server) => server.up && (meetsSleepers || !server.frozen));
      const server = up[Math.floor(random() * up.length)];
      if (server !== undefined) {
        return { server, origin: server.origin, generation: server.generation };
      }
      await sleep(50);
    }
  }

  /** Noted before it is done: whoever asks it something at this moment knows why there is no answer. */
  async kill(index) {
    const server = this.#all[index];
    server.up = false;
    server.generation++;
    server.child.kill("SIGKILL");
    await sleep(300);
    await this.#run(server);
  }

  freeze(index) {
    const server = this.#all[index];
    server.frozen = true;
    server.child.kill("SIGSTOP");
  }

  /** Whether it has this lock file: one that is frozen keeps it. */
  holds(index, lock) {
    try {
      return JSON.parse(readFileSync(lock, "utf8")).pid === this.#all[index].child.pid;
    } catch {
      return false;
    }
  }

  thaw(index) {
    const server = this.#all[index];
    server.child.kill("SIGCONT");
    Object.assign(server, { frozen: false, thawedAt: performance.now() });
  }

  /** What it reported of an answer like this, which it did just now. */
  lastWords({ said = "" }, status) {
    const at = said.lastIndexOf(`${status} for `);
    const words = at < 0 ? undefined : /code: '(\w+)'[^{}]*(\{[^}]*\})?/.exec(said.slice(at));
    return words === undefined || words === null ? "" : `: ${words[0].replace(/\s+/g, " ")}`;
  }

  /** A process that wakes closes connections that were idle for too long, also under a request that is on its way. */
  hasJustSlept({ frozen, thawedAt }, beganAt) {
    return frozen || beganAt < thawedAt + WAKING_MS;
  }

  async stop() {
    await Promise.all(
      this.#all.map(async ({ child }, index) => {
        this.#all[index].up = false;
        if (child.exitCode !== null || child.signalCode !== null) return;
        const ended = once(child, "exit");
        child.kill("SIGCONT");
        child.kill("SIGTERM");
        await Promise.race([ended, sleep(END_MS)]);
        child.kill("SIGKILL");
      }),
    );
  }
}
