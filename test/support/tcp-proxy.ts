/**
 * A TCP proxy that fails on purpose: it counts messages in both directions and cuts, hangs, delays or trickles at
 * the one that a test names. With `framing: "postgres"` a message is one of Postgres' protocol; with `chunks` (for
 * Redis, HTTP and such) it is whatever one read brought.
 */
import { connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { endWithProcess, hasEnded } from "./end-with-process.ts";
import { type Direction, type Framing, type Message, makeFramer } from "./fault-framing.ts";

/**
 * `cut`: both ends get a FIN. `reset`: the client gets a RST. `half-close`: nothing more in this direction, whose
 * receiver gets a FIN. `hang`: the connection stays, and nothing more is forwarded in this direction. `mute`: in the
 * other one, that of the replies. `freeze`: in both.
 */
type Deed = "cut" | "reset" | "half-close" | "hang" | "mute" | "freeze";

export interface Fault {
  readonly direction: Direction;
  /** Numbers count over all connections since `arm`, from 1, in the fault's direction. */
  readonly at: number | ((message: Message, number: number) => boolean);
  /** Whether the message itself still arrives. */
  readonly when: "before" | "after";
  readonly deed: Deed;
  /** How often; 1 by default. */
  readonly times?: number;
}

export interface Pace {
  /** Held back so long, each message. */
  readonly delayMs?: number;
  /** Forwarded one byte at a time, with the event loop's turn in between. */
  readonly trickle?: boolean;
}

export interface Counted {
  readonly count: number;
}

interface Connection {
  readonly number: number;
  readonly client: Socket;
  readonly upstream: Socket;
  readonly silent: Set<Direction>;
  over: boolean;
}

export class TcpProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #target: { readonly host: string; readonly port: number };
  readonly #framing: Framing;
  readonly #connections = new Set<Connection>();
  readonly #watches: { readonly matches: (message: Message) => boolean; count: number }[] = [];
  readonly #seen: Record<Direction, number> = { up: 0, down: 0 };
  #made = 0;
  #fault: Fault | undefined;
  #left = 0;
  #reached: Message[] = [];
  #pace: Pace = {};
  #refusing = false;
  #deaf = false;

  constructor(target: { readonly host: string; readonly port: number }, framing: Framing) {
    this.#target = target;
    this.#framing = framing;
    // Each direction is closed on its own: that is what half-close is about.
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#accept(client));
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(0, "127.0.0.1", resolve);
    });
    endWithProcess(this);
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  /** The same address by way of this proxy. */
  through(url: string): string {
    const changed = new URL(url);
    changed.hostname = "127.0.0.1";
    changed.port = String(this.port);
    return changed.href;
  }

  /** Messages since `arm`. */
  get seen(): Readonly<Record<Direction, number>> {
    return this.#seen;
  }

  /** Connections ever made. */
  get connections(): number {
    return this.#made;
  }

  /** The messages at which the armed fault happened. */
  get reached(): readonly Message[] {
    return this.#reached;
  }

  /** Arms a fault (or none) and begins to count anew. */
  arm(fault?: Fault): void {
    this.#fault = fault;
    this.#left = fault?.times ?? 1;
    this.#reached = [];
    this.#seen.up = 0;
    this.#seen.down = 0;
  }

  /** Counts the messages that match, from now on. */
  watch(matches: (message: Message) => boolean): Counted {
    const watch = { matches, count: 0 };
    this.#watches.push(watch);
    return watch;
  }

  pace(pace: Pace): void {
    this.#pace = pace;
  }

  /** New connections are reset at once. */
  refuse(yes: boolean): void {
    this.#refusing = yes;
  }

  /**
   * Nothing passes in either direction, on no connection, while new ones are still accepted: a host that froze. When it
   * thaws, it finds that who was connected has gone.
   */
  freeze(yes: boolean): void {
    this.#deaf = yes;
    if (yes) return;
    for (const connection of this.#connections) {
      if (connection.silent.size === 2) this.#end(connection, "cut");
    }
  }

  cutAll(): void {
    for (const connection of this.#connections) this.#end(connection, "cut");
  }

  /** For the end of our own process. */
  endAtOnce(): void {
    this.cutAll();
    this.#server.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { client, upstream } of this.#connections) {
      client.destroy();
      upstream.destroy();
    }
    await new Promise((resolve) => this.#server.close(resolve));
    hasEnded(this);
  }

  #accept(client: Socket): void {
    const number = ++this.#made;
    client.on("error", () => {});
    if (this.#refusing) {
      client.resetAndDestroy();
      return;
    }
    const { host, port } = this.#target;
    const upstream = connect({ host, port, allowHalfOpen: true });
    upstream.on("error", () => {});
    // Message by message, Nagle's algorithm would hold each of them for a delayed acknowledgement: 40 ms.
    for (const socket of [client, upstream]) socket.setNoDelay(true);
    const connection = { number, client, upstream, silent: new Set<Direction>(), over: false };
    this.#connections.add(connection);
    const framer = makeFramer(this.#framing);
    this.#pump(connection, "up", client, upstream, (data) => framer.up(data));
    this.#pump(connection, "down", upstream, client, (data) => framer.down(data));
  }

  #pump(
    connection: Connection,
    direction: Direction,
    from: Socket,
    to: Socket,
    frames: (data: Buffer) => readonly Omit<Message, "direction" | "connection">[],
  ): void {
    // One message after the other: a delay must not let later ones overtake.
    let queue = Promise.resolve();
    const enqueue = (work: () => Promise<void> | void): void => {
      queue = queue.then(work).catch(() => this.#end(connection, "cut"));
    };
    from.on("data", (data: Buffer) => {
      for (const frame of frames(data)) {
        const message = { ...frame, direction, connection: connection.number };
        enqueue(() => this.#pass(connection, message, to));
      }
    });
    from.on("end", () =>
      enqueue(() => {
        if (!connection.over && !connection.silent.has(direction)) to.end();
      }),
    );
    from.on("close", () => {
      enqueue(() => {
        to.end();
        this.#connections.delete(connection);
      });
    });
  }

  async #pass(connection: Connection, message: Message, to: Socket): Promise<void> {
    if (connection.over) return;
    const number = ++this.#seen[message.direction];
    for (const watch of this.#watches) if (watch.matches(message)) watch.count++;
    const fault = this.#matching(message, number);
    if (fault?.when === "before") return this.#end(connection, fault.deed, message.direction);
    if (this.#deaf) connection.silent.add("up").add("down");
    if (connection.silent.has(message.direction)) return;
    if (this.#pace.delayMs !== undefined) await sleep(this.#pace.delayMs);
    if (this.#pace.trickle) await trickle(message.bytes, to);
    else to.write(message.bytes);
    if (fault !== undefined) this.#end(connection, fault.deed, message.direction);
  }

  #matching(message: Message, number: number): Fault | undefined {
    const fault = this.#fault;
    if (fault === undefined || fault.direction !== message.direction || this.#left === 0) return;
    const hit = typeof fault.at === "number" ? number === fault.at : fault.at(message, number);
    if (!hit) return;
    this.#left--;
    this.#reached.push(message);
    return fault;
  }

  #end(connection: Connection, deed: Deed, direction: Direction = "up"): void {
    const { client, upstream, silent } = connection;
    if (deed === "hang" || deed === "mute" || deed === "freeze") {
      if (deed !== "mute") silent.add(direction);
      if (deed !== "hang") silent.add(direction === "up" ? "down" : "up");
      return;
    }
    if (deed === "half-close") {
      silent.add(direction);
      (direction === "up" ? upstream : client).end();
      return;
    }
    connection.over = true;
    if (deed === "reset") client.resetAndDestroy();
    else client.end();
    // What was written before still arrives: a RST here could overtake it.
    upstream.end();
  }
}

async function trickle(bytes: Buffer, to: Socket): Promise<void> {
  for (let at = 0; at < bytes.length; at++) {
    to.write(bytes.subarray(at, at + 1));
    if (at % 16 === 15) await new Promise((resolve) => setImmediate(resolve));
  }
}

/** A proxy in front of the server of this address. */
export async function startProxy(url: string, framing: Framing = "postgres"): Promise<TcpProxy> {
  const { hostname, port } = new URL(url);
  const proxy = new TcpProxy({ host: hostname, port: Number(port) }, framing);
  await proxy.listen();
  return proxy;
}
