/** A real Chromium, and pages for it: what stands in `src` for browsers is tried in one. */
import { createServer } from "node:http";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { type Browser, chromium } from "playwright-core";
import { build } from "vite";
import { chromiumEnvironment, provideChromium } from "./chromium-binary.ts";

const FLAGS = [
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const TYPES: Readonly<Record<string, string>> = {
  "": "text/html; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
};

/** @throws Error that says what to install, when there is no Chromium. */
export function launchChromium(): Promise<Browser> {
  const executablePath = provideChromium();
  return chromium.launch({
    executablePath,
    headless: true,
    args: process.getuid?.() === 0 ? ["--no-sandbox", ...FLAGS] : FLAGS,
    env: chromiumEnvironment(executablePath),
  });
}

/**
 * One script for a page, made from a TypeScript entry or a package's; what the entry exports is
 * `window.page`.
 */
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

/**
 * Serves pages on an origin of their own on this machine.
 *
 * @param content what there is, by path (`/`, `/page.js`); or one script, for an empty page.
 */
export async function servePage(
  content: string | Readonly<Record<string, string>>,
): Promise<{ readonly url: string; close(): Promise<void> }> {
  const empty = '<!doctype html><title>page</title><script src="/page.js"></script>';
  const routes = typeof content === "string" ? { "/": empty, "/page.js": content } : content;
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://127.0.0.1");
    const body = Object.hasOwn(routes, pathname) ? routes[pathname] : undefined;
    response.statusCode = body === undefined ? 404 : 200;
    response.setHeader("content-type", TYPES[extname(pathname)] ?? "application/octet-stream");
    response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
