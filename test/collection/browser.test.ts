import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { bundleForBrowser, launchChromium, servePage } from "../support/chromium.ts";
import type { makeVectors } from "./vectors.ts";

declare const page: { makeVectors: typeof makeVectors };

it("the golden vectors are the same bytes in a browser as in Node", async () => {
  const golden = JSON.parse(
    readFileSync(new URL("./golden-vectors.json", import.meta.url), "utf8"),
  );
  const script = await bundleForBrowser(
    fileURLToPath(new URL("./browser-entry.ts", import.meta.url)),
  );
  const served = await servePage(script);
  const browser = await launchChromium();
  try {
    const tab = await browser.newPage();
    await tab.goto(served.url);
    // As text: the protocol between test and page has no word for a lone surrogate.
    const made = await tab.evaluate(() => JSON.stringify(page.makeVectors()));
    expect(JSON.parse(made)).toEqual(golden);
  } finally {
    await browser.close();
    await served.close();
  }
}, 180_000);
