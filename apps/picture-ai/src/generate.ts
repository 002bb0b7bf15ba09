/**
 * A picture for a credit. The credit is set aside before the provider is asked; a picture spends it, anything else
 * gives it back. A process that dies in between leaves an open hold, which `closeHolds` gives back later.
 *
 * When the store stops answering after the picture was made, the hold is left alone: it may have been spent.
 */
import type { User } from "./collections.ts";
import { PageError, type Parts } from "./http.ts";
import { type Image, ImageError, type ImageProblem, PROVIDER_MS } from "./images/provider.ts";
import type { Storage } from "./storage.ts";

const ANSWERS: Readonly<Record<ImageProblem, readonly [PageError["status"], string]>> = {
  refused: [422, "This picture cannot be made. Your credit is back; please say it otherwise."],
  busy: [503, "Too many pictures are being made. Your credit is back; please try again shortly."],
  slow: [504, "The picture took too long. Your credit is back; please try again."],
  failed: [502, "The picture could not be made. Your credit is back; please try again."],
};

/**
 * @param attempt names this wish: again with the same, it costs nothing.
 * @returns the picture's id.
 * @throws PageError
 */
export async function generate(
  { storage, provider }: Pick<Parts, "storage" | "provider">,
  user: User,
  prompt: string,
  attempt: string,
): Promise<string> {
  const held = await storage.holdUserCredit(user.id, prompt, attempt);
  if (held === undefined) {
    throw new PageError(402, "You have no credits left. Buy some to make more pictures.");
  }
  const { hold, known } = held;
  if (known) {
    if (hold.user_id === user.id && hold.state === "captured") return hold.id;
    const text =
      hold.state === "open" ? "This picture is being made already." : "This attempt has failed.";
    throw new PageError(409, text);
  }
  let image: Image;
  try {
    image = await provider.make(prompt);
  } catch (cause) {
    await storage.voidHold(hold.id);
    const [status, text] = ANSWERS[cause instanceof ImageError ? cause.problem : "failed"];
    throw new PageError(status, text, { cause });
  }
  if (await storage.captureHold(hold.id, { provider: provider.name, url: image.url })) {
    return hold.id;
  }
  throw new PageError(504, "The picture took too long. Your credit is back; please try again.");
}

/** Gives back what holds of dead processes set aside. @returns how many were closed. */
export async function closeHolds(storage: Storage, now = Date.now()): Promise<number> {
  let closed = 0;
  for (const id of await storage.openHolds(new Date(now - 3 * PROVIDER_MS))) {
    if (await storage.voidHold(id)) closed++;
  }
  return closed;
}
