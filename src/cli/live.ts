/** Conducting a move that has stages: `stage`, `back`, `watch`, `backup`, `leave`, and `copy` and `verify` beneath them. */
import { userInfo } from "node:os";
import { basename, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { OutgrowConfig } from "../config.ts";
import { openJsonFile } from "../drivers/json-file/index.ts";
import { OutgrowError } from "../errors.ts";
import type { Gate } from "../move/gates.ts";
import { type LiveMove, openMove } from "../move/live-move.ts";
import { STAGES, type StageName, stageOf } from "../move/stages.ts";
import type { MoveStatus } from "../move/status.ts";
import { liveLines } from "./live-screen.ts";
import { loadConfig } from "./load-config.ts";
import { type CommandContext, type CommonOptions, type Outcome, run } from "./run.ts";
import { say, visible } from "./screen.ts";

export interface LiveOptions extends CommonOptions {
  readonly config?: string;
  readonly move?: string;
}

interface StageOptions extends LiveOptions {
  readonly resume?: boolean;
  readonly abort?: boolean;
  readonly confirm?: string;
}

/** The move that the configuration describes. @throws {OutgrowError} CONFIG_INVALID when it describes none */
export async function openLive(
  context: Pick<CommandContext, "target">,
  options: LiveOptions,
  config: OutgrowConfig,
  begin = true,
): Promise<LiveMove> {
  const { live } = config;
  if (live === undefined) {
    throw new OutgrowError("CONFIG_INVALID", {
      file: options.config ?? "outgrow.config.ts",
      detail: "it describes no move with stages (live)",
    });
  }
  const target = await context.target(options.to ?? config.target);
  const { layouts, rules, bind, redis, schema, tenant } = config;
  return openMove({
    name: options.move ?? config.move ?? basename(live.jsonFile).replace(/\.\w+$/, ""),
    source: openJsonFile(resolve(live.jsonFile), {
      collections: live.collections,
      ...(tenant && { tenant }),
    }),
    target,
    tenant,
    layout: { layouts, rules, bind, redis, schema },
    limits: live.limits,
    by: userInfo().username,
    begin,
  });
}

export async function withMove(
  options: LiveOptions,
  work: (move: LiveMove, context: CommandContext, config: OutgrowConfig) => Promise<Outcome>,
  begin = true,
): Promise<void> {
  await run(options, async (context) => {
    const config = await loadConfig(options.config);
    await using move = await openLive(context, options, config, begin);
    return work(move, context, config);
  });
}

async function shown(move: LiveMove, did?: string): Promise<Outcome> {
  const [status, { to, gates }] = [await move.status(), await move.gates()];
  return {
    result: { ...status, next: to, gates },
    text: () =>
      [...(did === undefined ? [] : [did, ""]), ...liveLines(status, to, gates)].join("\n"),
  };
}

/** Without a name: where the move is, and what keeps the next stage closed. */
export function stageCommand(named: string | undefined, options: StageOptions): Promise<void> {
  return withMove(options, async (move) => {
    if (options.confirm !== undefined) await move.confirm(options.confirm);
    if (options.resume || options.abort) {
      const { stage } = await move.resume({ abort: options.abort === true });
      return shown(move, `The move stands at ${stage}.`);
    }
    if (named === undefined) return shown(move);
    if (!STAGES.some(({ name }) => name === named)) {
      const names = STAGES.map(({ name }) => name).join(", ");
      throw new OutgrowError("GATE_CLOSED", {
        detail: `there is no stage ${named}; they are ${names}`,
      });
    }
    const { state } = await move.status();
    const back = stageOf(state.stage).back === named;
    const { stage } = back ? await move.back() : await move.advance(named as StageName);
    return shown(move, `${state.stage} -> ${stage}`);
  });
}

export function backCommand(options: LiveOptions): Promise<void> {
  return withMove(options, async (move) => {
    const { state } = await move.status();
    const { stage } = await move.back();
    return shown(move, `${state.stage} -> ${stage}: nothing was lost on the way back.`);
  });
}

const WATCH_MS = 1000;

/** A line whenever something changed, until Ctrl-C. */
export function watchCommand(options: LiveOptions): Promise<void> {
  return withMove(options, async (move, { signal }) => {
    let before = "";
    for (;;) {
      const status = await move.status();
      const { gates } = await move.gates();
      const line = options.json ? JSON.stringify({ ...status, gates }) : watchLine(status, gates);
      if (line !== before) say(line);
      before = line;
      await sleep(WATCH_MS, undefined, { signal }).catch(() => {});
      if (signal.aborted) return { result: {}, text: () => "" };
    }
  });
}

function watchLine(
  { state, outbox, processes, comparisons, sides }: MoveStatus,
  gates: readonly Gate[],
): string {
  const closed = gates.filter((gate) => gate.closed !== undefined).map(({ name }) => name);
  const { equal, mismatched } = comparisons;
  return [
    state.pending === undefined ? state.stage : `${state.stage} -> ${state.pending.to}`,
    `epoch ${state.epoch}`,
    `${processes.filter(({ alive }) => alive).length} processes`,
    `reads ${sides.source.reads}+${sides.target.reads}`,
    `writes ${sides.source.writes}+${sides.target.writes}`,
    `waiting ${outbox?.count ?? 0}`,
    `compared ${equal + mismatched}, ${mismatched} differ`,
    closed.length === 0 ? "gates open" : `closed: ${closed.join(", ")}`,
  ].join("  ");
}

export function backupCommand(options: LiveOptions & { readonly out?: string }): Promise<void> {
  return withMove(options, async (move, { signal, onProgress }, config) => {
    const folder = options.out ?? config.live?.backups ?? ".outgrow/backups";
    const backup = await move.backup(folder, { signal, onProgress });
    return {
      result: { ...backup },
      text: () =>
        `${backup.records} records are in ${visible(backup.file)}; ${backup.restored ? "restored beside and found equal" : "NOT equal when restored"}.`,
      exit: backup.restored ? 0 : 2,
    };
  });
}

interface LeaveOptions extends LiveOptions {
  readonly forget?: boolean;
  readonly restTo?: string;
}

export function leaveCommand({ forget, restTo, ...options }: LeaveOptions): Promise<void> {
  return withMove(
    options,
    async (move) => {
      if (restTo !== undefined && !forget) {
        throw new OutgrowError("USAGE", { detail: "--rest-to goes with --forget" });
      }
      await move.leave({ forget, restTo: restTo && resolve(restTo) });
      const gone = "nothing of it lies beside the source any more";
      return {
        result: { left: move.name, forgotten: forget === true },
        text: () =>
          forget
            ? `The move ${visible(move.name)} is over: ${gone}, nor in the target; the app's tables are as they were.`
            : `The move ${visible(move.name)} is over: ${gone}.\nWhen no process opens it any more:  outgrow leave --forget  takes our schema away.`,
      };
      // A move that has been forgotten is not begun anew only to be left.
    },
    false,
  );
}

/** `outgrow copy` without a source, where the configuration describes a live move. */
export async function copyLive(
  context: CommandContext,
  options: LiveOptions,
  config: OutgrowConfig,
): Promise<Outcome> {
  await using move = await openLive(context, options, config);
  const { signal, onProgress } = context;
  const { seconds, ...result } = await move.copy({ signal, onProgress });
  const sum = (what: "read" | "applied" | "quarantined"): number =>
    Object.values(result.counts).reduce((all, counts) => all + counts[what], 0);
  return {
    result: { ...result, seconds },
    text: () =>
      `Copied beneath the app's writes: ${sum("read")} records read, ${sum("applied")} stored, ${sum("quarantined")} in quarantine, in ${seconds.toFixed(1)} s.\nNext:  outgrow verify`,
    exit: sum("quarantined") > 0 ? 2 : 0,
  };
}

/** `outgrow verify` without a source, likewise. */
export async function verifyLive(
  context: CommandContext,
  options: LiveOptions,
  config: OutgrowConfig,
): Promise<Outcome> {
  await using move = await openLive(context, options, config);
  const { signal, onProgress } = context;
  const result = await move.verify({ signal, onProgress });
  return {
    result,
    text: () =>
      result.clean
        ? `Every record is equal on both sides (${result.settled} were being written and settled).\nNext:  outgrow stage`
        : result.differences
            .slice(0, 20)
            .map(({ kind, collection, key }) => `${kind}  ${visible(collection)}  ${visible(key)}`)
            .join("\n"),
    exit: result.clean ? 0 : 2,
  };
}
