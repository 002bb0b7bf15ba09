/** The metrics page, read as a scraper reads it. */
import { expect, it } from "vitest";
import { METRICS_TYPE, metricsText } from "../../src/move/metrics.ts";
import { readsOf, statusWith } from "../support/move-status.ts";

const NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const LABEL = '[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\["\\\\n])*"';
const SAMPLE = new RegExp(`^(${NAME})\\{(${LABEL}(?:,${LABEL})*)\\} (\\d+(?:\\.\\d+)?|\\+Inf)$`);

/**
 * By the rules of the text format: a family's HELP and TYPE come once, in that order, with its samples right behind
 * them; a counter's name says that it is a total; a histogram's buckets grow up to one of all, which is its count.
 */
function samples(text: string): Map<string, number> {
  const found = new Map<string, number>();
  const families = new Map<string, string>();
  let family = "";
  let helped = "";
  expect(text.endsWith("\n")).toBe(true);
  for (const line of text.trimEnd().split("\n")) {
    const [, comment, named = "", said = ""] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? [];
    if (comment === "HELP") {
      expect(families.has(named), line).toBe(false);
      helped = named;
    } else if (comment === "TYPE") {
      expect(helped, line).toBe(named);
      expect(said).toMatch(/^(?:gauge|counter|histogram)$/);
      expect(named.endsWith("_total"), line).toBe(said === "counter");
      family = named;
      families.set(named, said);
    } else {
      const [, name = "", labels, value] = SAMPLE.exec(line) ?? [];
      const suffix = families.get(family) === "histogram" ? "_(?:bucket|sum|count)" : "";
      expect(name, line).toMatch(new RegExp(`^${family}${suffix}$`));
      expect(found.has(`${name} ${labels}`), line).toBe(false);
      found.set(`${name} ${labels}`, Number(value));
    }
  }
  for (const [name, type] of families) if (type === "histogram") checkHistogram(name, found);
  return found;
}

function checkHistogram(name: string, found: ReadonlyMap<string, number>): void {
  const series = new Map<string, [le: number, count: number][]>();
  for (const [sample, count] of found) {
    const [, labels = "", le = ""] =
      new RegExp(`^${name}_bucket (.*),le="(.*)"$`).exec(sample) ?? [];
    if (le === "") continue;
    const bound = le === "+Inf" ? Number.POSITIVE_INFINITY : Number(le);
    series.set(labels, [...(series.get(labels) ?? []), [bound, count]]);
  }
  expect(series.size).toBeGreaterThan(0);
  for (const [labels, buckets] of series) {
    const ascending = (values: number[]) => [...values].sort((a, b) => a - b);
    const [bounds, counts] = [buckets.map(([le]) => le), buckets.map(([, count]) => count)];
    expect(bounds).toEqual(ascending(bounds));
    expect(counts).toEqual(ascending(counts));
    expect(bounds.at(-1)).toBe(Number.POSITIVE_INFINITY);
    expect(found.get(`${name}_count ${labels}`)).toBe(counts.at(-1));
    expect(found.get(`${name}_sum ${labels}`)).toBeTypeOf("number");
  }
}

it("sec: a name with quotes, backslashes and line breaks stays within its label", () => {
  const evil = 'a"} 1\n\\evil{x="';
  const found = samples(metricsText(statusWith({ name: evil, foreign: { [evil]: 1 } })));
  expect([...found.keys()].every((one) => one.includes('move="a\\"} 1\\n\\\\evil{x=\\""'))).toBe(
    true,
  );
});

it("says where the move is, what waits, and how calls fare, as the text format asks for it", () => {
  const status = statusWith({
    state: { stage: "shadow", epoch: 7 },
    sides: { source: { ...readsOf(5, 8), ms: 31.5 }, target: { ...readsOf(2, 1e6), errors: 3 } },
    outbox: { count: 3, oldestMs: 250 },
    comparisons: { equal: 9, mismatched: 1, busy: 0, unknown: 2, dropped: 0 },
    foreign: { users: 6 },
    openQuarantine: 4,
  });
  expect(METRICS_TYPE).toBe("text/plain; version=0.0.4; charset=utf-8");
  const found = samples(metricsText(status));
  const value = (name: string, labels = "") => found.get(`outgrow_${name} move="app"${labels}`);
  expect(value("stage", ',stage="shadow"')).toBe(1);
  expect(value("stage", ',stage="live"')).toBe(0);
  expect(value("epoch")).toBe(7);
  expect(value("outbox_records")).toBe(3);
  expect(value("outbox_oldest_seconds")).toBe(0.25);
  expect(value("quarantine_open")).toBe(4);
  expect(value("calls_total", ',side="source",kind="read"')).toBe(5);
  expect(value("call_errors_total", ',side="target"')).toBe(3);
  expect(value("foreign_writes_total", ',collection="users"')).toBe(6);
  expect(value("compared_total", ',outcome="mismatched"')).toBe(1);
  expect(value("call_duration_seconds_bucket", ',side="source",le="0.004"')).toBe(0);
  expect(value("call_duration_seconds_bucket", ',side="source",le="0.008"')).toBe(5);
  expect(value("call_duration_seconds_sum", ',side="source"')).toBe(0.0315);
  expect(value("call_duration_seconds_bucket", ',side="target",le="4.096"')).toBe(0);
  expect(value("call_duration_seconds_bucket", ',side="target",le="+Inf"')).toBe(2);
});
