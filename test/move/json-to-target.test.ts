/** A JSON file under an app's writes moves to a real store and back and over, through every stage. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { collection } from "../../src/collection/define.ts";
import { shape } from "../../src/collection/shape.ts";
import { openJsonFile } from "../../src/drivers/json-file/index.ts";
import { type LiveMove, type MoveOptions, openMove } from "../../src/move/index.ts";
import { LIVE_PLACES, type LivePlace, OWN_KEYS } from "../support/live-place.ts";

interface User {
  readonly id: number;
  readonly email: string;
  readonly credits: number;
}

const Users = collection("users", {
  schema: shape<User>({ id: ["number"], email: ["string"], credits: ["number"] }),
  key: "id",
  indexes: ["email"],
});

let folder: string;
let path: string;
let place: LivePlace;
const closing: AsyncDisposable[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "outgrow-move-"));
  path = join(folder, "database.json");
  const users = Array.from({ length: 50 }, (_, index) => ({
    id: index + 1,
    email: `u${index + 1}@x.example`,
    credits: 3,
  }));
  writeFileSync(path, JSON.stringify({ users, nextUserId: 51 }, null, 2));
});
afterEach(async () => {
  for (const one of closing.splice(0).reverse()) await one[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const WAYS = LIVE_PLACES.flatMap(([name, make]) => {
  const plain = [name, make, undefined] as const;
  return name === "Postgres"
    ? [plain]
    : ([plain, [`${name}, under its own keys`, make, OWN_KEYS]] as const);
});

async function open(layout: MoveOptions["layout"]): Promise<LiveMove> {
  const target = await place.open();
  const move = await openMove({
    name: "app",
    source: openJsonFile(path, { collections: [{ name: "users", key: "id" }] }),
    target,
    layout,
    limits: { minCompared: 5, holdMs: 0, goodLatencyMs: 10_000 },
    compare: { sample: 1 },
    refreshMs: 100,
  });
  closing.push(target, move);
  return move;
}

const onFile = (): User[] => (JSON.parse(readFileSync(path, "utf8")) as { users: User[] }).users;

it.each(WAYS)(
  "law S2, S3, S6: into %s through all stages, back from live and over, with two processes that write at each",
  async (_, make, layout) => {
    place = await make();
    closing.push(place);
    const [one, two, conductor] = [await open(layout), await open(layout), await open(layout)];
    const stores = [await one.store(), await two.store()];
    const users = stores.map((store) => store.collection(Users));
    const seen: string[] = [];
    let id = 100;
    const work = async (): Promise<void> => {
      const { stage } = (await conductor.status()).state;
      seen.push(stage);
      for (const [index, mine] of users.entries()) {
        await mine.put({ id: ++id, email: `${stage}${id}@x.example`, credits: index });
        await mine.delete(id - 1);
        // Both processes see what either has written, whatever it stands on.
        expect(await users[1 - index]?.get(id)).toMatchObject({ id, credits: index });
        await stores[index]?.transaction(async (tx) => {
          const found = await tx.collection(Users).get(1);
          if (found !== undefined)
            await tx.collection(Users).put({ ...found, credits: found.credits + 1 });
        });
        for (let n = 2; n < 8; n++) await mine.get(n);
      }
    };
    await work();
    await conductor.advance("dualwrite");
    await work();
    await expect(conductor.advance()).rejects.toMatchObject({ code: "GATE_CLOSED" });
    const copied = conductor.copy();
    await work();
    await copied;
    expect(await conductor.verify()).toMatchObject({ clean: true });
    await conductor.advance("shadow");
    await work();
    await comparedEnough(conductor);
    await conductor.advance("live");
    await work();
    await conductor.back();
    await work();
    await comparedEnough(conductor);
    await conductor.verify();
    await conductor.advance("live");
    await work();
    await comparedEnough(conductor);
    await conductor.advance("rampdown");
    await work();
    await expect(conductor.advance()).rejects.toMatchObject({ code: "GATE_CLOSED" });
    const { restored } = await conductor.backup(folder);
    expect(restored).toBe(true);
    await conductor.confirm("A. Person");
    const before = onFile().length;
    await conductor.advance("complete");
    expect(seen).toEqual([
      "off",
      "dualwrite",
      "dualwrite",
      "shadow",
      "live",
      "shadow",
      "live",
      "rampdown",
    ]);
    const all = (await users[0]?.query({ limit: 1000 }))?.records ?? [];
    const key = (user: User): number => user.id;
    expect([...onFile()].sort((a, b) => key(a) - key(b))).toEqual(
      [...all].sort((a, b) => key(a) - key(b)),
    );
    expect(all.find((user) => user.id === 1)?.credits).toBe(3 + 2 * seen.length);
    await work();
    expect(onFile()).toHaveLength(before);
    await expect(conductor.back()).rejects.toMatchObject({ code: "STAGE_FINAL" });
  },
  120_000,
);

async function comparedEnough(move: LiveMove): Promise<void> {
  await expect
    .poll(async () => (await move.gates()).gates.filter((gate) => gate.closed), { timeout: 10_000 })
    .toEqual([]);
}
