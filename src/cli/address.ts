import { readFile } from "node:fs/promises";
import { EMBEDDED_DIRECTORY } from "../drivers/open-target.ts";
import { OutgrowError } from "../errors.ts";

/**
 * Which target a command speaks of: what was named (`@FILE` holds it in a file), else DIRECT_URL or DATABASE_URL,
 * else the embedded database in the current folder. Schema work and bulk loads want the direct connection, so
 * DIRECT_URL goes first where both are set.
 */
export async function targetAddress(named: string | undefined): Promise<string> {
  if (named?.startsWith("@")) return fromFile(named.slice(1));
  if (named !== undefined) return named;
  // A variable that is set to nothing is a variable that somebody unset.
  const env = Object.fromEntries(Object.entries(process.env).filter(([, text]) => text !== ""));
  const direct =
    env["DIRECT_URL"] ??
    env["DIRECT_DATABASE_URL"] ??
    env["DATABASE_URL_UNPOOLED"] ??
    env["POSTGRES_URL_NON_POOLING"];
  const pooled = env["DATABASE_URL"] ?? env["POSTGRES_URL"];
  return (pooled === undefined ? undefined : (direct ?? pooled)) ?? `pglite:${EMBEDDED_DIRECTORY}`;
}

async function fromFile(path: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    throw new OutgrowError("TARGET_ADDRESS", { detail: `@${path} cannot be read` }, { cause });
  }
  const address = text.trim();
  if (address === "" || address.includes("\n")) {
    throw new OutgrowError("TARGET_ADDRESS", { detail: `@${path} does not hold one address` });
  }
  return address;
}
