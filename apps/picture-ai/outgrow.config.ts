/** The move as the commands see it: `npx outgrow stage`, in this folder. */
import { defineConfig } from "outgrow";
import { FILE_COLLECTIONS, MOVE, PLACES, targetOf } from "./src/move.ts";

export default defineConfig({
  ...PLACES,
  move: MOVE,
  target: targetOf(process.env) ?? "pglite:data/postgres",
  live: {
    jsonFile: "data/database.json",
    collections: FILE_COLLECTIONS,
    backups: "data/backups",
    limits: { holdMs: 60_000 },
  },
});
