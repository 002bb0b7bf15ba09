/** Passwords and sessions, and accounts of the app's first year. */
import { hash as bcrypt } from "bcryptjs";
import { describe, expect, it } from "vitest";
import {
  Attempts,
  checkPassword,
  hashPassword,
  passwordProblem,
  SESSION_SECONDS,
  Sessions,
} from "../src/auth.ts";
import { contentsOf, SECRET, startApp } from "./support.ts";

const CHEAP = { N: 1024, r: 8, p: 1 };

describe("passwords", () => {
  it("sec: a hash tells its cost, has a salt of its own, and knows its password alone", async () => {
    const [one, other] = [await hashPassword("pässword"), await hashPassword("pässword")];
    expect(one).toMatch(/^scrypt\$N=32768,r=8,p=3\$/);
    expect(one).not.toBe(other);
    expect(await checkPassword("pässword", one)).toBe("right");
    // The same letters as another keyboard writes them.
    expect(await checkPassword("pa\u0308ssword", one)).toBe("right");
    expect(await checkPassword("Pässword", one)).toBe("wrong");
    expect(await checkPassword("", one)).toBe("wrong");
  });

  it("sec: a hash that was too cheap is known, and is to be made anew; a dearer one is not", async () => {
    const cheap = await hashPassword("correct horse", CHEAP);
    expect(await checkPassword("correct horse", cheap)).toBe("stale");
    expect(await checkPassword("correct horse", cheap, CHEAP)).toBe("right");
    expect(await checkPassword("correct horse", cheap, { ...CHEAP, N: 512 })).toBe("right");
    expect(await checkPassword("wrong horse", cheap)).toBe("wrong");
  });

  it("sec: what is no hash has no password", async () => {
    for (const hash of ["google_oauth", "", "scrypt$", "$2b$12$short", "correct horse"]) {
      expect(await checkPassword("correct horse", hash, CHEAP), hash).toBe("wrong");
      expect(await checkPassword(hash, hash, CHEAP), hash).toBe("wrong");
    }
  });

  it("sec: lengths have bounds on both sides", () => {
    expect(passwordProblem("1234567")).toMatch(/at least/);
    expect(passwordProblem("12345678")).toBeUndefined();
    expect(passwordProblem("x".repeat(200))).toBeUndefined();
    expect(passwordProblem("x".repeat(201))).toMatch(/at most/);
  });

  it("an account with bcrypt's hash and an address in capitals signs in, and has scrypt's from then on", async () => {
    await using app = await startApp();
    const { users } = await contentsOf(app);
    const old = users.find(({ email }) => email === "Ayse@Mail.example");
    const id = old?.id as number;
    const first = users.find(({ email }) => email === "ayse@mail.example")?.id as number;
    await app.storage.updatePasswordHash(id, await bcrypt("of the first year", 4));
    const visitor = app.visitor();
    expect((await visitor.signIn("Ayse@Mail.example", "of another year")).status).toBe(422);
    expect((await visitor.signIn("Ayse@Mail.example", "of the first year")).location).toBe("/");
    expect((await visitor.get("/history")).status).toBe(200);
    const after = (await contentsOf(app)).users;
    expect(after.find((user) => user.id === id)?.password_hash).toMatch(/^scrypt\$/);
    expect(after.find((user) => user.id === first)).toEqual(
      users.find((user) => user.id === first),
    );
    expect((await app.visitor().signIn("Ayse@Mail.example", "of the first year")).status).toBe(303);
  });
});

describe("sessions", () => {
  const user = { id: 7, password_hash: "one" };
  const sessions = new Sessions(SECRET);

  it("sec: one lasts two weeks, for its user and their password", () => {
    const token = sessions.issue(user, 0);
    const session = sessions.read(token, 0);
    expect(session?.user).toBe(7);
    expect(sessions.read(token, (SESSION_SECONDS - 1) * 1000)).toEqual(session);
    expect(sessions.read(token, SESSION_SECONDS * 1000)).toBeUndefined();
    if (session === undefined) throw new Error("no session");
    expect(sessions.isHolder(session, user)).toBe(true);
    expect(sessions.isHolder(session, { ...user, password_hash: "two" })).toBe(false);
    expect(sessions.isHolder(session, { ...user, id: 8 })).toBe(false);
  });

  it("sec: another secret's session is none, and a short secret is refused", () => {
    expect(new Sessions(`${SECRET}!`).read(sessions.issue(user))).toBeUndefined();
    expect(() => new Sessions("short")).toThrow(RangeError);
    for (const text of ["", "7", "7.9999999999.x.y", "..."]) {
      expect(sessions.read(text)).toBeUndefined();
    }
  });
});

describe("attempts", () => {
  it("sec: ten failures are enough for a quarter of an hour, for one name; success forgets them", () => {
    const attempts = new Attempts();
    for (let count = 0; count < 10; count++) {
      expect(attempts.wait("a", 0)).toBe(0);
      attempts.failed("a", 0);
    }
    expect(attempts.wait("a", 1000)).toBe(899);
    expect(attempts.wait("b", 0)).toBe(0);
    expect(attempts.wait("a", 900_000)).toBe(0);
    attempts.succeeded("a");
    expect(attempts.wait("a", 1000)).toBe(0);
  });
});
