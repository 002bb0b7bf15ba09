/** An answer that is not what was asked for. */
import { html } from "hono/html";
import type { User } from "../collections.ts";
import type { PageError } from "../http.ts";
import { type Html, page } from "./shell.ts";

const TITLES: Readonly<Record<PageError["status"], string>> = {
  400: "That did not work",
  401: "Sign in",
  402: "No credits left",
  403: "Not allowed",
  404: "Not found",
  409: "That did not work",
  413: "Too much",
  422: "That did not work",
  429: "Too often",
  500: "Something went wrong",
  502: "No picture this time",
  503: "Back in a moment",
  504: "No picture this time",
};
const WAYS: Readonly<Partial<Record<PageError["status"], readonly [string, string]>>> = {
  401: ["/sign-in", "Sign in"],
  402: ["/credits", "Buy credits"],
};

export function errorPage(user: User | undefined, status: PageError["status"], text: string): Html {
  const [path, label] = WAYS[status] ?? ["/", "To the first page"];
  return page(
    { title: TITLES[status], user },
    html`<section class="card narrow">
<h1>${TITLES[status]}</h1>
<p role="alert">${text}</p>
<p><a class="button" href="${path}">${label}</a></p>
</section>`,
  );
}
