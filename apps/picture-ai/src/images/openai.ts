/** Pictures by OpenAI's images interface. */
import { askProvider, ImageError, type ImageProvider, imageOf, PROVIDER_MS } from "./provider.ts";

export interface OpenAiOptions {
  readonly key: string;
  /** Default: OpenAI's. */
  readonly server?: string;
  readonly timeoutMs?: number;
}

const MODEL = "gpt-image-1";

export function openAi(options: OpenAiOptions): ImageProvider {
  const { key, server = "https://api.openai.com" } = options;
  return {
    name: "openai",
    async make(prompt) {
      const answer = await askProvider(
        `${server}/v1/images/generations`,
        { authorization: `Bearer ${key}` },
        { model: MODEL, prompt, n: 1, size: "1024x1024", output_format: "jpeg" },
        options.timeoutMs ?? PROVIDER_MS,
      );
      const { data } = answer as { readonly data?: readonly { readonly b64_json?: unknown }[] };
      const base64 = data?.[0]?.b64_json;
      if (typeof base64 !== "string") throw new ImageError("failed", "The answer has no picture.");
      return imageOf("image/jpeg", Buffer.from(base64, "base64"));
    },
  };
}
