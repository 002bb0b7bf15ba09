/**
 * Revisions order the changes of one key. They are issued by the authority of the stage, never by a clock:
 * `epoch.counter.install`, each of fixed width, so that comparing the texts compares the revisions in every store.
 *
 * Epoch 0 is for dumps, with the number of the run as counter: a later copy of the same move wins over an
 * earlier one, and whatever an app wrote (epoch 1 and up) wins over every copy.
 */
export type Revision = string & { readonly __brand: "Revision" };

const EPOCH_DIGITS = 8;
const COUNTER_DIGITS = 14;
const INSTALL_DIGITS = 8;
const pattern = /^\d{8}\.\d{14}\.[0-9a-z]{8}$/;

/**
 * @param epoch grows at each change of stage; 0 for dumps.
 * @param counter grows with each write of an epoch; the number of the run for dumps.
 * @param install eight characters of [0-9a-z] that tell writers of one epoch apart.
 */
export function revision(epoch: number, counter: number, install = "00000000"): Revision {
  if (!Number.isSafeInteger(epoch) || epoch < 0 || epoch >= 10 ** EPOCH_DIGITS) {
    throw new TypeError(`An epoch is an integer from 0 to 10^${EPOCH_DIGITS} - 1.`);
  }
  if (!Number.isSafeInteger(counter) || counter < 0 || counter >= 10 ** COUNTER_DIGITS) {
    throw new TypeError(`A counter is an integer from 0 to 10^${COUNTER_DIGITS} - 1.`);
  }
  const text = `${String(epoch).padStart(EPOCH_DIGITS, "0")}.${String(counter).padStart(COUNTER_DIGITS, "0")}.${install.padStart(INSTALL_DIGITS, "0")}`;
  return parseRevision(text);
}

/** The revision of records that a copy of a dump writes: `run` counts the copies of one move from 1. */
export function dumpRevision(run: number): Revision {
  return revision(0, run);
}

/** Checks a text that came from a store or over the wire. @throws {TypeError} when it is not a revision. */
export function parseRevision(text: string): Revision {
  if (!pattern.test(text)) throw new TypeError("This is not a revision.");
  return text as Revision;
}
