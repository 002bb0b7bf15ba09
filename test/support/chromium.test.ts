import { createRequire } from "node:module";
import { expect, test } from "vitest";
import { bundleForBrowser, launchChromium, servePage } from "./chromium.ts";
import { provideChromium } from "./chromium-binary.ts";

test("support: pages are served by path, and run a bundled package", async () => {
  const script = await bundleForBrowser(createRequire(import.meta.url).resolve("dexie"));
  const served = await servePage({
    "/": '<!doctype html><title>first</title><script src="/dexie.js"></script>',
    "/dexie.js": script,
    "/data.json": '{"n":1}',
  });
  const browser = await launchChromium();
  try {
    const tab = await browser.newPage();
    await tab.goto(served.url);
    expect(await tab.title()).toBe("first");
    expect(await tab.evaluate("typeof page")).toBe("function");
    expect(await tab.evaluate("fetch('/data.json?x=1').then((r) => r.json())")).toEqual({ n: 1 });
    expect(await tab.evaluate("fetch('/toString').then((r) => r.status)")).toBe(404);
  } finally {
    await browser.close();
    await served.close();
  }
});

test("support: a CHROMIUM_PATH that names nothing is said, not passed over", () => {
  expect(() => provideChromium("/nowhere/chromium")).toThrow("CHROMIUM_PATH names /nowhere");
});
