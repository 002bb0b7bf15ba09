import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { OutgrowConfig } from "../config.ts";
import { OutgrowError } from "../errors.ts";

const NAMES = ["outgrow.config.ts", "outgrow.config.mjs", "outgrow.config.js"];

/**
 * Loads the configuration that lies in the current folder, or the one that was named. It is code: it is only ever
 * taken from where the user stands, never from where the data lies.
 *
 * @throws {OutgrowError} CONFIG_INVALID
 */
export async function loadConfig(named: string | undefined): Promise<OutgrowConfig> {
  const path = named ?? NAMES.find((name) => existsSync(name));
  if (path === undefined) return {};
  const { createJiti } = await import("jiti");
  // The configuration imports `outgrow`, which need not be installed beside it when it runs by npx.
  const alias = {
    "outgrow/": fileURLToPath(new URL("../", import.meta.url)),
    outgrow: fileURLToPath(new URL("../index.js", import.meta.url)),
  };
  try {
    const config = await createJiti(import.meta.url, { alias }).import<unknown>(resolve(path), {
      default: true,
    });
    if (typeof config !== "object" || config === null)
      throw new TypeError("it has no default export");
    return config as OutgrowConfig;
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message.split("\n")[0] : undefined;
    throw new OutgrowError("CONFIG_INVALID", { file: path, detail }, { cause });
  }
}
