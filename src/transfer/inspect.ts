/**
 * Inspection: what is there, types as they really are, and what an engineer should know before it moves. Nothing
 * is written. The same pass gives the layout that a copy would use.
 */

import { throwIfInterrupted } from "../errors.ts";
import { heldBy } from "../layout/bind-held.ts";
import {
  type Choice,
  type Dangling,
  type InferOptions,
  type InferredLayout,
  inferKey,
  inferLayouts,
  type Proposals,
} from "../layout/infer.ts";
import type { CodecName, Column, KeyRule, Layout } from "../layout/layout.ts";
import { NOTICES, type NoticeCode } from "../layout/notices.ts";
import { CollectionProfile, type PropertyProfile } from "../layout/profile.ts";
import { estimateBytes } from "./disk.ts";
import { Meter } from "./progress.ts";
import { openSurveyed, type Source, type SourceOptions } from "./source.ts";

/** Something that inspection says about real values. `count` values show it; `property` is where. */
export interface Finding {
  readonly code: string;
  readonly collection: string;
  readonly property: string | undefined;
  readonly count: number;
  readonly message: string;
}

export interface InspectedProperty {
  readonly name: string;
  /** What the values are: kind -> count. */
  readonly kinds: Readonly<Record<string, number>>;
  /** The column it would become: name and SQL codec; `undefined` when it has none of its own. */
  readonly column: { readonly name: string; readonly codec: Column["codec"] } | undefined;
  /** The child table that its elements would lie in. With neither, it stays in the rest. */
  readonly table: string | undefined;
}

export interface InspectedCollection {
  readonly name: string;
  readonly file: string;
  readonly records: number;
  /** Records that cannot be read, which a copy would put into quarantine: code -> count. */
  readonly unreadable: Readonly<Record<string, number>>;
  readonly bytes: number;
  readonly largestBytes: number;
  readonly key: KeyRule;
  readonly layout: Layout;
  /** Why the layout is as it is. */
  readonly choices: readonly Choice[];
  /** What the data suggests, and a person decides. */
  readonly proposals: Proposals;
  readonly properties: readonly InspectedProperty[];
}

export interface Inspection {
  readonly name: string;
  readonly files: readonly {
    readonly name: string;
    readonly format: string;
    readonly bytes: number;
    readonly notes: readonly string[];
    readonly repairs: number;
  }[];
  readonly collections: readonly InspectedCollection[];
  readonly findings: readonly Finding[];
  /** What a copy may take of the target's disk, roughly: rows, indexes, ledger and log. */
  readonly estimatedBytes: number;
}

export interface InspectOptions extends SourceOptions {
  /** Rows of all tables carry their tenant. */
  readonly tenantColumn?: boolean | undefined;
  /** Which lists become tables of their own: see `InferOptions`. */
  readonly flatten?: "none" | "auto" | "all" | undefined;
}

/** Inspects a source. @throws {OutgrowError} as `openSurveyed` */
export async function inspect(
  spec: string | readonly string[],
  options: InspectOptions = {},
): Promise<Inspection> {
  await using source = await openSurveyed(spec, options);
  return (await inspectSource(source, options)).inspection;
}

interface Observed {
  readonly profile: CollectionProfile;
  readonly unreadable: Map<string, number>;
}

/** Layouts that are settled before the others are inferred, and the names of tables that are taken. */
export type Decide = (
  profiles: readonly CollectionProfile[],
) => Promise<Pick<InferOptions, "decided" | "taken">>;

/** The pass over an open source: what a person is told, and all that was seen, for binding to tables. */
export async function inspectSource(
  source: Source,
  options: InspectOptions,
  decide: Decide = async () => ({}),
): Promise<{
  readonly inspection: Inspection;
  readonly profiles: readonly CollectionProfile[];
}> {
  const observed = await observe(source, options);
  const profiles = source.collections.map(
    ({ collection }) => (observed.get(collection) as Observed).profile,
  );
  const { tenantColumn, flatten } = options;
  const inferred = inferLayouts(profiles, { tenantColumn, flatten, ...(await decide(profiles)) });
  const collections: InspectedCollection[] = [];
  const findings: Finding[] = [];
  for (const [index, part] of source.collections.entries()) {
    const { profile, unreadable } = observed.get(part.collection) as Observed;
    const { layout, choices, proposals, dangling } = inferred[index] as InferredLayout;
    collections.push({
      name: part.collection,
      file: source.files[part.file]?.input.name ?? "",
      records: profile.records + sum(unreadable.values()),
      unreadable: Object.fromEntries(unreadable),
      bytes: profile.bytes,
      largestBytes: profile.largest,
      key: layout.key,
      layout,
      choices,
      proposals,
      properties: [...profile.properties.values()].map((property) => inspected(property, layout)),
    });
    findings.push(
      ...findingsOf(profile, unreadable, layout),
      ...danglingFindings(profile, dangling),
    );
    if (part.claimed !== undefined) {
      findings.push({
        code: "COUNT_CLAIMED",
        collection: part.collection,
        property: undefined,
        count: part.claimed,
        message: `the file says it holds ${part.claimed} records; it holds ${part.records}`,
      });
    }
  }
  const inspection: Inspection = {
    name: source.name,
    files: source.files.map(({ input, survey }) => ({
      name: input.name,
      format: survey.format,
      bytes: input.bytes,
      notes: survey.notes,
      repairs: survey.repairs,
    })),
    collections,
    findings,
    estimatedBytes: estimateBytes(source.bytes),
  };
  return { inspection, profiles };
}

async function observe(source: Source, options: InspectOptions): Promise<Map<string, Observed>> {
  const observed = new Map<string, Observed>();
  for (const part of source.collections) {
    observed.set(part.collection, {
      profile: new CollectionProfile(part.collection, {
        keyed: part.keyed,
        declaredKey: part.keyPath,
        indexes: part.indexes,
        collections: source.collections.map(({ collection }) => collection),
      }),
      unreadable: new Map(),
    });
  }
  const meter = new Meter("infer", source.bytes, options.onProgress);
  for (const file of source.files.keys()) {
    const before = source.bytesBefore(file);
    for await (const batch of source.read(file, undefined, false)) {
      throwIfInterrupted(options.signal);
      const { profile, unreadable } = observed.get(batch.collection) ?? {};
      if (profile === undefined || unreadable === undefined) continue;
      for (const { value, key, bytes } of batch.records) profile.observe(value, key, bytes);
      for (const { code } of batch.bad) unreadable.set(code, (unreadable.get(code) ?? 0) + 1);
      meter.advance(batch.collection, batch.records.length, before + batch.offset);
    }
  }
  meter.finish();
  return observed;
}

function inspected(property: PropertyProfile, layout: Layout): InspectedProperty {
  const column = layout.tables[0].columns.find(
    ({ path }) => path.length === 1 && path[0] === property.name,
  );
  const table = layout.tables.find(
    (one) => "parent" in one && one.parent === 0 && one.path[0] === property.name,
  );
  return {
    name: property.name,
    kinds: Object.fromEntries(property.kinds),
    column: column === undefined ? undefined : { name: column.name, codec: column.codec },
    table: table?.name,
  };
}

function findingsOf(
  profile: CollectionProfile,
  unreadable: ReadonlyMap<string, number>,
  layout: Layout,
): Finding[] {
  const findings: Finding[] = [];
  const add = (
    code: string,
    property: string | undefined,
    count: number,
    message: string,
  ): void => {
    if (count > 0) findings.push({ code, collection: profile.name, property, count, message });
  };
  for (const [code, count] of unreadable) {
    add(code, undefined, count, "records that cannot be read: a copy puts them into quarantine");
  }
  for (const property of profile.properties.values()) {
    const kinds = [...property.kinds.keys()].filter(
      (kind) => kind !== "null" && kind !== "undefined",
    );
    const scalars = kinds.filter((kind) => kind !== "object" && kind !== "array");
    const numeric = kinds.every((kind) => kind === "integer" || kind === "number");
    if (kinds.length > 1 && !numeric && scalars.length > 0) {
      add("MIXED_TYPES", property.name, sum(property.kinds.values()), `holds ${kinds.join(", ")}`);
    }
  }
  for (const [property, codes] of profile.notices) {
    for (const [code, count] of codes) {
      if (code === "DATE_TEXT" && isHeldAsTime(profile.properties.get(property), layout)) continue;
      add(code, property === "" ? undefined : property, count, NOTICES[code as NoticeCode]);
    }
  }
  keyFindings(profile, layout, add);
  return findings;
}

const TIMES: ReadonlySet<CodecName> = new Set([
  "iso-timestamp",
  "iso-seconds",
  "sql-timestamp",
  "iso-date",
  "offset-timestamp",
  "date-text",
]);

/** Whether a column holds all of a property's times as times: there is nothing to decide about their form. */
function isHeldAsTime(property: PropertyProfile | undefined, layout: Layout): boolean {
  const column = layout.tables[0].columns.find(
    ({ path }) => path.length === 1 && path[0] === property?.name,
  );
  if (property === undefined || column === undefined || !TIMES.has(column.codec)) return false;
  const { values, held } = heldBy(column, property);
  return held >= values;
}

function danglingFindings(profile: CollectionProfile, dangling: readonly Dangling[]): Finding[] {
  return dangling.map(({ property, count, to }) => ({
    code: "DANGLING_REFERENCE",
    collection: profile.name,
    property,
    count,
    message: `distinct values are no key of ${to}, which the property refers to`,
  }));
}

function keyFindings(
  profile: CollectionProfile,
  layout: Layout,
  add: (code: string, property: string | undefined, count: number, message: string) => void,
): void {
  if (profile.records === 0) return;
  const { rule } = inferKey(profile);
  if (rule.from === "position") {
    add(
      "KEY_NONE",
      undefined,
      profile.records,
      "no property is a key: records are known by their place in the dump",
    );
    return;
  }
  const path = rule.from === "property" ? rule.path : [];
  const key = profile.keys.find((candidate) => candidate.path.join(".") === path.join("."));
  if (key === undefined) return;
  const name = path.length === 0 ? undefined : path.join(".");
  add(
    "ID_DUPLICATE",
    name,
    key.distinct.repeated,
    "records repeat a key: identical ones become one row, different ones go to quarantine",
  );
  add(
    "ID_MISSING",
    name,
    profile.records - key.present,
    "records lack the key: they go to quarantine",
  );
  add(
    "KEY_LOOK_ALIKE",
    name,
    key.lookAlikeKeys,
    "keys differ only in type, case or blanks from another: they are other records",
  );
  add("KEY_TOO_LONG", name, key.tooLong, "keys are longer than 1 KiB: they go to quarantine");
  if (layout.tables[0].key.codec === "ledger-key" && key.present > 0) {
    add(
      "KEY_MIXED",
      name,
      key.present,
      "keys are of several types: the key column holds them in tagged form",
    );
  }
}

function sum(numbers: Iterable<number>): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}
