/**
 * PictureAi's storage calls. Their names and results are those of the app's first day; what they stand on is whatever
 * store the move is at. Credits cannot be oversold, lost or added twice: each call that touches them is one
 * transaction over the records that it read.
 *
 * None of them turns a store that does not answer into "there is no such user": they throw.
 */
import { randomUUID } from "node:crypto";
import type { Store } from "outgrow";
import {
  type Counters,
  type CreditPackage,
  CreditPackages,
  Document,
  type Hold,
  Holds,
  type Payment,
  Payments,
  type Picture,
  Pictures,
  type Transaction,
  Transactions,
  type User,
  Users,
} from "./collections.ts";

export interface Changed {
  readonly id: number;
  readonly changes: 0 | 1;
}

/** `known`: the same key has set a credit aside before. */
export interface HeldCredit {
  readonly hold: Hold;
  readonly known: boolean;
}

export type Storage = ReturnType<typeof openStorage>;

/** Credits that a new account begins with. */
const FIRST_CREDITS = 3;
/** Ids of transactions are taken in blocks, so that spending does not wait for one counter. */
const ID_BLOCK = 20;
/** How many open holds are looked at in one call. */
const MANY = 1000;

export function openStorage(store: Store) {
  const nextTransactionId = transactionIds(store);
  return {
    ...accounts(store),
    ...holds(store, nextTransactionId),
    ...purchases(store, nextTransactionId),
    ...readings(store),
  };
}

const now = (): string => new Date().toISOString();
const first = (): Counters => ({ nextUserId: 1, nextTransactionId: 1, nextPackageId: 1 });

/** @returns a function that gives an id that no other process gives. */
function transactionIds(store: Store): () => Promise<number> {
  let next = 0;
  let end = 0;
  let taking: Promise<void> | undefined;
  const take = async (): Promise<void> => {
    next = await store.transaction(async (tx) => {
      const document = tx.collection(Document);
      const counters = (await document.get(0)) ?? first();
      const { nextTransactionId } = counters;
      await document.put({ ...counters, nextTransactionId: nextTransactionId + ID_BLOCK });
      return nextTransactionId;
    });
    end = next + ID_BLOCK;
  };
  return async () => {
    while (next >= end) {
      taking ??= take().finally(() => {
        taking = undefined;
      });
      await taking;
    }
    return next++;
  };
}

function accounts(store: Store) {
  const change = (id: number, to: (user: User) => Partial<User>): Promise<Changed> =>
    store.transaction(async (tx) => {
      const users = tx.collection(Users);
      const user = await users.get(id);
      if (user === undefined) return { id, changes: 0 };
      await users.put({ ...user, ...to(user) });
      return { id, changes: 1 };
    });
  return {
    /** @returns `changes: 0` and that account's id when the address has an account already. */
    createUser: (email: string, passwordHash: string): Promise<Changed> =>
      store.transaction(async (tx) => {
        // Every registration writes the counter: of two with one address, the second sees the first one's account.
        const document = tx.collection(Document);
        const counters = (await document.get(0)) ?? first();
        const { records } = await store.collection(Users).query({ where: { email }, limit: 1 });
        const [known] = records;
        if (known !== undefined) return { id: known.id, changes: 0 };
        const id = counters.nextUserId;
        await document.put({ ...counters, nextUserId: id + 1 });
        const at = now();
        await tx.collection(Users).put({
          id,
          email,
          password_hash: passwordHash,
          credits: FIRST_CREDITS,
          total_generated: 0,
          created_at: at,
          last_login: at,
        });
        return { id, changes: 1 };
      }),

    /** As it is written: the oldest accounts differ in case alone. */
    async getUserByEmail(email: string): Promise<User | undefined> {
      const { records } = await store.collection(Users).query({ where: { email }, limit: 1 });
      return records[0];
    },

    getUserById: (id: number): Promise<User | undefined> => store.collection(Users).get(id),

    updateLastLogin: (id: number): Promise<Changed> => change(id, () => ({ last_login: now() })),

    updatePasswordHash: (id: number, password_hash: string): Promise<Changed> =>
      change(id, () => ({ password_hash })),

    addCredits: (id: number, credits: number): Promise<Changed> =>
      change(id, (user) => ({ credits: user.credits + credits })),

    updateUserCredits: (id: number, credits: number): Promise<Changed> =>
      change(id, () => ({ credits })),
  };
}

function holds(store: Store, nextTransactionId: () => Promise<number>) {
  /**
   * Sets a credit aside for a picture. Again with the same key, it changes nothing.
   * @returns `undefined` when there is no credit.
   */
  const holdUserCredit = (
    id: number,
    prompt: string,
    key: string = randomUUID(),
  ): Promise<HeldCredit | undefined> =>
    store.transaction(async (tx) => {
      const all = tx.collection(Holds);
      const known = await all.get(key);
      if (known !== undefined) return { hold: known, known: true };
      const users = tx.collection(Users);
      const user = await users.get(id);
      if (user === undefined || user.credits < 1) return undefined;
      await users.put({ ...user, credits: user.credits - 1 });
      const hold: Hold = { id: key, user_id: id, prompt, state: "open", created_at: now() };
      await all.put(hold);
      return { hold, known: false };
    });

  /** The picture was made: its credit is spent. Again, it changes nothing. @returns false for a voided hold. */
  const captureHold = async (
    id: string,
    picture?: Pick<Picture, "provider" | "url">,
  ): Promise<boolean> => {
    const transaction = await nextTransactionId();
    return store.transaction(async (tx) => {
      const all = tx.collection(Holds);
      const hold = await all.get(id);
      if (hold === undefined || hold.state === "voided") return false;
      if (hold.state === "captured") return true;
      const { user_id, prompt } = hold;
      const users = tx.collection(Users);
      const user = await users.get(user_id);
      const created_at = now();
      await all.put({ ...hold, state: "captured" });
      if (user !== undefined) {
        await users.put({ ...user, total_generated: user.total_generated + 1 });
      }
      await tx
        .collection(Transactions)
        .put({ id: transaction, user_id, type: "usage", credits: -1, prompt, created_at });
      if (picture !== undefined) {
        await tx.collection(Pictures).put({ id, user_id, prompt, ...picture, created_at });
      }
      return true;
    });
  };

  return {
    holdUserCredit,
    captureHold,

    /** No picture was made: the credit goes back. Again, it changes nothing. @returns whether it went back. */
    voidHold: (id: string): Promise<boolean> =>
      store.transaction(async (tx) => {
        const all = tx.collection(Holds);
        const hold = await all.get(id);
        if (hold?.state !== "open") return false;
        const users = tx.collection(Users);
        const user = await users.get(hold.user_id);
        await all.put({ ...hold, state: "voided" });
        if (user !== undefined) await users.put({ ...user, credits: user.credits + 1 });
        return true;
      }),

    /** Holds from before then that nobody closed: their process died between the credit and the picture. */
    async openHolds(before: Date): Promise<readonly string[]> {
      const where = { state: "open" } as const;
      const { records } = await store.collection(Holds).query({ where, limit: MANY });
      return records
        .filter(({ created_at }) => created_at < before.toISOString())
        .map(({ id }) => id);
    },

    /** Takes a credit at once. @returns false when there is none. */
    async useUserCredit(id: number, prompt: string): Promise<boolean> {
      const held = await holdUserCredit(id, prompt);
      return held !== undefined && captureHold(held.hold.id);
    },
  };
}

function purchases(store: Store, nextTransactionId: () => Promise<number>) {
  return {
    /**
     * Adds what was paid for, once per session, however often its webhook comes.
     * @returns `changes: 0` when that was done before, or when there is no such user.
     */
    async recordPurchase(
      id: number,
      credits: number,
      amount: number,
      session: string,
    ): Promise<Changed> {
      const transaction = await nextTransactionId();
      return store.transaction(async (tx) => {
        const payments = tx.collection(Payments);
        const users = tx.collection(Users);
        const user = await users.get(id);
        if (user === undefined || (await payments.get(session)) !== undefined) {
          return { id, changes: 0 };
        }
        const created_at = now();
        await payments.put({ id: session, user_id: id, credits, amount, created_at });
        await users.put({ ...user, credits: user.credits + credits });
        await tx.collection(Transactions).put({
          id: transaction,
          user_id: id,
          type: "purchase",
          credits,
          amount,
          stripe_session_id: session,
          created_at,
        });
        return { id, changes: 1 };
      });
    },

    getPayment: (session: string): Promise<Payment | undefined> =>
      store.collection(Payments).get(session),
  };
}

function readings(store: Store) {
  const newestFirst = { property: "created_at", direction: "desc" } as const;
  return {
    /** The newest first. */
    async getUserTransactions(id: number, limit = 50): Promise<readonly Transaction[]> {
      const where = { user_id: id };
      const query = { where, orderBy: newestFirst, limit };
      return (await store.collection(Transactions).query(query)).records;
    },

    /** The newest first. */
    async getUserPictures(id: number, limit = 50): Promise<readonly Picture[]> {
      const where = { user_id: id };
      const query = { where, orderBy: newestFirst, limit };
      return (await store.collection(Pictures).query(query)).records;
    },

    getPicture: (id: string): Promise<Picture | undefined> => store.collection(Pictures).get(id),

    /** Those that can be bought, by id. */
    async getCreditPackages(): Promise<readonly CreditPackage[]> {
      const { records } = await store.collection(CreditPackages).query({ limit: MANY });
      return records.filter(({ is_active }) => Boolean(is_active));
    },

    getCreditPackage: (id: number): Promise<CreditPackage | undefined> =>
      store.collection(CreditPackages).get(id),
  };
}
