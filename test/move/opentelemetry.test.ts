/** A real move's measures, as the OpenTelemetry SDK exports them. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  AggregationTemporality,
  DataPointType,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import { expect, it } from "vitest";
import { collection } from "../../src/collection/define.ts";
import { shape } from "../../src/collection/shape.ts";
import { openJsonFile } from "../../src/drivers/json-file/index.ts";
import { openTarget } from "../../src/drivers/open-target.ts";
import { openMove } from "../../src/move/index.ts";
import { openTelemetry } from "../../src/move/opentelemetry.ts";
import { execute, freshDatabase } from "../support/postgres.ts";

const Users = collection("users", {
  schema: shape<{ readonly id: number; readonly name: string }>({
    id: ["number"],
    name: ["string"],
  }),
  key: "id",
});

type Labels = Readonly<Record<string, unknown>>;

class Measured {
  readonly exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  readonly #reader = new PeriodicExportingMetricReader({
    exporter: this.exporter,
    exportIntervalMillis: 1e9,
  });
  readonly #provider = new MeterProvider({ readers: [this.#reader] });
  readonly meter = this.#provider.getMeter("outgrow");

  async read() {
    this.exporter.reset();
    await this.#reader.forceFlush();
    const all = this.exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics);
    const metrics = all.flatMap((scope) => scope.metrics);
    /** The value of the one point with these labels, a histogram's being how many it counted. */
    return (name: string, labels: Labels = {}): unknown => {
      const metric = metrics.find(({ descriptor }) => descriptor.name === `outgrow.${name}`);
      const points = (metric?.dataPoints ?? []).filter(({ attributes }) =>
        Object.entries(labels).every(([label, value]) => attributes[label] === value),
      );
      const values = points.map(({ value }) =>
        metric?.dataPointType === DataPointType.HISTOGRAM && typeof value === "object"
          ? (value as { count: number }).count
          : value,
      );
      return values.length > 1 ? values : values[0];
    };
  }

  end(): Promise<void> {
    return this.#provider.shutdown();
  }
}

it("calls of both sides, failures, mismatches, what waits and the stage are exported", async () => {
  const folder = mkdtempSync(join(tmpdir(), "outgrow-otel-"));
  const database = await freshDatabase();
  const measured = new Measured();
  try {
    const path = join(folder, "database.json");
    writeFileSync(path, JSON.stringify({ users: [1, 2].map((id) => ({ id, name: "a" })) }));
    await using target = await openTarget(database.url);
    const observer = openTelemetry(measured.meter, { service: "shop" });
    let asked = 0;
    const move = await openMove({
      name: "app",
      source: openJsonFile(path, { collections: [{ name: "users", key: "id" }] }),
      target,
      compare: { sample: 1 },
      observer: {
        ...observer,
        opened: (name, status) =>
          observer.opened?.(name, () => {
            asked++;
            return status();
          }) as () => void,
      },
      refreshMs: 50,
    });
    const users = (await move.store()).collection(Users);
    await move.advance("dualwrite");
    await move.copy();
    await move.verify();
    await users.put({ id: 3, name: "c" });
    expect(await users.get(3)).toEqual({ id: 3, name: "c" });
    renameSync(path, `${path}.away`);
    await expect(users.get(3)).rejects.toMatchObject({ code: "SOURCE_NOT_FOUND" });
    renameSync(`${path}.away`, path);
    const at = await measured.read();
    expect(at("calls", { side: "source", kind: "write", service: "shop" })).toBe(1);
    expect(at("calls", { side: "source", kind: "read" })).toBe(2);
    expect(at("call.duration", { side: "source", kind: "write" })).toBe(1);
    expect(at("call.errors", { side: "source", "error.type": "SOURCE_NOT_FOUND" })).toBe(1);
    expect(at("stage", { move: "app", stage: "dualwrite" })).toBe(1);
    expect(at("stage", { stage: "shadow" })).toBe(0);
    expect(at("outbox.records", { side: "target" })).toBe(0);
    expect(at("outbox.records", { side: "source" })).toBeTypeOf("number");

    await expect
      .poll(async () => (await measured.read())("outbox.records"), { timeout: 10_000 })
      .toEqual([0, 0]);
    await move.advance("shadow");
    await execute(
      database.url,
      "update outgrow.record set digest = sha256('x') where revision > (select min(revision) from outgrow.record)",
    );
    await users.get(1);
    await users.get(3);
    await expect
      .poll(async () => (await measured.read())("comparisons", { outcome: "mismatched" }), {
        timeout: 10_000,
      })
      .toBe(1);
    const after = await measured.read();
    expect(after("comparisons", { outcome: "equal" })).toBe(1);
    expect(after("stage", { stage: "shadow" })).toBe(1);
    expect(after("epoch")).toBeGreaterThan(at("epoch") as number);

    await move[Symbol.asyncDispose]();
    const before = asked;
    const closed = await measured.read();
    expect(asked).toBe(before);
    expect(closed("calls", { kind: "write" })).toBe(1);
  } finally {
    await measured.end();
    await database.drop();
    rmSync(folder, { recursive: true, force: true });
  }
});

it("sem 7: what measures, and what it throws, is no matter of the app's calls", async () => {
  const folder = mkdtempSync(join(tmpdir(), "outgrow-otel-"));
  const database = await freshDatabase();
  try {
    const path = join(folder, "database.json");
    writeFileSync(path, JSON.stringify({ users: [{ id: 1, name: "a" }] }));
    await using target = await openTarget(database.url);
    const called: unknown[] = [];
    await using move = await openMove({
      name: "app",
      source: openJsonFile(path, { collections: [{ name: "users", key: "id" }] }),
      target,
      observer: {
        called: (call) => {
          called.push(call);
          throw new Error("the collector is gone");
        },
      },
    });
    const users = (await move.store()).collection(Users);
    expect(await users.get(1)).toEqual({ id: 1, name: "a" });
    expect(called).toEqual([{ side: "source", kind: "reads", ms: expect.any(Number) }]);
    expect((await move.status()).sides.source).toMatchObject({ errors: 0 });
  } finally {
    await database.drop();
    rmSync(folder, { recursive: true, force: true });
  }
});
