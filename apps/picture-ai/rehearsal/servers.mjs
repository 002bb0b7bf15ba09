/** The app's processes: started, killed, frozen and started again. */
import { spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("../dist/server.js", import.meta.url));

export class Servers {
  #all = [];
  /** Whether no process has been killed or frozen that might still have something under way. */
  calm = true;
  /** What servers said that ended without being told to. */
  died = [];

  constructor(environment) {
    this.environment = environment;
  }

  async start(count) {
    for (let index = 0; index < count; index++) {
      const server = {
        generation: 0,
        up: false,
        frozen: false,
        origin: "",
        child: undefined,
        said: "",
      };
      this.#all.push(server);
      await this.#run(server);
    }
  }

  get all() {
    return this.#all;
  }

  async #run(server) {
    server.child = spawn(process.execPath, [program], {
      env: { ...process.env, ...this.environment, PORT: "0" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const hear = (bytes) => {
      server.said = `${server.said}${bytes}`.slice(-10_000);
      const origin = /PictureAi: (http:\S+)/.exec(String(bytes))?.[1];
      if (origin !== undefined) Object.assign(server, { origin, up: true });
    };
    const { generation } = server;
    server.child.once("exit", (code, signal) => {
      if (!server.up || server.generation !== generation) return;
      server.up = false;
      this.died.push(`a server ended by itself (${code ?? signal}): ${server.said.slice(-2000)}`);
    });
    server.child.stdout.on("data", hear);
    server.child.stderr.on("data", hear);
    for (let tries = 0; !server.up; tries++) {
      if (tries > 600 || server.child.exitCode !== null)
        throw new Error(`a server did not start: ${server.said}`);
      await sleep(50);
    }
  }

  /** One that answers, by lot. */
  any(random) {
    const up = this.#all.filter((server) => server.up && !server.frozen);
    const server = up[Math.floor(random() * up.length)];
    return { origin: server.origin, generation: server.generation, server };
  }

  async kill(index) {
    const server = this.#all[index];
    this.calm = false;
    server.up = false;
    server.generation++;
    server.child.kill("SIGKILL");
    await sleep(300);
    await this.#run(server);
  }

  freeze(index) {
    const server = this.#all[index];
    this.calm = false;
    server.frozen = true;
    server.child.kill("SIGSTOP");
  }

  thaw(index) {
    const server = this.#all[index];
    server.child.kill("SIGCONT");
    server.frozen = false;
  }

  async stop() {
    for (const server of this.#all) {
      server.up = false;
      server.child.kill("SIGCONT");
      server.child.kill("SIGTERM");
    }
    await sleep(1000);
    for (const server of this.#all) server.child.kill("SIGKILL");
  }
}
