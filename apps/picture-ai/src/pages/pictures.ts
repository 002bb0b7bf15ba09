/** The first page: for visitors what the app does, for others the form and their pictures. And one picture's page. */
import { html } from "hono/html";
import type { Picture, User } from "../collections.ts";
import { type Html, page, problem, shown, time } from "./shell.ts";

export const PROMPT_UNITS = 500;

/** Prompts whose pictures visitors see, by the name of their file. */
export const SAMPLES: ReadonlyMap<string, string> = new Map([
  ["lake.svg", "A lake at dawn, mountains in the mist"],
  ["city.svg", "Şehirde bir gece, ışıklı pencereler"],
  ["forest.svg", "A quiet forest in the evening"],
  ["desert.svg", "Güneş batarken ıssız bir çöl"],
]);

export function welcomePage(): Html {
  const sample = ([file, prompt]: [string, string]): Html => html`<li><figure>
<img src="/samples/${file}" alt="${prompt}" width="768" height="768" loading="lazy">
<figcaption>${prompt}</figcaption></figure></li>`;
  return page(
    { title: "Pictures from words", user: undefined, at: "/" },
    html`<section class="hero">
<h1>Pictures from words</h1>
<p class="lead">Say what you want to see. The first three pictures are free.</p>
<p><a class="button large" href="/register">Make a picture</a></p>
</section>
<h2 class="quiet">Drawn by the app itself</h2>
<ul class="gallery">${[...SAMPLES].map(sample)}</ul>`,
  );
}

export interface PromptForm {
  readonly prompt?: string;
  readonly problem?: string | undefined;
}

/** @param attempt names this form: sent twice, it makes one picture. */
export function galleryPage(
  user: User,
  pictures: readonly Picture[],
  attempt: string,
  { prompt = "", problem: wrong }: PromptForm = {},
): Html {
  const item = (picture: Picture): Html => html`<li><figure>
<a href="/pictures/${picture.id}"><img src="/pictures/${picture.id}/file" alt="${shown(picture.prompt)}"
  width="768" height="768" loading="lazy"></a>
<figcaption>${shown(picture.prompt)}</figcaption></figure></li>`;
  const none = user.credits < 1;
  return page(
    { title: "Your pictures", user, at: "/" },
    html`<section class="card create">
<h1>What would you like to see?</h1>
${problem(wrong)}
<form method="post" action="/pictures">
<input type="hidden" name="attempt" value="${attempt}">
<label for="prompt">Describe the picture</label>
<textarea id="prompt" name="prompt" rows="3" required maxlength="${PROMPT_UNITS}"
  placeholder="A lake at dawn, mountains in the mist"
  ${wrong === undefined ? "" : html`aria-invalid="true" aria-describedby="problem"`}>${prompt}</textarea>
<div class="row">
${
  none
    ? html`<p>You have no credits left.</p><a class="button" href="/credits">Buy credits</a>`
    : html`<p class="hint">Costs one credit.</p><button class="button">Make the picture</button>`
}
</div>
</form>
</section>
<h2>Your pictures</h2>
${
  pictures.length === 0
    ? html`<p class="empty">Your pictures will be here.</p>`
    : html`<ul class="gallery">${pictures.map(item)}</ul>`
}`,
  );
}

export function picturePage(user: User, picture: Picture): Html {
  return page(
    { title: "Picture", user },
    html`<figure class="card picture">
<img src="/pictures/${picture.id}/file" alt="${shown(picture.prompt)}" width="768" height="768">
<figcaption><h1>${shown(picture.prompt)}</h1>
<p class="hint">${time(picture.created_at)} UTC · made by ${picture.provider}</p>
<p><a class="button" href="/">Another one</a>
<a href="/pictures/${picture.id}/file" download>Download</a></p></figcaption>
</figure>`,
  );
}
