/** A server that says, in one breath, that it is ready and that it ends the connection. */
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { expect, it } from "vitest";
import { openPostgres } from "../../src/drivers/postgres/index.ts";

/** One message of Postgres' protocol: its letter, its length, its body. */
function message(letter: string, body: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length + 4);
  return Buffer.concat([Buffer.from(letter), length, body]);
}

const READY = [message("R", Buffer.alloc(4)), message("Z", Buffer.from("I"))];
const ENDED = message("E", Buffer.from("SFATAL\0C57P01\0Mterminating connection\0\0"));

it("fault F09: a connection that is ended in the moment in which it is handed over is an error of the call, not of the process", async () => {
  let greeted = 0;
  const server = createServer((socket: Socket) => {
    socket.on("error", () => {});
    socket.once("data", () => {
      greeted++;
      socket.end(Buffer.concat([...READY, ENDED]));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  try {
    await expect(openPostgres(`postgres://somebody@127.0.0.1:${port}/app`)).rejects.toMatchObject({
      code: "TARGET_UNREACHABLE",
    });
    expect(greeted).toBe(1);
  } finally {
    server.close();
  }
});
