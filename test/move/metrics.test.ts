/** The metrics page, read as a scraper reads it. */
import { expect, it } from "vitest";
import { metricsText } from "../../src/move/metrics.ts";
import { readsOf, statusWith } from "../support/move-status.ts";

const SAMPLE = /^([a-z_]+)\{((?:[a-z]+="(?:[^"\\\n]|\\["\\n])*",?)+)\} (\d+|\+Inf)$/;

function samples(text: string): Map<string, number> {
  const found = new Map<string, number>();
  const known = new Set<string>();
  expect(text.endsWith("\n")).toBe(true);
  for (const line of text.trimEnd().split("\n")) {
    const type = /^# TYPE ([a-z_]+) (gauge|counter|histogram)$/.exec(line);
    if (type !== null) known.add(type[1] as string);
    if (line.startsWith("#")) continue;
    const [, name = "", labels, value] = SAMPLE.exec(line) ?? [];
    expect(known, line).toContain(name.replace(/_(bucket|count|sum)$/, ""));
    expect(found.has(`${name} ${labels}`), line).toBe(false);
    found.set(`${name} ${labels}`, Number(value));
  }
  return found;
}

it("sec: a name with quotes, backslashes and line breaks stays within its label", () => {
  const found = samples(metricsText(statusWith({ name: 'a"} 1\n\\evil{x="' })));
  expect([...found.keys()].every((one) => one.includes('move="a\\"} 1\\n\\\\evil{x=\\""'))).toBe(
    true,
  );
});

it("says where the move is, what waits, and how calls fare, with buckets that add up", () => {
  const status = statusWith({
    state: { stage: "shadow", epoch: 7 },
    sides: { source: readsOf(5, 8), target: readsOf(2, 1e6) },
    outbox: { count: 3, oldestMs: 250 },
    comparisons: { equal: 9, mismatched: 1, busy: 0, unknown: 2, dropped: 0 },
    openQuarantine: 4,
  });
  const found = samples(metricsText(status));
  const value = (name: string, labels = "") => found.get(`${name} move="app"${labels}`);
  expect(value("outgrow_stage", ',stage="shadow"')).toBe(1);
  expect(value("outgrow_stage", ',stage="live"')).toBe(0);
  expect(value("outgrow_epoch")).toBe(7);
  expect(value("outgrow_outbox_records")).toBe(3);
  expect(value("outgrow_outbox_oldest_ms")).toBe(250);
  expect(value("outgrow_quarantine_open")).toBe(4);
  expect(value("outgrow_compared_total", ',outcome="unknown"')).toBe(2);
  expect(value("outgrow_call_ms_bucket", ',side="source",le="4"')).toBe(0);
  expect(value("outgrow_call_ms_bucket", ',side="source",le="8"')).toBe(5);
  expect(value("outgrow_call_ms_bucket", ',side="target",le="4096"')).toBe(0);
  expect(value("outgrow_call_ms_bucket", ',side="target",le="+Inf"')).toBe(2);
  expect(value("outgrow_call_ms_count", ',side="target"')).toBe(2);
});
