/** Legacy data of PictureAi: its `data/database.json`, with rows that were carried over from SQLite. */
import { apportion, at, iso, Random, type Row, times } from "./random.ts";

const START = Date.parse("2025-08-24T15:51:55.000Z");
const HOUR = 3_600_000;

/** Name, credits, price in kurus. */
const PACKAGES = [
  ["Starter Pack", 20, 2500],
  ["Popular Pack", 50, 5000],
  ["Pro Pack", 100, 8000],
  ["Business Pack", 500, 30000],
] as const;

const PROMPTS = [
  "Steampunk tarzında uçan şehir",
  "Büyülü ormanda ışıldayan göl, şafak vakti",
  "İstanbul sokaklarında yağmurlu bir gece",
  "Çiçeklerle dolu küçük bir köy, suluboya",
  "Uzayda çay içen kedi 🐈",
  "Güneş batarken ıssız bir çöl",
];

/** How SQLite's CURRENT_TIMESTAMP writes it: UTC, without a zone. */
function sqlTime(milliseconds: number): string {
  return iso(milliseconds).slice(0, 19).replace("T", " ");
}

interface Account {
  readonly id: number;
  readonly createdAt: number;
  balance: number;
  generated: number;
}

/** @param options.records how many users, transactions and packages together. */
export function pictureAi(options: { records: number; seed?: number }): string {
  const random = new Random(options.seed ?? 1);
  // The defaults are inserted all four at once.
  const packages = 4 * Math.max(1, Math.round((options.records * 0.13) / 4));
  const counts = apportion(Math.max(0, options.records - packages), {
    users: 29,
    transactions: 71,
  });
  const accounts = times(Math.max(1, counts.users), (index): Account => {
    const createdAt = START + index * 2 * HOUR + random.int(0, HOUR);
    // The default was 5 in SQLite, 3 afterwards.
    return { id: index + 1, createdAt, balance: index < counts.users / 3 ? 5 : 3, generated: 0 };
  });
  const transactions = history(random, counts.transactions, accounts);
  return JSON.stringify(
    {
      users: accounts.map((account, index) => user(random, account, index, accounts.length)),
      transactions,
      creditPackages: times(packages, (index) => creditPackage(index, packages)),
      nextUserId: accounts.length + 1,
      nextTransactionId: transactions.length + 1,
      nextPackageId: packages + 1,
    },
    null,
    2,
  );
}

function user(random: Random, account: Account, index: number, total: number): Row {
  const old = index < total / 3;
  const time = old ? sqlTime : iso;
  const oauth = at(index, 3, 1);
  const row: Row = {
    id: at(index, 53, 17) ? String(account.id) : account.id,
    email: email(index),
    password_hash: oauth
      ? "google_oauth"
      : `$2b$12$${random.base36(31).toUpperCase()}${random.base36(22)}`,
    // Some balances were set by hand, or began with another default.
    credits: at(index, 7, 3) ? account.balance + 2 : account.balance,
    total_generated: account.generated,
    created_at: time(account.createdAt),
  };
  if (!at(index, 11, 6)) {
    const seen = account.createdAt + random.int(1, 400) * HOUR;
    row["last_login"] = at(index, 13, 8) ? null : time(seen);
  }
  if (old) row["last_payment_token"] = null;
  return row;
}

/** Nothing kept an address from being stored again, in another case or just the same. */
function email(index: number): string {
  if (at(index, 19, 9)) return `Person${index - 1}@Example.test`;
  if (at(index, 61, 31)) return `person${index - 1}@example.test`;
  return `person${index}@example.test`;
}

function history(random: Random, count: number, accounts: readonly Account[]): Row[] {
  const rows: Row[] = [];
  let now = START + HOUR;
  for (let index = 0; index < count; index++) {
    now += random.int(1, 90) * 60_000;
    const account = random.pick(accounts);
    const createdAt = index < count / 3 ? sqlTime(now) : iso(now);
    const previous = rows[index - 1];
    if (at(index, 23, 6) && previous?.["type"] === "purchase") {
      const buyer = accounts[Number(previous["user_id"]) - 1];
      if (buyer !== undefined) buyer.balance += previous["credits"] as number;
      rows.push({ ...previous, id: index + 1, created_at: createdAt });
      continue;
    }
    const asked = at(index, 37, 9) || at(index, 41, 13);
    const bought = at(index, 23, 5) || at(index, 31, 3) || account.balance < 1;
    const row = bought && !asked ? purchase(random, index, account) : usage(random, index, account);
    row["created_at"] = createdAt;
    if (at(index, 43, 21)) row["id"] = String(index + 1);
    rows.push(row);
  }
  return rows;
}

/** Of an account, or of nobody's: `recordPurchase` did not ask. */
function ownerOf(index: number, account: Account): number | string {
  if (at(index, 29, 11)) return 900_000 + index;
  return at(index, 47, 19) ? String(account.id) : account.id;
}

function purchase(random: Random, index: number, account: Account): Row {
  const [, credits, price] = random.pick(PACKAGES);
  account.balance += credits;
  return {
    id: index + 1,
    user_id: ownerOf(index, account),
    type: "purchase",
    credits,
    // SQLite's column was REAL, and one version passed lira instead of kurus.
    amount: at(index, 31, 3) ? price / 100 + 0.9 : price,
    stripe_session_id: `cs_test_${random.base36(24)}`,
    ...(random.chance(0.3) ? { prompt: null } : {}),
    created_at: "",
  };
}

function usage(random: Random, index: number, account: Account): Row {
  account.balance = Math.max(0, account.balance - 1);
  account.generated++;
  return {
    id: index + 1,
    user_id: ownerOf(index, account),
    type: "usage",
    credits: -1,
    ...(random.chance(0.4) ? { amount: null, stripe_session_id: null } : {}),
    ...(at(index, 17, 14) ? {} : { prompt: prompt(random, index) }),
    created_at: "",
  };
}

function prompt(random: Random, index: number): string | null {
  if (at(index, 37, 9)) return `Kopyalanmış\u0000 metin, ${random.words(3)}`;
  // Cut in the middle of an emoji.
  if (at(index, 41, 13)) return "Gülümseyen yüz \ud83d";
  if (at(index, 67, 15)) return null;
  return `${random.pick(PROMPTS)}, ${random.words(random.int(1, 4))}`;
}

function creditPackage(index: number, total: number): Row {
  const [name, credits, price] = PACKAGES[index % 4] as (typeof PACKAGES)[number];
  const old = index < total / 2;
  return {
    id: index + 1,
    name,
    credits,
    price,
    ...(old ? { stripe_price_id: null } : {}),
    is_active: old ? 1 : !at(index, 23, 22),
  };
}
