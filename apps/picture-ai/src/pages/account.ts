/** The pages to register and to sign in on. */
import { html } from "hono/html";
import { type Html, page, problem } from "./shell.ts";

export interface AccountForm {
  readonly email?: string;
  readonly problem?: string | undefined;
}

export function registerPage({ email = "", problem: wrong }: AccountForm): Html {
  return page(
    { title: "Register", user: undefined },
    html`<section class="card narrow">
<h1>Register</h1>
<p>You begin with 3 credits: a picture costs one.</p>
${problem(wrong)}
<form method="post" action="/register">
<label for="email">E-mail</label>
<input id="email" name="email" type="email" autocomplete="email" required maxlength="254"
  value="${email}" ${described(wrong)}>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="new-password" required
  minlength="8" maxlength="200" aria-describedby="password-hint">
<p class="hint" id="password-hint">8 characters or more.</p>
<button class="button">Register</button>
</form>
<p>Registered already? <a href="/sign-in">Sign in</a></p>
</section>`,
  );
}

export function signInPage({ email = "", problem: wrong }: AccountForm): Html {
  return page(
    { title: "Sign in", user: undefined, at: "/sign-in" },
    html`<section class="card narrow">
<h1>Sign in</h1>
${problem(wrong)}
<form method="post" action="/sign-in">
<label for="email">E-mail</label>
<input id="email" name="email" type="email" autocomplete="username" required maxlength="254"
  value="${email}" ${described(wrong)}>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required
  maxlength="200">
<button class="button">Sign in</button>
</form>
<p>New here? <a href="/register">Register</a></p>
</section>`,
  );
}

function described(wrong: string | undefined): Html | "" {
  return wrong === undefined ? "" : html`aria-invalid="true" aria-describedby="problem"`;
}
