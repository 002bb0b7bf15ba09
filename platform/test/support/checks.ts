/**
 * What a till must do, in checks that say what was wrong: run on our ledgers, which pass, and on naive tills, which are
 * how one writes this at first. A check that a naive till passes checks nothing.
 */

export interface Till {
  fund(account: string, amount: number): Promise<void>;
  /** @returns whether the credits were there and were taken */
  spend(account: string, amount: number, key: string): Promise<boolean>;
  /** Credits that were paid for, which the payment provider may tell again. */
  purchase(account: string, amount: number, payment: string): Promise<void>;
  /** Gives back what was spent under that key. */
  refund(account: string, spendKey: string, amount: number, key: string): Promise<void>;
  balance(account: string): Promise<number>;
  /** The log: what was added and taken, with signs. */
  log(account: string): Promise<readonly number[]>;
}

/** @returns what was wrong */
export type Check = (till: Till) => Promise<string | undefined>;

let accounts = 0;
const fresh = (): string => `checked-${++accounts}`;

const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0);

async function differs(
  till: Till,
  account: string,
  granted: number,
  balance: number,
): Promise<string | undefined> {
  const found = { balance: await till.balance(account), log: sum(await till.log(account)) };
  if (found.balance !== balance) return `${granted} granted, balance ${found.balance}`;
  if (found.log !== balance) return `balance ${found.balance}, and the log says ${found.log}`;
  return undefined;
}

const CLIENTS = 50;
const FUNDS = 10;

/** 50 clients want one credit each, and there are 10. */
export const soldExactly: Check = async (till) => {
  const account = fresh();
  await till.fund(account, FUNDS);
  const wanted = Array.from({ length: CLIENTS }, (_, at) =>
    till.spend(account, 1, `sold-${account}-${at}`),
  );
  const outcomes = await Promise.allSettled(wanted);
  const failed = outcomes.filter(({ status }) => status === "rejected").length;
  if (failed > 0) return `${failed} got no answer`;
  const granted = outcomes.filter((outcome) => "value" in outcome && outcome.value).length;
  if (granted !== FUNDS) return `${granted} granted`;
  return differs(till, account, granted, 0);
};

/** 10 purchases at once all arrive. */
export const addedExactly: Check = async (till) => {
  const account = fresh();
  await till.fund(account, FUNDS);
  const added = Array.from({ length: 10 }, (_, at) =>
    till.purchase(account, 100, `${account}-${at}`),
  );
  await Promise.all(added);
  return differs(till, account, 0, 1010);
};

/** Each of 20 spends is sent three times: twice at once, and again afterwards. */
export const appliedOnce: Check = async (till) => {
  const account = fresh();
  await till.fund(account, 100);
  const send = (at: number): Promise<boolean> => till.spend(account, 1, `once-${account}-${at}`);
  const all = Array.from({ length: 20 }, (_, at) => at);
  const outcomes = await Promise.all(all.flatMap((at) => [send(at), send(at)]));
  outcomes.push(...(await Promise.all(all.map(send))));
  if (outcomes.includes(false)) return "a spend was refused";
  return differs(till, account, 20, 80);
};

/** A payment provider tells of a payment again, and at once. */
export const creditedOnce: Check = async (till) => {
  const account = fresh();
  await till.fund(account, 1);
  const tell = (): Promise<void> => till.purchase(account, 100, `paid-${account}`);
  await Promise.all([tell(), tell()]);
  await tell();
  return differs(till, account, 0, 101);
};

/** What was spent comes back once. */
export const refundedOnce: Check = async (till) => {
  const account = fresh();
  await till.fund(account, 10);
  await till.spend(account, 4, `back-${account}`);
  for (const key of ["first", "second"]) {
    await till.refund(account, `back-${account}`, 4, `${key}-${account}`).catch(() => {});
  }
  return differs(till, account, 0, 10);
};

/** An amount is a whole number above zero: a spend of -5 is no top-up. */
export const refusesAmounts: Check = async (till) => {
  const account = fresh();
  await till.fund(account, 10);
  for (const [at, amount] of [-5, 0.5, Number.NaN].entries()) {
    const taken = await till.spend(account, amount, `amount-${account}-${at}`).catch(() => false);
    if (taken) return "a wrong amount was taken";
  }
  return differs(till, account, 0, 10);
};

/** The last digit of a large balance. */
export const keepsDigits: Check = async (till) => {
  const account = fresh();
  await till.fund(account, Number.MAX_SAFE_INTEGER - 2);
  await till.spend(account, 3, `digits-${account}`);
  return differs(till, account, 1, Number.MAX_SAFE_INTEGER - 5);
};

export const CHECKS = {
  soldExactly,
  addedExactly,
  appliedOnce,
  creditedOnce,
  refundedOnce,
  refusesAmounts,
  keepsDigits,
} as const;
