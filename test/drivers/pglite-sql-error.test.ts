/** The retry table: what Postgres and its client libraries say, as codes. */
import { expect, test } from "vitest";
import { sqlError } from "../../src/drivers/postgres/sql-error.ts";
import { OutgrowError } from "../../src/errors.ts";

const TABLE = {
  TARGET_UNREACHABLE: [
    "57P01 57P02 57P03 08000 08001 08003 08006 08007",
    "ECONNREFUSED ECONNRESET EPIPE ETIMEDOUT ENOTFOUND EAI_AGAIN",
  ],
  TARGET_BUSY: ["40001 40P01 55P03 53300"],
  TARGET_FULL: ["53100"],
  RECORD_REFUSED: ["22P02 22003 22021 23502 23503 23514 54000 54001"],
  TIMEOUT: ["57014"],
  TARGET_REFUSED: ["23505 42501 42P01 0A000 28P01 3D000 25P02 08P01 XX000 53200 SELF_SIGNED_CERT"],
} as const;

for (const [expected, lists] of Object.entries(TABLE)) {
  for (const code of lists.join(" ").split(" ")) {
    test(`law b.4: ${code} is ${expected}`, () => {
      const error = sqlError(Object.assign(new Error("x"), { code }));
      expect(error.code).toBe(expected);
      expect(error.sqlState).toBe(/^E[A-Z]|_/.test(code) ? undefined : code);
    });
  }
}

test("law b.4: connections that end without any code are unreachable", () => {
  for (const words of [
    "Connection terminated unexpectedly",
    "timeout exceeded when trying to connect",
  ]) {
    const error = sqlError(new Error(words));
    expect(error.code).toBe("TARGET_UNREACHABLE");
    expect(error.site.detail).toBe(words);
  }
});

test("sec: neither the message nor the DETAIL of the server is repeated", () => {
  const error = sqlError({
    code: "23505",
    message: 'duplicate key value violates "k": secret',
    detail: "Key (a)=(secret) already exists.",
    constraint: "t_pkey",
    table: "t",
    column: "",
  });
  expect(error.site.detail).toBe("SQLSTATE 23505 (constraint t_pkey, table t)");
  expect(`${error.message} ${error.cause ?? ""}`).not.toContain("secret");
  expect(sqlError(new Error("what is this: secret")).message).not.toContain("secret");
});

test("law b.4: an OutgrowError passes through", () => {
  const error = new OutgrowError("DEPTH");
  expect(sqlError(error)).toBe(error);
});
