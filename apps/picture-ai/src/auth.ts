/**
 * Passwords and sessions. A hash says how it was made, so that its cost can rise; hashes of the app's first year are
 * bcrypt's, and are made anew when their password is next given. A session is a signed cookie: who, until when, and a
 * print of the password's hash, so that a new password ends the sessions of the old one.
 */
import { createHmac, randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from "node:crypto";
import { compare } from "bcryptjs";

/** The hash of accounts that another service signs in. */
export const NO_PASSWORD = "google_oauth";
/** Seconds that a session lasts. */
export const SESSION_SECONDS = 14 * 24 * 3600;

const PASSWORD_UNITS = { least: 8, most: 200 } as const;
/** OWASP's second choice for scrypt: 32 MiB, three times. */
const COST = { N: 2 ** 15, r: 8, p: 3 } as const;
const KEY_BYTES = 32;
/** What a hash may ask of this machine. */
const MOST_MEMORY = 256 * 1024 * 1024;
const SCRYPT = /^scrypt\$N=(\d{1,8}),r=(\d{1,2}),p=(\d{1,2})\$([\w-]{16,})\$([\w-]{43})$/;
const BCRYPT = /^\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$/;

export type PasswordCost = Readonly<Record<"N" | "r" | "p", number>>;

/** @returns why a password will not do, for its owner. */
export function passwordProblem(password: string): string | undefined {
  if (password.length < PASSWORD_UNITS.least) {
    return `A password has ${PASSWORD_UNITS.least} characters at least.`;
  }
  if (password.length > PASSWORD_UNITS.most) {
    return `A password has ${PASSWORD_UNITS.most} characters at most.`;
  }
  return undefined;
}

/** @returns `scrypt$N=32768,r=8,p=3$salt$key`, both in base64url. */
export async function hashPassword(password: string, cost: PasswordCost = COST): Promise<string> {
  const salt = randomBytes(16);
  const key = await derive(password, salt, cost);
  const { N, r, p } = cost;
  return `scrypt$N=${N},r=${r},p=${p}$${salt.toString("base64url")}$${key.toString("base64url")}`;
}

/** Whether it is the password; `stale` when its hash should be made anew. */
export async function checkPassword(
  password: string,
  hash: string,
  cost: PasswordCost = COST,
): Promise<"right" | "stale" | "wrong"> {
  if (password.length > PASSWORD_UNITS.most) return "wrong";
  const [, N, r, p, salt, key] = SCRYPT.exec(hash) ?? [];
  if (salt !== undefined && key !== undefined) {
    const own = { N: Number(N), r: Number(r), p: Number(p) };
    const found = await derive(password, Buffer.from(salt, "base64url"), own);
    if (!timingSafeEqual(found, Buffer.from(key, "base64url"))) return "wrong";
    return own.N < cost.N || own.r < cost.r || own.p < cost.p ? "stale" : "right";
  }
  if (BCRYPT.test(hash)) return (await compare(password, hash)) ? "stale" : "wrong";
  // As long as for a password that is wrong: whether an account has one is nobody's business.
  await derive(password, Buffer.alloc(16), cost);
  return "wrong";
}

function derive(password: string, salt: Buffer, cost: PasswordCost): Promise<Buffer> {
  // Two keyboards may write one letter in two ways.
  const text = password.normalize("NFKC");
  const options: ScryptOptions = { ...cost, maxmem: MOST_MEMORY };
  return new Promise((resolve, reject) => {
    scrypt(text, salt, KEY_BYTES, options, (error, key) => (error ? reject(error) : resolve(key)));
  });
}

interface Holder {
  readonly id: number;
  readonly password_hash: string;
}

/** What a cookie's signature vouches for. Whether its password is still the account's: see `isHolder`. */
export interface Session {
  readonly user: number;
  readonly print: string;
}

export class Sessions {
  readonly #secret: string;

  /** @throws RangeError for a secret that could be guessed. */
  constructor(secret: string) {
    if (secret.length < 32) throw new RangeError("The sessions' secret needs 32 characters.");
    this.#secret = secret;
  }

  issue(user: Holder, at = Date.now()): string {
    const until = Math.floor(at / 1000) + SESSION_SECONDS;
    const content = `${user.id}.${until}.${this.#print(user)}`;
    return `${content}.${this.#sign("session", content)}`;
  }

  /** @returns `undefined` for what is no session of ours, and for one that has ended. */
  read(token: string, at = Date.now()): Session | undefined {
    const [, content, user, until, print, signature] =
      /^((\d{1,15})\.(\d{1,12})\.([\w-]+))\.([\w-]+)$/.exec(token) ?? [];
    if (content === undefined || print === undefined || signature === undefined) return undefined;
    if (!equal(signature, this.#sign("session", content))) return undefined;
    return Number(until) * 1000 > at ? { user: Number(user), print } : undefined;
  }

  /** Whether the account's password is still the one that the session began with. */
  isHolder(session: Session, user: Holder): boolean {
    return session.user === user.id && equal(session.print, this.#print(user));
  }

  #print(user: Holder): string {
    return this.#sign("password", user.password_hash).slice(0, 16);
  }

  #sign(purpose: string, text: string): string {
    return createHmac("sha256", this.#secret).update(`${purpose}:${text}`).digest("base64url");
  }
}

function equal(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}

const FAILURES = 10;
const WINDOW_MS = 15 * 60_000;
const REMEMBERED = 10_000;

/** Counts failures by name, so that passwords cannot be tried one after the other. Of this process alone. */
export class Attempts {
  readonly #failed = new Map<string, { count: number; readonly until: number }>();

  /** Seconds until another may be made; 0: now. */
  wait(name: string, at = Date.now()): number {
    const found = this.#failed.get(name);
    if (found === undefined || found.until <= at || found.count < FAILURES) return 0;
    return Math.ceil((found.until - at) / 1000);
  }

  failed(name: string, at = Date.now()): void {
    const found = this.#failed.get(name);
    if (found !== undefined && found.until > at) found.count++;
    else {
      this.#failed.delete(name);
      this.#failed.set(name, { count: 1, until: at + WINDOW_MS });
    }
    const [oldest] = this.#failed.keys();
    if (this.#failed.size > REMEMBERED && oldest !== undefined) this.#failed.delete(oldest);
  }

  succeeded(name: string): void {
    this.#failed.delete(name);
  }
}
