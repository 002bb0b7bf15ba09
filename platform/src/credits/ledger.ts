/** The face of a ledger over a backend: checks what is asked, asks again what was lost, and says what was refused. */
import { PlatformError } from "../errors.ts";
import type { Answer, Backend, Done, Opened, Refused } from "./backend.ts";
import type {
  AmountRequest,
  Balance,
  CaptureRequest,
  Credits,
  GrantRequest,
  HistoryPage,
  HoldRequest,
  ImportReceipt,
  ImportRequest,
  Receipt,
  ReconcileOptions,
  Reconciliation,
  RefundRequest,
  ReserveRequest,
  Swept,
} from "./credits.ts";
import { opening } from "./opening.ts";
import { reconcile } from "./reconcile.ts";
import { named, newCall, type Operation, order, span } from "./request.ts";
import { type RetryOptions, settled } from "./retry.ts";

export interface LedgerOptions extends RetryOptions {
  /** Whose ledger it is: nothing of one tenant's is seen or touched from another's. Default `default`. */
  readonly tenant?: string | undefined;
  /** How long keys are kept. Default 30 days; Stripe, for one, sends a webhook again for three. */
  readonly keepKeysMs?: number | undefined;
}

const KEEP_MS = 30 * 86_400_000;
const PAGE = 50;
const LONGEST_PAGE = 1_000;
const SWEEP = 500;

export class Ledger implements Credits {
  readonly #backend: Backend;
  readonly #keepMs: number;
  readonly #retry: RetryOptions;

  constructor(backend: Backend, options: LedgerOptions) {
    this.#backend = backend;
    this.#keepMs = span("keepKeysMs", options.keepKeysMs ?? KEEP_MS);
    this.#retry = options;
  }

  async balance(account: string): Promise<Balance> {
    const name = named("account", account);
    return this.#read(() => this.#backend.balance(name));
  }

  async grant(request: GrantRequest): Promise<Receipt> {
    return this.#post(request.payment === undefined ? "grant" : "purchase", request);
  }

  async spend(request: AmountRequest): Promise<Receipt> {
    return this.#post("spend", request);
  }

  async reserve(request: ReserveRequest): Promise<Receipt> {
    return this.#post("reserve", request);
  }

  async capture(request: CaptureRequest): Promise<Receipt> {
    return this.#post("capture", request);
  }

  async void(request: HoldRequest): Promise<Receipt> {
    return this.#post("void", request);
  }

  async refund(request: RefundRequest): Promise<Receipt> {
    return this.#post("refund", request);
  }

  async history(
    account: string,
    page: { readonly before?: number | undefined; readonly limit?: number | undefined } = {},
  ): Promise<HistoryPage> {
    const name = named("account", account);
    const { before, limit = PAGE } = page;
    const isPlace = before === undefined || (Number.isSafeInteger(before) && before > 0);
    if (!isPlace) throw new PlatformError("CURSOR_INVALID", { account });
    if (!(Number.isInteger(limit) && limit > 0 && limit <= LONGEST_PAGE)) {
      const detail = `limit must be from 1 to ${LONGEST_PAGE}`;
      throw new PlatformError("REQUEST_INVALID", { account, detail });
    }
    const entries = await this.#read(() => this.#backend.history(name, before, limit));
    const last = entries.at(-1)?.place ?? 1;
    return { entries, next: last > 1 ? last : undefined };
  }

  async reconcile(options: ReconcileOptions = {}): Promise<Reconciliation> {
    return reconcile(this.#backend, (work) => this.#read(work), options);
  }

  async freeze(account: string): Promise<boolean> {
    const name = named("account", account);
    return this.#read(() => this.#backend.freeze(name, true));
  }

  async thaw(account: string): Promise<boolean> {
    const name = named("account", account);
    return this.#read(() => this.#backend.freeze(name, false));
  }

  async importOpening(request: ImportRequest): Promise<ImportReceipt> {
    const { findings, ...rest } = opening(request);
    const asked = { ...rest, call: newCall(), keepMs: this.#keepMs };
    const answer = await this.#write<Opened>(() => this.#backend.open(asked));
    const { call, available, held, at } = accepted(answer, asked.account);
    const replayed = call !== asked.call;
    return { account: asked.account, available, held, findings, at: new Date(at), replayed };
  }

  async sweep(): Promise<Swept> {
    const all = { released: 0, forgotten: 0 };
    for (;;) {
      const { released, forgotten } = await this.#read(() => this.#backend.sweep(SWEEP));
      all.released += released;
      all.forgotten += forgotten;
      if (released + forgotten === 0) return all;
    }
  }

  async #post(operation: Operation, request: object): Promise<Receipt> {
    const asked = order(operation, request, this.#keepMs);
    const answer = await this.#write<Answer>(() => this.#backend.post(asked));
    const { call, hold, expires, at, ...rest } = accepted<Done>(answer, asked.account);
    return {
      account: asked.account,
      kind: rest.kind,
      place: rest.place,
      amount: rest.amount,
      available: rest.available,
      held: rest.held,
      ...(hold == null ? {} : { hold }),
      ...(expires == null ? {} : { expiresAt: new Date(expires) }),
      at: new Date(at),
      replayed: call !== asked.call,
    };
  }

  #read<R>(attempt: () => Promise<R>): Promise<R> {
    return settled(attempt, (error) => this.#backend.fateOf(error), false, this.#retry);
  }

  #write<R>(attempt: () => Promise<R>): Promise<R> {
    return settled(attempt, (error) => this.#backend.fateOf(error), true, this.#retry);
  }
}

function accepted<R extends object>(answer: R | Refused, account: string): Exclude<R, Refused> {
  if ("refused" in answer) {
    throw new PlatformError(answer.refused, { account, detail: answer.detail ?? undefined });
  }
  return answer as Exclude<R, Refused>;
}
