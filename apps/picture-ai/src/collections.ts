/** What PictureAi stores. The first four are those of its JSON file; the others came with holds, payments and the gallery. */
import { collection, shape } from "outgrow";

export interface User {
  readonly id: number;
  readonly email: string;
  /** scrypt (`auth.ts`); bcrypt for older accounts; `google_oauth` for accounts without a password. */
  readonly password_hash: string;
  readonly credits: number;
  readonly total_generated: number;
  readonly created_at: string;
  /** Absent or null in accounts that were made before it was kept. */
  readonly last_login?: string | null;
}

export interface Transaction {
  readonly id: number;
  readonly user_id: number;
  readonly type: "purchase" | "usage";
  /** Negative for usage. */
  readonly credits: number;
  /** What was paid, in minor units. */
  readonly amount?: number | null;
  readonly stripe_session_id?: string | null;
  readonly prompt?: string | null;
  readonly created_at: string;
}

export interface CreditPackage {
  readonly id: number;
  readonly name: string;
  readonly credits: number;
  /** In kurus: 2500 is 25 lira. */
  readonly price: number;
  readonly stripe_price_id?: string | null;
  /** 1 in the oldest ones. */
  readonly is_active: boolean | 1;
}

/** All else at the top of the JSON file: the ids that come next. */
export interface Counters {
  readonly nextUserId: number;
  readonly nextTransactionId: number;
  readonly nextPackageId: number;
}

/** A credit that is set aside while a picture is made. */
export interface Hold {
  /** Also the picture's, when there is one. */
  readonly id: string;
  readonly user_id: number;
  readonly prompt: string;
  readonly state: "open" | "captured" | "voided";
  readonly created_at: string;
}

export interface Picture {
  readonly id: string;
  readonly user_id: number;
  readonly prompt: string;
  readonly provider: string;
  /** `data:`, whatever the provider answers with: its addresses expire. */
  readonly url: string;
  readonly created_at: string;
}

/** A paid checkout session: that it is here says that its credits were added. */
export interface Payment {
  readonly id: string;
  readonly user_id: number;
  readonly credits: number;
  readonly amount: number;
  readonly created_at: string;
}

export const Users = collection("users", {
  schema: shape<User>({
    id: ["number"],
    email: ["string"],
    password_hash: ["string"],
    credits: ["number"],
  }),
  key: "id",
  indexes: ["email"],
});

export const Transactions = collection("transactions", {
  schema: shape<Transaction>({
    id: ["number"],
    user_id: ["number"],
    type: ["string"],
    credits: ["number"],
  }),
  key: "id",
  indexes: ["user_id", "created_at"],
});

export const CreditPackages = collection("creditPackages", {
  schema: shape<CreditPackage>({
    id: ["number"],
    name: ["string"],
    credits: ["number"],
    price: ["number"],
  }),
  key: "id",
});

export const Document = collection("document", {
  schema: shape<Counters>({
    nextUserId: ["number"],
    nextTransactionId: ["number"],
    nextPackageId: ["number"],
  }),
  // The one record of its collection: a dump knows it by its place.
  key: () => 0,
});

export const Holds = collection("holds", {
  schema: shape<Hold>({ id: ["string"], user_id: ["number"], state: ["string"] }),
  key: "id",
  indexes: ["user_id", "state"],
});

export const Pictures = collection("pictures", {
  schema: shape<Picture>({ id: ["string"], user_id: ["number"], url: ["string"] }),
  key: "id",
  indexes: ["user_id", "created_at"],
});

export const Payments = collection("payments", {
  schema: shape<Payment>({ id: ["string"], user_id: ["number"], credits: ["number"] }),
  key: "id",
});
