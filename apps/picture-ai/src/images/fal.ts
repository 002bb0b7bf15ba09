/** Pictures by fal.ai. */
import {
  askProvider,
  fetchImage,
  ImageError,
  type ImageProvider,
  PROVIDER_MS,
} from "./provider.ts";

export interface FalOptions {
  readonly key: string;
  /** Default: fal.ai's. */
  readonly server?: string;
  readonly timeoutMs?: number;
}

const MODEL = "fal-ai/flux/schnell";

export function fal(options: FalOptions): ImageProvider {
  const { key, server = "https://fal.run" } = options;
  const timeoutMs = options.timeoutMs ?? PROVIDER_MS;
  return {
    name: "fal",
    async make(prompt) {
      const answer = await askProvider(
        `${server}/${MODEL}`,
        { authorization: `Key ${key}` },
        { prompt, image_size: "square_hd", num_images: 1, output_format: "jpeg" },
        timeoutMs,
      );
      const { images } = answer as { readonly images?: readonly { readonly url?: unknown }[] };
      const url = images?.[0]?.url;
      if (typeof url !== "string" || !(url.startsWith("https://") || url.startsWith(server))) {
        throw new ImageError("failed", "The answer has no picture.");
      }
      return fetchImage(url, timeoutMs);
    },
  };
}
