/** A ledger of one account in plain numbers: what `credits.ts` says, and nothing of how it is done. */
import type { ErrorCode, Kind, Receipt } from "../../src/credits/index.ts";
import { PlatformError } from "../../src/credits/index.ts";

export type Step =
  | { readonly do: "grant" | "spend" | "reserve"; readonly amount: number }
  | { readonly do: "purchase"; readonly amount: number; readonly payment: number }
  | { readonly do: "capture"; readonly which: number; readonly amount: number | undefined }
  | { readonly do: "refund"; readonly which: number; readonly amount: number | undefined }
  | { readonly do: "void"; readonly which: number }
  | { readonly do: "again"; readonly which: number }
  | { readonly do: "lapse"; readonly which: number }
  | { readonly do: "mismatch"; readonly which: number; readonly amount: number }
  | { readonly do: "sweep" };

type Method = "grant" | "spend" | "reserve" | "capture" | "void" | "refund";

export interface Asked {
  readonly method: Method;
  readonly request: {
    readonly account: string;
    readonly key: string;
    readonly amount?: number | undefined;
    readonly hold?: string;
    readonly of?: number;
    readonly payment?: string;
  };
}

export type ModelAnswer =
  | { readonly refused: ErrorCode }
  | (Pick<Receipt, "place" | "amount" | "available" | "held" | "replayed"> & {
      readonly kind: Kind;
    });

interface Hold {
  readonly id: string;
  readonly amount: number;
  state: "open" | "lapsed" | "expired" | "closed";
}

interface Spent {
  readonly place: number;
  left: number;
}

const MOST = Number.MAX_SAFE_INTEGER;

export class Model {
  readonly #account: string;
  #available = 0;
  #held = 0;
  #places = 0;
  readonly #holds: Hold[] = [];
  readonly #spent = new Map<number, Spent>();
  readonly #payments = new Map<string, { readonly amount: number; readonly answer: ModelAnswer }>();
  readonly #kept = new Map<string, { readonly asked: Asked; readonly answer: ModelAnswer }>();
  #keys = 0;

  constructor(account: string) {
    this.#account = account;
  }

  /** What a step asks of the ledger; `undefined` when it names nothing. */
  ask(step: Exclude<Step, { do: "lapse" | "sweep" }>): Asked | undefined {
    const account = this.#account;
    const earlier = "which" in step ? [...this.#kept.values()][step.which]?.asked : undefined;
    if (step.do === "again") return earlier;
    if (step.do === "mismatch") {
      if (earlier === undefined) return undefined;
      const isSame = earlier.method === "spend" && earlier.request.amount === step.amount;
      const amount = isSame ? step.amount - 1 || 13 : step.amount;
      return { method: "spend", request: { account, key: earlier.request.key, amount } };
    }
    const key = `${account}:${this.#keys++}`;
    switch (step.do) {
      case "purchase":
        return {
          method: "grant",
          request: { account, key, amount: step.amount, payment: `${account}:${step.payment}` },
        };
      case "capture":
      case "void": {
        const hold = this.#holds[step.which]?.id ?? "none";
        const request = { account, key, hold };
        return step.do === "void"
          ? { method: "void", request }
          : { method: "capture", request: { ...request, amount: step.amount } };
      }
      case "refund":
        return {
          method: "refund",
          request: { account, key, of: step.which + 1, amount: step.amount },
        };
      case "grant":
      case "spend":
      case "reserve":
        return { method: step.do, request: { account, key, amount: step.amount } };
    }
  }

  /** The end of a hold's time. @returns its id */
  lapse(which: number): string | undefined {
    const hold = this.#holds[which];
    if (hold?.state !== "open") return undefined;
    hold.state = "lapsed";
    return hold.id;
  }

  /** @returns how many holds ended */
  release(): number {
    const ended = this.#holds.filter(({ state }) => state === "lapsed");
    for (const hold of ended) {
      hold.state = "expired";
      this.#held -= hold.amount;
      this.#available += hold.amount;
      this.#places++;
    }
    return ended.length;
  }

  balance(): { readonly available: number; readonly held: number } {
    const lapsed = this.#holds.filter(({ state }) => state === "lapsed");
    const due = lapsed.reduce((sum, { amount }) => sum + amount, 0);
    return { available: this.#available + due, held: this.#held - due };
  }

  /** What is available by the entries that were written. */
  stored(): number {
    return this.#available;
  }

  /** @param given the ledger's answer, for the id of a hold, which is its own */
  answer(asked: Asked, given: Receipt | PlatformError): ModelAnswer {
    const { key } = asked.request;
    const kept = this.#kept.get(key);
    if (kept !== undefined) {
      if (kept.asked !== asked) return { refused: "IDEMPOTENCY_MISMATCH" };
      return "refused" in kept.answer ? kept.answer : { ...kept.answer, replayed: true };
    }
    this.release();
    const answer = this.#decide(asked, given instanceof PlatformError ? undefined : given.hold);
    this.#kept.set(key, { asked, answer });
    return answer;
  }

  #decide({ method, request }: Asked, holdId: string | undefined): ModelAnswer {
    const { amount = 0 } = request;
    const room = MOST - this.#available - this.#held;
    switch (method) {
      case "grant": {
        const paid =
          request.payment === undefined ? undefined : this.#payments.get(request.payment);
        if (paid !== undefined) {
          if (paid.amount !== amount) return { refused: "PAYMENT_TAKEN" };
          return { ...paid.answer, replayed: true } as ModelAnswer;
        }
        if (amount > room) return { refused: "BALANCE_TOO_LARGE" };
        const kind = request.payment === undefined ? "grant" : "purchase";
        const answer = this.#done(kind, amount, amount, 0);
        if (request.payment !== undefined) this.#payments.set(request.payment, { amount, answer });
        return answer;
      }
      case "spend":
        if (amount > this.#available) return { refused: "INSUFFICIENT_CREDITS" };
        this.#spent.set(this.#places + 1, { place: this.#places + 1, left: amount });
        return this.#done("spend", amount, -amount, 0);
      case "reserve":
        if (amount > this.#available) return { refused: "INSUFFICIENT_CREDITS" };
        this.#holds.push({ id: holdId ?? "", amount, state: "open" });
        return this.#done("reserve", amount, -amount, amount);
      case "refund":
        return this.#refund(request.of ?? 0, request.amount, room);
      default:
        return this.#close(method, request.hold ?? "", request.amount);
    }
  }

  #refund(of: number, asked: number | undefined, room: number): ModelAnswer {
    const spent = this.#spent.get(of);
    if (spent === undefined) return { refused: "REFUND_UNKNOWN" };
    const amount = asked ?? spent.left;
    if (spent.left === 0 || amount > spent.left) return { refused: "REFUND_TOO_LARGE" };
    if (amount > room) return { refused: "BALANCE_TOO_LARGE" };
    spent.left -= amount;
    return this.#done("refund", amount, amount, 0);
  }

  #close(method: "capture" | "void", id: string, asked: number | undefined): ModelAnswer {
    const hold = this.#holds.find((one) => one.id === id);
    if (hold === undefined) return { refused: "HOLD_UNKNOWN" };
    if (hold.state === "expired") return { refused: "HOLD_EXPIRED" };
    if (hold.state === "closed") return { refused: "HOLD_CLOSED" };
    const amount = method === "capture" ? (asked ?? hold.amount) : hold.amount;
    if (amount > hold.amount) return { refused: "CAPTURE_TOO_LARGE" };
    hold.state = "closed";
    const back = method === "void" ? hold.amount : hold.amount - amount;
    if (method === "capture") {
      this.#spent.set(this.#places + 1, { place: this.#places + 1, left: amount });
    }
    const answer = this.#done(method, amount, back, -hold.amount);
    if (method === "capture" && back > 0) this.#places++;
    return answer;
  }

  #done(kind: Kind, amount: number, available: number, held: number): ModelAnswer {
    this.#available += available;
    this.#held += held;
    const place = ++this.#places;
    const after = { available: this.#available, held: this.#held };
    return { kind, place, amount, ...after, replayed: false };
  }
}
