/**
 * A real Chromium: `CHROMIUM_PATH`, else one that is installed, else Debian's package, installed or unpacked beside
 * the tests. When none can be had the tests fail and say what to install.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Browser, chromium } from "playwright-core";
import { build } from "vite";

const INSTALLED = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/usr/bin/google-chrome-stable",
  "/usr/bin/microsoft-edge",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
  "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
  "C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe",
];
const FLAGS = [
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
/** Where Debian's packages are unpacked when nothing may be installed. */
const UNPACKED = join(tmpdir(), "outgrow-chromium");

/** The path of a Chromium, which is fetched from Debian's packages when there is none. */
export function provideChromium(): string {
  const named = process.env["CHROMIUM_PATH"];
  if (named !== undefined) return named;
  const unpacked = join(UNPACKED, "usr/lib/chromium/chromium");
  const found = [...INSTALLED, unpacked].find((path) => existsSync(path));
  if (found !== undefined) return found;
  try {
    if (process.getuid?.() === 0) {
      execFileSync("apt-get", ["update", "-qq"], { stdio: "ignore" });
      execFileSync(
        "apt-get",
        ["install", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300", "chromium"],
        {
          stdio: "ignore",
          env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
        },
      );
      return "/usr/bin/chromium";
    }
    mkdirSync(UNPACKED, { recursive: true });
    execFileSync("apt-get", ["download", "chromium", "chromium-common"], {
      cwd: UNPACKED,
      stdio: "ignore",
    });
    for (const name of readdirSync(UNPACKED).filter((one) => one.endsWith(".deb"))) {
      execFileSync("dpkg", ["-x", join(UNPACKED, name), UNPACKED], { stdio: "ignore" });
    }
    if (existsSync(unpacked)) return unpacked;
  } catch {
    // Said below, for whatever reason it could not be had.
  }
  throw new Error(
    "The tests need a Chromium. Install one (Debian: apt-get install chromium), or set CHROMIUM_PATH to a Chrome, Chromium or Edge.",
  );
}

export function launchChromium(): Promise<Browser> {
  const root = process.getuid?.() === 0;
  return chromium.launch({
    executablePath: provideChromium(),
    headless: true,
    args: root ? ["--no-sandbox", ...FLAGS] : FLAGS,
  });
}

/** One script for a page, made from a TypeScript entry; what the entry exports is `window.page`. */
export async function bundleForBrowser(entry: string): Promise<string> {
  const result = await build({
    configFile: false,
    logLevel: "error",
    root: fileURLToPath(new URL("../..", import.meta.url)),
    build: {
      write: false,
      minify: false,
      lib: { entry, formats: ["iife"], name: "page" },
    },
  });
  const [output] = Array.isArray(result) ? result : [result];
  if (output === undefined || !("output" in output)) throw new Error("The bundler made nothing.");
  return output.output[0].code;
}

/** A page on an origin of its own on this machine. */
export async function servePage(
  script: string,
): Promise<{ readonly url: string; close(): Promise<void> }> {
  const server: Server = createServer((request, response) => {
    const isScript = request.url === "/page.js";
    response.setHeader(
      "content-type",
      isScript ? "text/javascript; charset=utf-8" : "text/html; charset=utf-8",
    );
    response.end(
      isScript ? script : '<!doctype html><title>page</title><script src="/page.js"></script>',
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}/`,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
