/**
 * How every command runs: its result to standard output, for a person or (`--json`) for a machine; its failure
 * with code, place and next step; and the exit code, which is set here and nowhere else.
 *
 *   0  done            1  an error: nothing was changed, or what was is said
 *   2  differences, or records in quarantine      3  interrupted: the same command goes on
 *   75 somebody else is at work: try again
 */
import { openTarget } from "../drivers/open-target.ts";
import { ERRORS, OutgrowError } from "../errors.ts";
import type { Target } from "../store/driver.ts";
import type { OnProgress } from "../transfer/progress.ts";
import { targetAddress } from "./address.ts";
import { type ProgressLine, progressLine } from "./progress-line.ts";
import { say, style, visible } from "./screen.ts";

export interface CommonOptions {
  readonly json?: boolean;
  readonly to?: string;
  readonly quiet?: boolean;
}

export interface CommandContext {
  /** Fires at Ctrl-C: the batch under way ends, then the command stops. */
  readonly signal: AbortSignal;
  readonly onProgress: OnProgress | undefined;
  /** Opens the target that the options name; it is closed when the command ends. */
  target(named?: string): Promise<Target>;
}

export interface Outcome {
  /** JSON-able: what `--json` prints. */
  readonly result: object;
  /** What a person reads. */
  readonly text: () => string;
  readonly exit?: 0 | 2;
}

/** Runs one command to its end. Never throws; sets `process.exitCode`. */
export async function run(
  options: CommonOptions,
  command: (context: CommandContext) => Promise<Outcome>,
): Promise<void> {
  const line = progressLine(options.json === true || options.quiet === true);
  const interruption = new AbortController();
  const interrupt = (): void => {
    if (interruption.signal.aborted) process.exit(ERRORS.INTERRUPTED.exit);
    line.clear();
    process.stderr.write("Stopping after this batch; once more to stop at once.\n");
    interruption.abort();
  };
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);
  const opened: Target[] = [];
  const context: CommandContext = {
    signal: interruption.signal,
    onProgress: line.onProgress,
    async target(named = options.to) {
      const target = await openTarget(await targetAddress(named));
      opened.push(target);
      return target;
    },
  };
  try {
    const outcome = await command(context);
    line.clear();
    if (options.json) say(JSON.stringify({ ok: true, ...outcome.result }, jsonSafe, 2));
    else say(outcome.text());
    process.exitCode = outcome.exit ?? 0;
  } catch (error) {
    report(error, options, line, interruption.signal);
  } finally {
    for (const target of opened) await close(target);
    process.off("SIGINT", interrupt);
    process.off("SIGTERM", interrupt);
  }
}

/** A target that cannot be closed in order has said why already, or is gone. */
async function close(target: Target): Promise<void> {
  try {
    await target[Symbol.asyncDispose]();
  } catch {}
}

function report(
  error: unknown,
  options: CommonOptions,
  line: ProgressLine,
  signal: AbortSignal,
): void {
  line.clear();
  const failure = asFailure(error, signal);
  process.exitCode = ERRORS[failure.code].exit;
  if (options.json) {
    const { code, message, next, site, sqlState } = failure;
    say(JSON.stringify({ ok: false, error: { code, message, next, ...site, sqlState } }, null, 2));
    return;
  }
  process.stderr.write(`${style("red", failure.code)}  ${visible(failure.message)}\n`);
  if (failure.code === "INTERRUPTED") {
    process.stderr.write(`To go on:  ${resumeCommand()}\n`);
  } else {
    process.stderr.write(`${failure.next}\n`);
  }
  if (process.env["OUTGROW_DEBUG"] !== undefined && error instanceof Error) {
    process.stderr.write(`${error.stack}\n`);
  }
}

function asFailure(error: unknown, signal: AbortSignal): OutgrowError {
  if (OutgrowError.is(error)) return error;
  if (signal.aborted) return new OutgrowError("INTERRUPTED", {}, { cause: error });
  const detail = error instanceof Error ? `${error.name}: ${error.message}` : "unknown";
  return new OutgrowError("INTERNAL", { detail }, { cause: error });
}

/** The command as it was typed, which goes on where it stopped. Passwords on the command line stay out. */
function resumeCommand(): string {
  const words = process.argv.slice(2).map((word) => {
    const masked = word.replace(/^([a-z]+:\/\/[^:/@]*):[^@/]*@/i, "$1:***@");
    return /^[\w./:@=*-]+$/.test(masked) ? masked : `'${masked.replaceAll("'", "'\\''")}'`;
  });
  return `outgrow ${words.join(" ")}`;
}

/** Bytes as hexadecimal: JSON has no word for them. */
function jsonSafe(_name: string, value: unknown): unknown {
  return value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value;
}
