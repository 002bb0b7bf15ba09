/**
 * A plain script with a Postgres server of its own whose data lies on a small disk: run in a mount namespace in which
 * FAULT_DISK is such a disk (see fault-disk.ts). `restart` on its input starts the server again.
 */
import { mkdirSync } from "node:fs";
import { createInterface } from "node:readline";
import { execute, startPostgres } from "./postgres.ts";
import { giveToServer } from "./postgres-binaries.ts";

const disk = process.env["FAULT_DISK"] ?? "";
const whole = process.env["FAULT_WHOLE"] === "yes";
giveToServer(disk);
// The whole cluster goes there with its write-ahead log, or only the tables.
if (whole) process.env["TMPDIR"] = disk;
const server = await startPostgres({
  autovacuum: "off",
  min_wal_size: "32MB",
  max_wal_size: "32MB",
});
if (!whole) {
  mkdirSync(`${disk}/tables`);
  giveToServer(disk);
  await execute(server.url, `create tablespace small location '${disk}/tables'`);
  await execute(server.url, "create database fault template template0 tablespace small");
} else {
  await execute(server.url, "create database fault template template0");
}
console.log(server.url.replace(/postgres$/, "fault"));

for await (const line of createInterface({ input: process.stdin })) {
  if (line === "restart") {
    await server.restart();
    console.log("restarted");
  }
}
await server.stop();
