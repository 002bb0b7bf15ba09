/** Registering, signing in and out. */
import { type Context, Hono } from "hono";
import { deleteCookie, setCookie } from "hono/cookie";
import {
  type Attempts,
  checkPassword,
  hashPassword,
  NO_PASSWORD,
  passwordProblem,
  SESSION_SECONDS,
} from "../auth.ts";
import type { User } from "../collections.ts";
import { type Env, formOf, PageError, type Parts } from "../http.ts";
import { registerPage, signInPage } from "../pages/account.ts";

const EMAIL = /^[^\s@]+@[^\s@]+\.[^\s@]+$/;
const EMAIL_UNITS = 254;

/** The prefix keeps other hosts of the domain, and plain http, from setting it. */
export function cookieName(parts: Parts): string {
  return isSecure(parts) ? "__Host-session" : "session";
}

const isSecure = ({ origin }: Parts): boolean => origin?.startsWith("https:") ?? false;

export function accountRoutes(parts: Parts, attempts: Attempts): Hono<Env> {
  const app = new Hono<Env>();
  app.get("/register", (context) => elsewhere(context) ?? context.html(registerPage({})));
  app.post("/register", (context) => register(context, parts));
  app.get("/sign-in", (context) => elsewhere(context) ?? context.html(signInPage({})));
  app.post("/sign-in", (context) => signIn(context, parts, attempts));
  app.post("/sign-out", (context) => {
    deleteCookie(context, cookieName(parts), { path: "/", secure: isSecure(parts) });
    return context.redirect("/", 303);
  });
  return app;
}

/** Who is signed in has nothing to do here. */
function elsewhere(context: Context<Env>): Response | undefined {
  return context.var.user === undefined ? undefined : context.redirect("/", 303);
}

async function register(context: Context<Env>, parts: Parts): Promise<Response> {
  const { storage, passwordCost } = parts;
  const field = await formOf(context);
  const email = field("email").trim().toLowerCase();
  const password = field("password");
  const again = (problem: string, status: 409 | 422) =>
    context.html(registerPage({ email, problem }), status);
  if (email.length > EMAIL_UNITS || !EMAIL.test(email)) {
    return again("That is no e-mail address.", 422);
  }
  const wrong = passwordProblem(password);
  if (wrong !== undefined) return again(wrong, 422);
  const hash = await hashPassword(password, passwordCost);
  const { id, changes } = await storage.createUser(email, hash);
  if (changes === 0) return again("There is an account with this address already.", 409);
  return welcome(context, parts, { id, password_hash: hash });
}

async function signIn(context: Context<Env>, parts: Parts, attempts: Attempts): Promise<Response> {
  const field = await formOf(context);
  const email = field("email").trim();
  const name = email.toLowerCase();
  if (attempts.wait(name) > 0) {
    const minutes = Math.ceil(attempts.wait(name) / 60);
    throw new PageError(429, `Too many tries for this account. Wait ${minutes} minutes.`);
  }
  const user = await checked(parts, email, field("password"));
  if (user === undefined) {
    attempts.failed(name);
    const problem = "The e-mail address or the password is wrong.";
    return context.html(signInPage({ email, problem }), 422);
  }
  attempts.succeeded(name);
  await parts.storage.updateLastLogin(user.id);
  return welcome(context, parts, user);
}

/** @returns the account, with a new hash where the old one was too cheap; `undefined` for a wrong password. */
async function checked(
  { storage, passwordCost }: Parts,
  email: string,
  password: string,
): Promise<User | undefined> {
  // The oldest accounts kept their address as it was typed.
  const user =
    (await storage.getUserByEmail(email)) ?? (await storage.getUserByEmail(email.toLowerCase()));
  const hash = user?.password_hash ?? NO_PASSWORD;
  const result = await checkPassword(password, hash, passwordCost);
  if (user === undefined || result === "wrong") return undefined;
  if (result === "right") return user;
  const password_hash = await hashPassword(password, passwordCost);
  await storage.updatePasswordHash(user.id, password_hash);
  return { ...user, password_hash };
}

function welcome(
  context: Context<Env>,
  parts: Parts,
  user: Pick<User, "id" | "password_hash">,
): Response {
  setCookie(context, cookieName(parts), parts.sessions.issue(user), {
    path: "/",
    httpOnly: true,
    // Strict would sign buyers out on their way back from where they paid.
    sameSite: "Lax",
    secure: isSecure(parts),
    maxAge: SESSION_SECONDS,
  });
  return context.redirect("/", 303);
}
