/**
 * Changes that are asked for in one turn of the event loop travel together and are answered one by one: on a busy app
 * most of a change's cost would be its way and its commit. Nothing waits for another turn.
 */

/** Of one of them; a promise for one that had to go on by itself. */
export type Outcome<Answer> = Answer | Error | Promise<Answer>;

export class Together<Asked, Answer> {
  readonly #send: (asked: readonly Asked[]) => Promise<readonly Outcome<Answer>[]>;
  readonly #most: number;
  #waiting: {
    asked: Asked;
    resolve: (answer: Answer | Promise<Answer>) => void;
    reject: (error: unknown) => void;
  }[] = [];

  /** @param send answers each; what it throws is the outcome of all */
  constructor(
    send: (asked: readonly Asked[]) => Promise<readonly Outcome<Answer>[]>,
    most: number,
  ) {
    this.#send = send;
    this.#most = most;
  }

  ask(asked: Asked): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.length === 0) setImmediate(() => this.#go());
      this.#waiting.push({ asked, resolve, reject });
    });
  }

  #go(): void {
    const all = this.#waiting;
    this.#waiting = [];
    for (let at = 0; at < all.length; at += this.#most) {
      const some = all.slice(at, at + this.#most);
      this.#send(some.map(({ asked }) => asked)).then(
        (answers) => {
          for (const [index, { resolve, reject }] of some.entries()) {
            const answer = answers[index];
            if (answer === undefined || answer instanceof Error) reject(answer);
            else resolve(answer);
          }
        },
        (error: unknown) => {
          for (const { reject } of some) reject(error);
        },
      );
    }
  }
}
