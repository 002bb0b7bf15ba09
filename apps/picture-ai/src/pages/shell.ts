/** The frame of every page. */
import { html } from "hono/html";
import type { User } from "../collections.ts";

export type Html = ReturnType<typeof html>;

export interface Frame {
  readonly title: string;
  readonly user: User | undefined;
  /** The path of the page, for the menu. */
  readonly at?: string;
  /** Seconds after which the browser asks again. */
  readonly refresh?: number;
}

export function page({ title, user, at, refresh }: Frame, body: Html): Html {
  const link = (path: string, text: string): Html =>
    html`<a href="${path}" ${path === at ? html`aria-current="page"` : ""}>${text}</a>`;
  const menu =
    user === undefined
      ? html`${link("/credits", "Prices")} ${link("/sign-in", "Sign in")}
          <a class="button small" href="/register">Register</a>`
      : html`${link("/", "Pictures")} ${link("/history", "History")}
          <a class="balance" href="/credits" ${at === "/credits" ? html`aria-current="page"` : ""}
            ><strong data-credits="${user.credits}">${user.credits}</strong>
            ${user.credits === 1 ? "credit" : "credits"}</a>
          <form method="post" action="/sign-out"><button class="link">Sign out</button></form>`;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
${refresh === undefined ? "" : html`<meta http-equiv="refresh" content="${refresh}">`}
<title>${title} · PictureAi</title>
<link rel="icon" href="/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/style.css">
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header><div class="bar">
<a class="brand" href="/"><img src="/icon.svg" alt="" width="28" height="28"> PictureAi</a>
<nav aria-label="Main">${menu}</nav>
</div></header>
<main id="main">
${body}
</main>
</body>
</html>`;
}

/** What is wrong with a form, where its reader looks first. */
export function problem(text: string | undefined): Html | "" {
  return text === undefined ? "" : html`<p class="problem" role="alert" id="problem">${text}</p>`;
}

/** A person's text as it can be shown: NUL, control characters and halves of pairs have no place in HTML. */
export function shown(text: string): string {
  return text.toWellFormed().replaceAll(/[\0-\x08\x0b-\x1f\x7f]/g, "\u{fffd}");
}

const WHEN = new Intl.DateTimeFormat("en-GB", {
  dateStyle: "medium",
  timeStyle: "short",
  timeZone: "UTC",
});

/** An instant; the oldest ones are written as SQLite does: in UTC, without a zone. */
export function time(text: string): Html {
  const sqlite = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/.test(text);
  const date = new Date(sqlite ? `${text.replace(" ", "T")}Z` : text);
  if (Number.isNaN(date.getTime())) return html`${shown(text)}`;
  return html`<time datetime="${date.toISOString()}">${WHEN.format(date)}</time>`;
}

const LIRA = new Intl.NumberFormat("en-GB", {
  style: "currency",
  currency: "TRY",
  currencyDisplay: "narrowSymbol",
});

export function price(kurus: number): string {
  return LIRA.format(kurus / 100);
}
