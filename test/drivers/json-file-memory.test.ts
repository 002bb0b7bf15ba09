/** A process that reads a file which others write keeps what the file holds now, and no earlier text of it. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { collection } from "../../src/collection/define.ts";
import { encodeKey } from "../../src/collection/key.ts";
import { shape } from "../../src/collection/shape.ts";
import { openJsonFile } from "../../src/drivers/json-file/index.ts";
import { storeOver } from "../../src/store/store.ts";

interface Note {
  readonly id: number;
  readonly text: string;
}
const Notes = collection("notes", { schema: shape<Note>({ id: ["number"] }), key: "id" });
const RECORDS = 100;
const RECORD_UNITS = 5000;

it("law P17: memory does not grow with the number of times that the file was written", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const folder = mkdtempSync(join(tmpdir(), "outgrow-memory-"));
  try {
    const path = join(folder, "notes.json");
    const note = (id: number, version: number): Note => {
      return { id, text: `${version} `.padEnd(RECORD_UNITS, "x") };
    };
    const notes = Array.from({ length: RECORDS }, (_, id) => note(id, 0));
    writeFileSync(path, JSON.stringify({ notes }));
    const options = { collections: [{ name: "notes", key: "id" }] };
    const writer = storeOver(openJsonFile(path, options).driver).collection(Notes);
    const reader = openJsonFile(path, options).driver;
    const read = async (id: number): Promise<unknown> => {
      const at = { tenant: "default", collection: "notes" };
      return (await reader.read(at, [encodeKey(id)]))[0]?.value;
    };
    expect(await read(0)).toEqual(note(0, 0));
    collect();
    const before = process.memoryUsage().heapUsed;
    for (let id = 0; id < RECORDS; id++) {
      await writer.put(note(id, 1));
      expect(await read(id)).toEqual(note(id, 1));
    }
    collect();
    const grown = process.memoryUsage().heapUsed - before;
    // The file's text is a million units. A text for each write would be a hundred times that.
    expect(grown / (RECORDS * RECORD_UNITS)).toBeLessThan(20);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
