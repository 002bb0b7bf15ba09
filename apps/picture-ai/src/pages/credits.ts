/** What credits cost, what happened to a payment, and what was done with credits. */
import { html } from "hono/html";
import type { CreditPackage, Payment, Transaction, User } from "../collections.ts";
import { type Html, page, price, shown, time } from "./shell.ts";

export function creditsPage(
  user: User | undefined,
  packages: readonly CreditPackage[],
  cancelled: boolean,
): Html {
  const offer = ({
    id,
    name,
    credits,
    price: kurus,
  }: CreditPackage): Html => html`<li class="card offer">
<h2>${shown(name)}</h2>
<p class="amount"><strong>${credits}</strong> credits</p>
<p class="price">${price(kurus)}</p>
<p class="hint">${price(kurus / credits)} a picture</p>
${
  user === undefined
    ? html`<a class="button" href="/register">Register to buy</a>`
    : html`<form method="post" action="/credits"><input type="hidden" name="package" value="${id}">
<button class="button">Buy ${credits} credits</button></form>`
}
</li>`;
  return page(
    { title: "Credits", user, at: "/credits" },
    html`<h1>Credits</h1>
<p class="lead">A picture costs one credit. If a picture fails, its credit comes back by itself.</p>
${cancelled ? html`<p class="notice" role="status">Nothing was paid.</p>` : ""}
${
  packages.length === 0
    ? html`<p>There is nothing to buy at the moment.</p>`
    : html`<ul class="offers">${packages.map(offer)}</ul>`
}`,
  );
}

export function paidPage(user: User, payment: Payment | undefined): Html {
  if (payment === undefined) {
    return page(
      { title: "Payment", user, refresh: 2 },
      html`<section class="card narrow">
<h1>One moment</h1>
<p role="status">Your payment is being confirmed. This page looks again by itself.</p>
</section>`,
    );
  }
  return page(
    { title: "Thank you", user },
    html`<section class="card narrow">
<h1>Thank you</h1>
<p role="status"><strong>${payment.credits} credits</strong> for ${price(payment.amount)} are yours.</p>
<p><a class="button" href="/">Make a picture</a></p>
</section>`,
  );
}

export function historyPage(user: User, transactions: readonly Transaction[]): Html {
  const row = ({ type, credits, amount, prompt, created_at }: Transaction): Html => html`<tr>
<td>${time(created_at)}</td>
<td class="what">${type === "purchase" ? "Credits bought" : "Picture"}</td>
<td class="prompt">${shown(prompt ?? "")}</td>
<td class="number">${type === "purchase" && typeof amount === "number" ? price(amount) : ""}</td>
<td class="number ${credits < 0 ? "spent" : "gained"}">${credits > 0 ? `+${credits}` : credits}</td>
</tr>`;
  return page(
    { title: "History", user, at: "/history" },
    html`<h1>History</h1>
<p class="lead">${user.total_generated} pictures made; ${user.credits} credits left.</p>
${
  transactions.length === 0
    ? html`<p>Nothing yet.</p>`
    : html`<div class="card scroll" role="region" aria-label="History" tabindex="0"><table>
<thead><tr><th scope="col">When (UTC)</th><th scope="col" class="what">What</th><th scope="col">Prompt</th>
<th scope="col" class="number">Paid</th><th scope="col" class="number">Credits</th></tr></thead>
<tbody>${transactions.map(row)}</tbody>
</table></div>`
}`,
  );
}
