/** How many cases a property test tries: RUNS makes it a campaign, SEED replays what a failure printed. */
export function propertyRuns(runs = 200): { numRuns: number; seed?: number } {
  const wanted = Number(process.env["RUNS"] ?? 1);
  const seed = process.env["SEED"];
  return { numRuns: runs * wanted, ...(seed === undefined ? {} : { seed: Number(seed) }) };
}
