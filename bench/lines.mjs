/**
 * The table of targets: each line is a method, what it is held against, and the ratio that is wanted.
 *
 *   faster   records per second of `method`, divided by those of `than`: at least
 *   time     seconds per record of `method`, divided by those of `than`: at most
 *   memory   the process's peak above that of a Node that does nothing, in MiB: at most
 *   flat     the same of `method`, divided by that of `than`: at most
 *   start    milliseconds: at most
 */
export const LINES = [
  {
    name: "import",
    what: "import, flat layout, first load, plan already made",
    against: "`\\copy` text, one stream, same rows",
    ...{ kind: "faster", method: "import", than: "copy-text", atLeast: 0.85 },
  },
  {
    name: "import-existing",
    what: "the same into a table that has rows",
    against: "`\\copy` text, one stream, same rows",
    ...{ kind: "faster", method: "import-existing", than: "copy-text", atLeast: 0.65 },
  },
  {
    name: "import-children",
    what: "import with a child table",
    against: "`\\copy` of the same rows into the same tables",
    ...{ kind: "faster", method: "import-children", than: "copy-children", atLeast: 0.65 },
  },
  {
    name: "insert-loop",
    what: "import",
    against: "an awaited INSERT for each record (pg)",
    ...{ kind: "faster", method: "import", than: "insert-loop", atLeast: 20 },
  },
  {
    name: "prisma",
    what: "import",
    against: "an awaited create for each record (Prisma)",
    ...{ kind: "faster", method: "import", than: "prisma", atLeast: 60 },
  },
  {
    name: "drizzle",
    what: "import",
    against: "inserts of 1,000 records (Drizzle)",
    ...{ kind: "faster", method: "import", than: "drizzle", atLeast: 3 },
  },
  {
    name: "pgloader",
    what: "import",
    against: "pgloader, same rows",
    ...{ kind: "faster", method: "import", than: "pgloader", atLeast: 6 },
  },
  {
    name: "inspect",
    what: "inspect and infer",
    against: "the import",
    ...{ kind: "time", method: "inspect", than: "import", atMost: 0.5 },
  },
  {
    name: "second-copy",
    what: "second copy of an unchanged dump",
    against: "the first, from nothing",
    ...{ kind: "faster", method: "second-copy", than: "first-copy", atLeast: 1.5 },
  },
  {
    name: "verify",
    what: "verify: every record rebuilt and compared",
    against: "the import",
    ...{ kind: "time", method: "verify", than: "import", atMost: 1 },
  },
  {
    name: "memory",
    what: "peak memory of an import of many records (command line)",
    against: "Node's own start",
    ...{ kind: "memory", method: "cli-many", atMost: 96 },
  },
  {
    name: "memory-large-records",
    what: "peak memory of an import, records of up to 64 KiB",
    against: "Node's own start",
    ...{ kind: "memory", method: "cli-large", atMost: 96.25 },
  },
  {
    name: "memory-redis",
    what: "peak memory of an import into Redis",
    against: "Node's own start",
    ...{ kind: "memory", method: "cli-redis", atMost: 96 },
  },
  {
    name: "memory-verify",
    what: "peak memory of verify",
    against: "Node's own start",
    ...{ kind: "memory", method: "cli-verify", atMost: 96 },
  },
  {
    name: "memory-flat",
    what: "peak memory of an import of many records",
    against: "of few",
    ...{ kind: "flat", method: "cli-many", than: "cli-few", atMost: 1.25 },
  },
  {
    name: "scan-dexie",
    what: "read, scan and parse a Dexie export",
    against: "`JSON.parse` of the whole file",
    ...{ kind: "faster", method: "scan-dexie", than: "parse-dexie", atLeast: 1.5 },
  },
  {
    name: "scan-json",
    what: "read, scan and parse a JSON array",
    against: "`JSON.parse` of the whole file",
    ...{ kind: "faster", method: "scan-json", than: "parse-json", atLeast: 1.5 },
  },
  {
    name: "pglite",
    what: "import into PGlite",
    against: "bare COPY into PGlite, same rows",
    ...{ kind: "faster", method: "pglite-import", than: "pglite-copy", atLeast: 0.75 },
  },
  {
    name: "redis-driver",
    what: "Redis: what the driver writes of prepared records",
    against: "pipelined HSET of the same records (ioredis)",
    ...{ kind: "faster", method: "redis-driver", than: "redis-hset", atLeast: 2 },
  },
  {
    name: "redis-import",
    what: "Redis: the whole way, from the file",
    against: "pipelined HSET of the same records (ioredis)",
    ...{ kind: "faster", method: "redis-import", than: "redis-hset", atLeast: 1 },
  },
  {
    name: "credits-postgres",
    what: "Postgres: a spend with key, entry and answer, 16 clients",
    against: "a bare UPDATE of the balance",
    ...{ kind: "faster", method: "credits-postgres", than: "credits-update", atLeast: 0.8 },
  },
  {
    name: "credits-redis",
    what: "Redis: a spend with key, entry and answer, 16 clients",
    against: "a bare script: key, balance, entry (ioredis)",
    ...{ kind: "faster", method: "credits-redis", than: "credits-lua", atLeast: 0.8 },
  },
  {
    name: "growth",
    what: "time per record of an import of many records",
    against: "of few",
    ...{ kind: "time", method: "import-many", than: "import-few", atMost: 1.15 },
  },
  {
    name: "cli-start",
    what: "start of the command line",
    against: "-",
    ...{ kind: "start", method: "cli-start", atMost: 150 },
  },
];

/** The measured value of a line in one round; `undefined` when something of it was not measured there. */
export function measuredValue({ kind, method, than }, round) {
  const [own, other] = [round[method], round[than]];
  if (own === undefined || (than !== undefined && other === undefined)) return undefined;
  const perRecord = ({ seconds, records }) => seconds / records;
  if (kind === "faster") return perRecord(other) / perRecord(own);
  if (kind === "time") return perRecord(own) / perRecord(other);
  if (kind === "start") return own.seconds * 1000;
  const bare = round.nothing;
  if (bare === undefined) return undefined;
  const above = (one) => one.rssMiB - bare.rssMiB;
  return kind === "memory" ? above(own) : above(own) / above(other);
}

export const isMet = ({ atLeast, atMost }, value) =>
  atLeast === undefined ? value <= atMost : value >= atLeast;

/** Methods that these lines need, those that others depend on among them. */
export function methodsOf(lines, methods) {
  const wanted = new Set();
  const add = (name) => {
    if (name === undefined || wanted.has(name)) return;
    add(methods[name]?.after);
    wanted.add(name);
  };
  for (const { method, than, kind } of lines) {
    add(than);
    add(method);
    if (kind === "memory" || kind === "flat") add("nothing");
  }
  return Object.keys(methods).filter((name) => wanted.has(name));
}
