// Makes demo/database.json: a year of PictureAi, in the shapes that its JSON file really has, old and odd records
// included. The same bytes at every run.
import { scryptSync } from "node:crypto";
import { writeFileSync } from "node:fs";

let seed = 20250824;
const random = () => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return seed / 2 ** 32;
};
const below = (count) => Math.floor(random() * count);
const pick = (list) => list[below(list.length)];
const text = (alphabet, length) => Array.from({ length }, () => pick([...alphabet])).join("");

const FIRST = Date.UTC(2025, 7, 24, 15, 51, 55);
const HOUR = 3_600_000;
const iso = (at) => new Date(at).toISOString();
/** As SQLite wrote the first ones: UTC, without a zone. */
const sqlite = (at) => iso(at).slice(0, 19).replace("T", " ");

// Known to all: the account is there to be tried. A salt by chance would give other bytes at every run.
const DEMO = { email: "demo@picture-ai.example", password: "pictures please" };
const salt = Buffer.from("picture-ai-demo!");
const cost = { N: 2 ** 15, r: 8, p: 3 };
const key = scryptSync(DEMO.password, salt, 32, { ...cost, maxmem: 2 ** 28 });
const hash = `scrypt$N=${cost.N},r=${cost.r},p=${cost.p}$${salt.toString("base64url")}$${key.toString("base64url")}`;
const bcrypt = () => `$2b$12$${text("./ABCDEFGHIJabcdefghij0123456789", 53)}`;

const NAMES = [
  "ayse",
  "mehmet",
  "zeynep",
  "emre",
  "elif",
  "can",
  "deniz",
  "selin",
  "burak",
  "ece",
  "kerem",
  "derya",
  "onur",
  "melis",
  "tolga",
  "irem",
  "cem",
  "gizem",
  "baris",
  "ipek",
  "ozan",
  "asli",
  "kaan",
  "nil",
  "umut",
  "sude",
  "arda",
  "yasemin",
  "mert",
];
const PROMPTS = [
  "Steampunk tarzında uçan şehir",
  "Büyülü ormanda ışıldayan göl, şafak vakti",
  "İstanbul sokaklarında yağmurlu bir gece",
  "Çiçeklerle dolu küçük bir köy, suluboya",
  "Güneş batarken ıssız bir çöl",
  "Uzayda çay içen kedi 🐈",
  "A lighthouse in a storm, oil on canvas",
  "An old library, light through tall windows",
  "Mountains above the clouds at dawn",
  "A quiet harbour at night",
];
const PACKAGES = [
  ["Starter Pack", 20, 2500],
  ["Popular Pack", 50, 5000],
  ["Pro Pack", 100, 8000],
  ["Business Pack", 500, 30000],
];
const OLD = 10;

const users = NAMES.map((name, index) => {
  const old = index < OLD;
  const created = FIRST + index * 61 * HOUR + below(40) * 60_000;
  // The sixteenth came back and wrote the address in another case: two accounts to this day.
  const email = index === 16 ? "Ayse@Mail.example" : `${name}@mail.example`;
  return {
    id: index + 1,
    email,
    password_hash: index % 5 === 1 ? "google_oauth" : bcrypt(),
    // The default was 5 in SQLite, 3 afterwards.
    credits: old ? 5 : 3,
    total_generated: 0,
    created_at: (old ? sqlite : iso)(created),
    ...(index === 7 ? {} : { last_login: index === 12 ? null : iso(created + below(300) * HOUR) }),
  };
});
const demo = {
  id: users.length + 1,
  email: DEMO.email,
  password_hash: hash,
  credits: 3,
  total_generated: 0,
  created_at: iso(FIRST + 1800 * HOUR),
  last_login: iso(FIRST + 4000 * HOUR),
};
users.push(demo);

const transactions = [];
let at = FIRST + HOUR;
const add = (row) => {
  transactions.push({ id: transactions.length + 1, ...row, created_at: row.created_at(at) });
};
while (transactions.length < 200) {
  at += below(40 * 60) * 60_000;
  const index = transactions.length;
  const written = index < 60 ? sqlite : iso;
  const known = users.filter(({ created_at }) => Date.parse(created_at) <= at);
  // Every sixth one is the demo account's, so that its history is worth a look.
  const user =
    index % 6 === 5 && known.includes(demo)
      ? demo
      : pick(known.length > 0 ? known : users.slice(0, 1));
  if (user.credits < 1 || index % 23 === 5) {
    const [, credits, price] = pick(PACKAGES.slice(0, 3));
    const row = {
      user_id: user.id,
      type: "purchase",
      credits,
      amount: price,
      stripe_session_id: `cs_test_${text("abcdefghijklmnopqrstuvwxyz0123456789", 24)}`,
      created_at: written,
    };
    user.credits += credits;
    add(row);
    // One webhook came twice, and was recorded twice.
    if (index === 28) {
      user.credits += credits;
      add(row);
    }
    continue;
  }
  user.credits--;
  user.total_generated++;
  add({
    user_id: user.id,
    type: "usage",
    credits: -1,
    ...(index < 60 ? { amount: null, stripe_session_id: null } : {}),
    prompt: pick(PROMPTS),
    created_at: written,
  });
}
// What else is found in such a file.
Object.assign(transactions[40], { user_id: 900_041 });
transactions[70].prompt = "Gülümseyen yüz \ud83d";
transactions[90].prompt = "Kopyalanmış\u0000 metin";
delete transactions.find(({ id, type }) => id > 110 && type === "usage").prompt;
users[3].credits += 2;

const creditPackages = PACKAGES.map(([name, credits, price], index) => ({
  id: index + 1,
  name,
  credits,
  price,
  ...(index < 2 ? { stripe_price_id: null } : {}),
  is_active: index < 2 ? 1 : true,
}));

const database = {
  users,
  transactions,
  creditPackages,
  holds: [],
  pictures: [],
  payments: [],
  nextUserId: users.length + 1,
  nextTransactionId: transactions.length + 1,
  nextPackageId: creditPackages.length + 1,
};
writeFileSync(
  new URL("../demo/database.json", import.meta.url),
  `${JSON.stringify(database, null, 2)}\n`,
);
