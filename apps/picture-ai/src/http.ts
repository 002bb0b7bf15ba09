/** What the routes share: whom a request is from, its form, and errors that are pages. */
import type { Context } from "hono";
import type { PasswordCost, Sessions } from "./auth.ts";
import type { User } from "./collections.ts";
import type { ImageProvider } from "./images/provider.ts";
import type { Payments } from "./payments.ts";
import type { Storage } from "./storage.ts";

export interface Parts {
  readonly storage: Storage;
  readonly payments: Payments;
  readonly provider: ImageProvider;
  readonly sessions: Sessions;
  /** The app's address as browsers know it. Default: that of each request. */
  readonly origin?: string | undefined;
  /** Default: see `auth.ts`. */
  readonly passwordCost?: PasswordCost | undefined;
  /** Is told of answers of 500 and above. Default: the console. */
  readonly report?: ((request: string, cause: unknown) => void) | undefined;
}

export interface Env {
  Variables: { user: User | undefined };
}

/** An answer other than what was asked for, as a page. */
export class PageError extends Error {
  readonly status: 400 | 401 | 402 | 403 | 404 | 409 | 413 | 422 | 429 | 500 | 502 | 503 | 504;

  constructor(status: PageError["status"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}

/** A form's fields as text: files and names that come twice are none. */
export async function formOf(context: Context<Env>): Promise<(name: string) => string> {
  const fields = await context.req.parseBody();
  return (name) => {
    const value = fields[name];
    return typeof value === "string" ? value : "";
  };
}

/** @throws PageError for somebody who is not signed in. */
export function signedIn(context: Context<Env>): User {
  const { user } = context.var;
  if (user === undefined) throw new PageError(401, "Please sign in first.");
  return user;
}

export function originOf(context: Context<Env>, { origin }: Parts): string {
  return origin ?? new URL(context.req.url).origin;
}
