/** What was measured, as a person reads it, and as a file. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isMet, measuredValue } from "./lines.mjs";

/** Processor time: it says more than the clock where others are at work too. */
const perRecord = (seconds, records) =>
  seconds === undefined || !records ? undefined : (seconds / records) * 1e6;

export function describe({ seconds, records, rssMiB, clientSeconds, serverSeconds }) {
  const [client, server] = [perRecord(clientSeconds, records), perRecord(serverSeconds, records)];
  const parts = [
    `${seconds.toFixed(2)} s`,
    records === undefined ? "" : `${Math.round(records / seconds).toLocaleString("en-US")}/s`,
    client === undefined ? "" : `client ${client.toFixed(1)} us/record`,
    server === undefined ? "" : `server ${server.toFixed(1)} us/record`,
    rssMiB === undefined ? "" : `${Math.round(rssMiB)} MiB`,
  ];
  return parts.filter((part) => part !== "").join("  ");
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

const UNITS = { faster: "x", time: "x", flat: "x", memory: " MiB", start: " ms" };

function shown(value, kind) {
  const digits = value >= 20 ? 0 : value >= 3 ? 1 : 2;
  return `${value.toFixed(digits)}${UNITS[kind]}`;
}

function summary(line, results, failures) {
  const values = results.flatMap(({ methods }) => measuredValue(line, methods) ?? []);
  const { name, what, against, kind, atLeast, atMost } = line;
  const target = atLeast === undefined ? `<= ${atMost}${UNITS[kind]}` : `>= ${atLeast}x`;
  const base = { name, what, against, target };
  if (values.length === 0) {
    const why = failures.get(line.method) ?? failures.get(line.than) ?? "not measured";
    return { ...base, met: undefined, why };
  }
  const middle = median(values);
  return {
    ...base,
    ...{ median: middle, min: Math.min(...values), max: Math.max(...values) },
    text: `${shown(middle, kind)} (${shown(Math.min(...values), kind)} .. ${shown(Math.max(...values), kind)})`,
    met: isMet(line, middle),
  };
}

const percent = (share) => (share === undefined ? "not known" : `${Math.round(share * 100)} %`);

function markdown({ about, results, summaries }) {
  const { machine, date, postgres, redis, copy, records, many, rounds } = about;
  const verdict = ({ met }) => (met === undefined ? "not measured" : met ? "met" : "**missed**");
  return [
    `# Benchmark of ${date}`,
    "",
    `${machine.cores} cores of ${machine.processor}, ${machine.memoryGiB} GiB, ${machine.platform}; Node ${machine.node},`,
    `PostgreSQL ${postgres}, Redis ${redis}; \`\\copy\` by ${copy}.`,
    `${records.toLocaleString("en-US")} records of 944 bytes (many: ${many.toLocaleString("en-US")}), ${rounds} rounds, each method once per round.`,
    "Ratios are formed within a round; median (least .. most).",
    "",
    "| line | what | against | measured | target | |",
    "|---|---|---|---:|---:|---|",
    ...summaries.map(
      (one) =>
        `| ${one.name} | ${one.what} | ${one.against} | ${one.text ?? one.why} | ${one.target} | ${verdict(one)} |`,
    ),
    "",
    "| round | load before, after | processor time of others | |",
    "|---:|---|---:|---|",
    ...results.map(
      ({ machine: { load, foreign, contended } }, index) =>
        `| ${index + 1} | ${load.map((one) => one.toFixed(2)).join(", ")} | ${percent(foreign)} | ${contended ? "contended" : ""} |`,
    ),
    "",
    "| method | median s | records/s | client: us of processor a record | server: the same | peak MiB |",
    "|---|---:|---:|---:|---:|---:|",
    ...methodRows(results),
    "",
  ].join("\n");
}

function methodRows(results) {
  const names = new Set(results.flatMap(({ methods }) => Object.keys(methods)));
  return [...names].map((name) => {
    const all = results.flatMap(({ methods }) => methods[name] ?? []);
    const of = (pick) => {
      const values = all.map(pick).filter((value) => value !== undefined);
      return values.length === 0 ? undefined : median(values);
    };
    const rate = of(({ records, seconds }) => (records ? records / seconds : undefined));
    const client = of(({ clientSeconds, records }) => perRecord(clientSeconds, records));
    const server = of(({ serverSeconds, records }) => perRecord(serverSeconds, records));
    const cells = [
      of(({ seconds }) => seconds)?.toFixed(2),
      rate === undefined ? "" : Math.round(rate).toLocaleString("en-US"),
      client?.toFixed(1) ?? "",
      server?.toFixed(1) ?? "",
      of(({ rssMiB }) => rssMiB)?.toFixed(0) ?? "",
    ];
    return `| ${name} | ${cells.join(" | ")} |`;
  });
}

/** Prints the table; with a folder, keeps it there as `latest.md` and, with every round, as `latest.json`. */
export function writeReport({ about, lines, results, failures }, folder) {
  const summaries = lines.map((line) => summary(line, results, failures));
  const text = markdown({ about, results, summaries });
  console.log(text);
  if (folder === undefined) return;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "latest.md"), text);
  const whole = { about, lines: summaries.map(({ text: _, ...one }) => one), rounds: results };
  writeFileSync(join(folder, "latest.json"), `${JSON.stringify(whole, null, 1)}\n`);
}
