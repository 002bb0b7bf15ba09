/**
 * PictureAi in a real browser, a page after the other. With SCREENSHOTS=FOLDER it leaves a picture of each there.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { launchChromium } from "../../../test/support/chromium.ts";
import { local } from "../src/images/local.ts";
import { ImageError } from "../src/images/provider.ts";
import { DEMO, type Running, startApp } from "./support.ts";

const folder = process.env["SCREENSHOTS"];

describe("PictureAi in Chromium", () => {
  let app: Running;
  let browser: Browser;
  let page: Page;
  let fails = false;
  /** What the browser complained of: a policy that was broken, a script that threw. */
  const complaints: string[] = [];
  beforeAll(async () => {
    if (folder !== undefined) await mkdir(folder, { recursive: true });
    app = await startApp({
      provider: {
        name: "local",
        make(prompt) {
          if (fails) throw new ImageError("busy", "no");
          return local.make(prompt);
        },
      },
    });
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser.close();
    await app[Symbol.asyncDispose]();
  });

  beforeEach(async () => {
    complaints.length = 0;
    page = await browser.newPage({ viewport: { width: 1200, height: 800 }, colorScheme: "light" });
    page.setDefaultTimeout(20_000);
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("console", (message) => {
      // A page with the status of an error is listed as well, rightly.
      if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) {
        complaints.push(message.text());
      }
    });
  });
  afterEach(() => page.close());

  /** What holds for every page. */
  async function look(name: string): Promise<void> {
    if (folder !== undefined) {
      await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
    }
    expect(await page.locator("h1").count(), name).toBe(1);
    expect(await page.title()).toContain("PictureAi");
    const broken = await page
      .locator("img:not([loading])")
      .evaluateAll((images) => images.filter((image) => !(image as HTMLImageElement).naturalWidth));
    expect(broken, name).toEqual([]);
    const unlabelled = await page
      .locator("input:not([type=hidden]), textarea")
      .evaluateAll((fields) =>
        fields.filter((field) => !(field as HTMLInputElement).labels?.length),
      );
    expect(unlabelled, name).toEqual([]);
    const wide = () => document.documentElement.scrollWidth > document.documentElement.clientWidth;
    expect(await page.evaluate(wide), `${name} is wider than the window`).toBe(false);
  }
  const open = (path: string) => page.goto(new URL(path, app.origin).href);
  const balance = () => page.locator("[data-credits]").getAttribute("data-credits");

  it("a visitor registers, buys, makes pictures and finds them again, without one script", async () => {
    await open("/");
    await look("1-welcome");
    await page.getByRole("link", { name: "Prices" }).click();
    await look("2-prices");
    await page.getByRole("link", { name: "Register", exact: true }).click();
    await look("3-register");
    await page.getByLabel("E-mail").fill("browser@mail.example");
    await page.getByLabel("Password").fill("correct horse");
    await page.getByRole("button", { name: "Register" }).click();
    expect(await balance()).toBe("3");
    await look("4-empty-gallery");

    await page.getByRole("link", { name: "3 credits" }).click();
    await page.getByRole("button", { name: "Buy 20 credits" }).click();
    await page.waitForURL(`${app.stripe.server}/pay/**`);
    if (folder !== undefined) await page.screenshot({ path: join(folder, "5-pay.png") });
    await page.getByRole("button", { name: "sent twice" }).click();
    await page.getByText("20 credits for ₺25.00 are yours.").waitFor();
    expect(await balance()).toBe("23");
    await look("6-paid");

    await page.getByRole("link", { name: "Make a picture" }).click();
    for (const prompt of [
      "A lake at dawn, mountains in the mist",
      "Steampunk tarzında uçan şehir",
    ]) {
      await page.getByLabel("Describe the picture").fill(prompt);
      await page.getByRole("button", { name: "Make the picture" }).click();
      await page.waitForURL("**/pictures/*");
      expect(await page.locator("figure h1").textContent()).toBe(prompt);
      await look("7-picture");
      await page.getByRole("link", { name: "Another one" }).click();
    }
    expect(await balance()).toBe("21");
    expect(await page.locator(".gallery img").count()).toBe(2);
    await look("8-gallery");

    fails = true;
    await page.getByLabel("Describe the picture").fill("A lighthouse");
    await page.getByRole("button", { name: "Make the picture" }).click();
    await page.getByText("Your credit is back").waitFor();
    expect(await balance()).toBe("21");
    await look("9-failed");
    fails = false;

    await page.getByRole("link", { name: "History" }).click();
    expect(await page.locator("tbody tr").count()).toBe(3);
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("link", { name: "Sign in" }).waitFor();
    expect(complaints).toEqual([]);
  });

  it("the demo's account signs in, on a narrow screen too, by keyboard alone", async () => {
    await page.setViewportSize({ width: 390, height: 780 });
    await open("/sign-in");
    await page.getByLabel("E-mail").focus();
    await page.keyboard.type(DEMO.email);
    await page.keyboard.press("Tab");
    await page.keyboard.type("not the password");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").waitFor();
    await look("10-sign-in-failed");
    await page.getByLabel("Password").fill(DEMO.password);
    await page.keyboard.press("Enter");
    await page.getByText("Your pictures will be here.").waitFor();
    await look("11-narrow-gallery");
    await page.getByRole("link", { name: "History" }).click();
    await look("12-narrow-history");
    await page.setViewportSize({ width: 1200, height: 800 });
    await page.emulateMedia({ colorScheme: "dark" });
    await look("13-dark-history");
    await open("/credits?cancelled=1");
    await look("14-dark-credits");
    await open("/nowhere");
    await look("15-missing");
    expect(complaints).toEqual([]);
  });
});
