/** Whoever changes the stage may die at any step of it: somebody else ends the change, or takes it back. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startMover } from "../support/fault-mover.ts";
import { LIVE_PLACES } from "../support/live-place.ts";

const STEPS = ["stage.pending", "stage.confirmed", "stage.fenced", "stage.drained", "stage.flip"];
let folder: string;
let config: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "outgrow-conductor-"));
  const file = join(folder, "database.json");
  writeFileSync(file, JSON.stringify({ users: [{ id: 1 }, { id: 2 }] }));
  config = join(folder, "outgrow.config.mjs");
  const live = { jsonFile: file, collections: [{ name: "users", key: "id" }] };
  writeFileSync(config, `export default ${JSON.stringify({ move: "app", live })};`);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// How a Redis is asked makes no difference to this.
describe.each(LIVE_PLACES.slice(0, 2))("into %s", (_, make) => {
  it.each(STEPS)(
    "fault F36: killed at %s, the change is ended by the next who asks, or taken back",
    async (step) => {
      const place = await make();
      const run = async (words: readonly string[], failpoint?: string) => {
        const args = [...words, "--to", place.url, "--config", config, "--json"];
        const env = { ...place.env, ...(failpoint && { OUTGROW_FAILPOINT: failpoint }) };
        const { code, signal, stdout } = await startMover(args, env).ended;
        return { code, signal, said: stdout === "" ? {} : JSON.parse(stdout) };
      };
      try {
        expect(await run(["stage", "dualwrite"], `${step}=kill9`)).toMatchObject({
          signal: "SIGKILL",
        });
        const blocked = await run(["stage", "dualwrite"]);
        expect(blocked.said).toMatchObject({ ok: false, error: { code: "GATE_CLOSED" } });
        const back = await run(["stage", "--abort"]);
        expect(back.said).toMatchObject({ state: { stage: "off", epoch: 2 } });
        expect(await run(["stage", "dualwrite"], `${step}=kill9`)).toMatchObject({
          signal: "SIGKILL",
        });
        const ended = await run(["stage", "--resume"]);
        expect(ended.said).toMatchObject({ state: { stage: "dualwrite", epoch: 3 } });
        expect((await run(["copy"])).said).toMatchObject({ ok: true });
        expect((await run(["verify"])).said).toMatchObject({ ok: true, clean: true });
      } finally {
        await place[Symbol.asyncDispose]();
      }
    },
    60_000,
  );
});
