/** A copy without a target: every record is encoded, looked at, and thrown away again. */
import { displayKey } from "../collection/key.ts";
import type { Value } from "../collection/value.ts";
import { type ErrorCode, throwIfInterrupted } from "../errors.ts";
import type { Catalog } from "../layout/catalog.ts";
import { type CompiledLayout, compileLayout } from "../layout/compile.ts";
import type { Layout, SqlValue } from "../layout/layout.ts";
import { Foresight } from "./foresight.ts";
import type { CollectionProblem } from "./layouts.ts";
import { filesInOrder } from "./order.ts";
import { recordKey } from "./prepare.ts";
import { Meter, type OnProgress } from "./progress.ts";
import type { FileBatch, Source } from "./source.ts";

/** How often a value did not fit its column. */
export interface PlannedSpill {
  readonly collection: string;
  readonly column: string;
  /** Why; `RULE_…` where a rule made a cell that stands for the value. */
  readonly code: string;
  readonly count: number;
}

/** A record with a value that does not fit, or one that would be set aside. Never its content. */
export interface Misfit {
  readonly collection: string;
  /** The key as a person reads it; its place in the file where there is none. */
  readonly key: string;
  readonly column: string | undefined;
  readonly code: string;
}

export interface SetAside {
  readonly collection: string;
  readonly code: ErrorCode;
  readonly count: number;
}

export class Trial {
  readonly misfits: Misfit[] = [];
  readonly #layouts: readonly Layout[];
  readonly #most: number;
  readonly #compiled: ReadonlyMap<string, CompiledLayout>;
  readonly #foresight: Foresight;
  readonly #spills = new Map<string, number>();
  readonly #aside = new Map<string, number>();

  /** @param most how many records are named. */
  constructor(layouts: readonly Layout[], catalog: Catalog | undefined, most: number) {
    this.#layouts = layouts;
    this.#compiled = new Map(layouts.map((layout) => [layout.collection, compileLayout(layout)]));
    this.#foresight = new Foresight(this.#compiled.values(), catalog);
    this.#most = most;
  }

  async run(
    source: Source,
    {
      signal,
      onProgress,
    }: { readonly signal?: AbortSignal | undefined; readonly onProgress?: OnProgress | undefined },
  ): Promise<this> {
    const meter = new Meter("plan", source.bytes, onProgress);
    for (const { file, before } of filesInOrder(source, this.#layouts)) {
      for await (const batch of source.read(file, undefined, false)) {
        throwIfInterrupted(signal);
        const compiled = this.#compiled.get(batch.collection);
        if (compiled === undefined) continue;
        this.#try(compiled, batch);
        meter.advance(batch.collection, batch.records.length, before + batch.offset);
      }
    }
    meter.finish();
    return this;
  }

  #try(compiled: CompiledLayout, batch: FileBatch): void {
    const { collection } = batch;
    for (const { code, position } of batch.bad) this.#setAside(collection, `#${position}`, code);
    const encoded: (readonly [key: string, rows: SqlValue[][][]])[] = [];
    for (const record of batch.records) {
      const found = recordKey(compiled, record);
      if ("code" in found) {
        this.#setAside(collection, `#${record.position}`, found.code);
        continue;
      }
      const rows = this.#encode(compiled, found.key, record.value);
      const key = displayKey(found.key);
      if (this.#isRefused(compiled, key, rows, "others")) continue;
      encoded.push([key, rows]);
      this.#foresight.bring(compiled, rows);
    }
    // The rows of a batch come together: they may refer to each other.
    for (const [key, rows] of encoded) this.#isRefused(compiled, key, rows, "own");
  }

  #isRefused(
    compiled: CompiledLayout,
    key: string,
    rows: readonly SqlValue[][][],
    references: "own" | "others",
  ): boolean {
    const { collection } = compiled.layout;
    const refusal = this.#foresight.refusal(compiled, rows, references);
    if (refusal === undefined) return false;
    this.#note(collection, key, refusal.column, refusal.code);
    add(this.#aside, [collection, "RECORD_REFUSED"].join("\u0000"));
    return true;
  }

  #encode(compiled: CompiledLayout, key: string, value: Value): SqlValue[][][] {
    const { collection } = compiled.layout;
    const rows: SqlValue[][][] = compiled.tables.map(() => []);
    const spill = (column: string, code: string): void => {
      this.#note(collection, displayKey(key), column, code);
      add(this.#spills, [collection, column, code].join("\u0000"));
    };
    compiled.encode(key, { value }, "default", rows, { spill, late: () => {} });
    return rows;
  }

  #setAside(collection: string, key: string, code: ErrorCode): void {
    this.#note(collection, key, undefined, code);
    add(this.#aside, [collection, code].join("\u0000"));
  }

  #note(collection: string, key: string, column: string | undefined, code: string): void {
    if (this.misfits.length < this.#most) this.misfits.push({ collection, key, column, code });
  }

  spills(): PlannedSpill[] {
    return [...this.#spills].map(([place, count]) => {
      const [collection = "", column = "", code = ""] = place.split("\u0000");
      return { collection, column, code, count };
    });
  }

  setAside(): SetAside[] {
    return [...this.#aside].map(([place, count]) => {
      const [collection = "", code = ""] = place.split("\u0000");
      return { collection, code: code as ErrorCode, count };
    });
  }

  /** What the database would refuse. */
  problems(): CollectionProblem[] {
    return this.#foresight.problems();
  }
}

function add(counts: Map<string, number>, place: string): void {
  counts.set(place, (counts.get(place) ?? 0) + 1);
}
