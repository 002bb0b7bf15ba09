import type { Move } from "../store/ledger.ts";
import { chooseMove } from "../transfer/export.ts";
import { type CommonOptions, run } from "./run.ts";
import { style, table, visible } from "./screen.ts";

interface StatusOptions extends CommonOptions {
  readonly move?: string;
}

export function statusCommand(named: string | undefined, options: StatusOptions): Promise<void> {
  return run(options, async (context) => {
    const target = await context.target(named ?? options.to);
    const moves =
      options.move === undefined
        ? await target.ledger.moves()
        : [await chooseMove(target, options.move)];
    const summaries = await Promise.all(
      moves.map(async (move) => ({
        name: move.name,
        phase: move.phase,
        run: move.run,
        tenant: move.tenant,
        schema: move.schema,
        leased: move.leased,
        counts: move.counts,
        openQuarantine: (await target.ledger.quarantined(move.name, { state: "open", raw: false }))
          .length,
        updatedAt: move.updatedAt,
        files: move.files.map(({ fingerprint }) => fingerprint),
      })),
    );
    return {
      result: { target: target.label, moves: summaries },
      text: () =>
        moves.length === 0
          ? `There is no move in ${visible(target.label)} yet:  outgrow copy SOURCE`
          : moves
              .map((move, index) =>
                statusText(move, summaries[index]?.openQuarantine ?? 0, target.places?.(move)),
              )
              .join("\n\n"),
    };
  });
}

function statusText(
  move: Move,
  openQuarantine: number,
  places?: ReadonlyMap<string, readonly string[]>,
): string {
  const work = move.leased ? ", a mover is at work" : "";
  const next =
    move.phase === "copying"
      ? "run the copy again: it goes on where it stopped"
      : openQuarantine > 0
        ? "outgrow quarantine list"
        : move.phase === "copied"
          ? "outgrow verify SOURCE"
          : "verified";
  return [
    `${style("bold", visible(move.name))}  ${move.phase}, run ${move.run}${work}; ${next}`,
    table(
      ["collection", places === undefined ? "table" : "keys", ">read", ">stored", ">quarantined"],
      move.collections.map(({ name, layout }) => {
        const counts = move.counts[name];
        return [
          visible(name),
          visible(places?.get(name)?.join(", ") ?? `${move.schema}.${layout.tables[0].name}`),
          String(counts?.read ?? 0),
          String((counts?.applied ?? 0) + (counts?.stale ?? 0)),
          String(counts?.quarantined ?? 0),
        ];
      }),
    ),
  ].join("\n");
}
