/** The providers of pictures: the app's own, and two services as they answer over HTTP, played by a server here. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fal } from "../src/images/fal.ts";
import { landscape, local } from "../src/images/local.ts";
import { openAi } from "../src/images/openai.ts";
import type { ImageProvider } from "../src/images/provider.ts";

const JPEG = Buffer.from("ffd8ffe000104a46494600010100000100010000ffd9", "hex");

interface Asked {
  readonly path: string;
  readonly key: string | undefined;
  readonly body: Record<string, unknown>;
}

describe("pictures by services", () => {
  const asked: Asked[] = [];
  let answer: (response: ServerResponse, request: IncomingMessage) => void = () => {};
  const server = createServer(async (request, response) => {
    if (request.method === "GET") {
      response.setHeader("content-type", "image/jpeg").end(JPEG);
      return;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>;
    asked.push({ path: request.url ?? "", key: request.headers.authorization, body });
    answer(response, request);
  });
  let origin: string;
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.close();
    server.closeAllConnections();
  });

  const json = (value: unknown, status = 200) => {
    answer = (response) => {
      response.statusCode = status;
      response.setHeader("content-type", "application/json").end(JSON.stringify(value));
    };
  };
  const problemOf = (provider: ImageProvider): Promise<unknown> =>
    provider.make("A lake").then(
      () => "none",
      (error: unknown) => (error as { problem?: unknown }).problem,
    );
  const providers = () => [
    openAi({ key: "k1", server: origin, timeoutMs: 400 }),
    fal({ key: "k2", server: origin, timeoutMs: 400 }),
  ];

  it("OpenAI's picture comes as a data URL, asked for with the key", async () => {
    json({ data: [{ b64_json: JPEG.toString("base64") }] });
    const [provider] = providers();
    const { url } = (await provider?.make("A lake")) ?? {};
    expect(url).toBe(`data:image/jpeg;base64,${JPEG.toString("base64")}`);
    expect(asked.at(-1)).toMatchObject({
      path: "/v1/images/generations",
      key: "Bearer k1",
      body: { prompt: "A lake", n: 1 },
    });
  });

  it("fal.ai's picture is brought home from the address that it answers with", async () => {
    json({ images: [{ url: `${origin}/files/1.jpeg` }] });
    const [, provider] = providers();
    const { url } = (await provider?.make("A lake")) ?? {};
    expect(url).toBe(`data:image/jpeg;base64,${JPEG.toString("base64")}`);
    expect(asked.at(-1)).toMatchObject({ key: "Key k2", body: { prompt: "A lake" } });
  });

  it.each([
    [400, "refused"],
    [422, "refused"],
    [401, "failed"],
    [429, "busy"],
    [500, "failed"],
    [503, "busy"],
    [504, "slow"],
  ])("status %i is called %s, of both", async (status, problem) => {
    json({ error: { message: "no" } }, status);
    for (const provider of providers()) expect(await problemOf(provider)).toBe(problem);
  });

  it("an answer that does not come, stops in the middle, or breaks off is no picture", async () => {
    answer = () => {};
    for (const provider of providers()) expect(await problemOf(provider)).toBe("slow");
    answer = (response) => void response.write('{"data":');
    for (const provider of providers()) expect(await problemOf(provider)).toBe("slow");
    answer = (response) => void response.destroy();
    for (const provider of providers()) expect(await problemOf(provider)).toBe("failed");
  });

  it("an answer without a picture, of another type, or endless is no picture", async () => {
    for (const value of [{}, { data: [], images: [] }, { data: [{}], images: [{ url: 1 }] }]) {
      json(value);
      for (const provider of providers()) expect(await problemOf(provider)).toBe("failed");
    }
    json({ images: [{ url: "file:///etc/passwd" }] });
    expect(await problemOf(providers()[1] as ImageProvider)).toBe("failed");
    answer = (response) => {
      response.write('{"data":"');
      const more = () => {
        while (response.write("x".repeat(1024 * 1024)));
      };
      response.on("drain", more);
      more();
    };
    const patient = openAi({ key: "k", server: origin, timeoutMs: 20_000 });
    expect(await problemOf(patient)).toBe("failed");
  });
});

describe("pictures by the app itself", () => {
  it("the same words give the same picture, others another", async () => {
    expect(await local.make("A lake")).toEqual(await local.make("A lake"));
    const prompts = ["A lake", "A lake ", "göl", "\ud83d", "\0", "x".repeat(500)];
    expect(new Set(prompts.map(landscape)).size).toBe(prompts.length);
  });

  it("words say what is seen, in two languages; none of them stands in the picture", () => {
    const stars = (text: string) => (landscape(text).match(/fill="#fff" opacity/g) ?? []).length;
    expect(stars("night")).toBeGreaterThan(80);
    expect(stars("Ormanda GECE")).toBeGreaterThan(80);
    expect(landscape('<script>alert(1)</script>" night')).not.toMatch(/script|alert/);
    for (const text of ["sea", "şehir", "forest", "çöl", "x"]) {
      expect(landscape(text)).not.toMatch(/NaN|undefined|Infinity/);
    }
  });
});
