import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { OutgrowError } from "../../src/errors.ts";
import {
  type Decide,
  type ScanEvent,
  Scanner,
  type ScanState,
  scanWhole,
} from "../../src/formats/scanner.ts";
import { propertyRuns } from "../support/property.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const bytesOf = (text: string) => encoder.encode(text);

/** Goes into the top and takes what is in it. */
const members: Decide = (_kind, _name, within) => (within.length === 0 ? "enter" : "take");

function* cut(bytes: Uint8Array, sizes: readonly number[]): Generator<Uint8Array> {
  let at = 0;
  for (let turn = 0; at < bytes.length; turn++) {
    const size = Math.max(1, sizes[turn % sizes.length] ?? bytes.length);
    yield bytes.slice(at, at + size);
    at += size;
  }
}

function scan(
  bytes: Uint8Array,
  decide: Decide,
  sizes: readonly number[] = [bytes.length],
  options: { repair?: boolean; maxSlice?: number } = {},
) {
  const scanner = new Scanner({ decide, ...options });
  const events: ScanEvent[] = [];
  for (const chunk of cut(bytes, sizes)) {
    scanner.push(chunk);
    events.push(...scanner.events());
  }
  scanner.end();
  events.push(...scanner.events());
  return { events, scanner };
}

/** Events as something that can be compared, whatever memory the bytes lie in. */
const plain = (events: readonly ScanEvent[]) =>
  events.map((event) =>
    event.type === "slice"
      ? { ...event, bytes: event.bytes === undefined ? undefined : decoder.decode(event.bytes) }
      : event,
  );

/** Builds the value again from events, whatever was entered. */
function rebuild(events: readonly ScanEvent[]): unknown {
  let top: unknown;
  const open: unknown[] = [];
  const put = (name: string | undefined, value: unknown) => {
    const around = open.at(-1);
    if (around === undefined) top = value;
    else if (Array.isArray(around)) around.push(value);
    else
      Object.defineProperty(around, name as string, {
        value,
        enumerable: true,
        configurable: true,
        writable: true,
      });
  };
  for (const event of events) {
    if (event.type === "slice") put(event.name, JSON.parse(decoder.decode(event.bytes)));
    else if (event.type === "leave") open.pop();
    else {
      const container = event.kind === "array" ? [] : {};
      put(event.name, container);
      open.push(container);
    }
  }
  return top;
}

function failure(run: () => unknown): OutgrowError {
  try {
    run();
  } catch (error) {
    if (error instanceof OutgrowError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

const AWKWARD = JSON.stringify({
  'na"me\\': [{ id: 1, text: 'a "quoted" \\ end\\' }, -0.5, "é ✓ 😀", true, null],
  long: [
    `${"x".repeat(60)}"${"\\".repeat(7)}"${"y".repeat(70)}`,
    "data:image/png;base64,AAAA",
    "dat",
  ],
  deep: [[[{ "10": 1, "2": [2] }]], [9007199254740993n].map(String)],
  empty: [{}, [], "", { "": "" }],
}).replace('"9007199254740993"', "9007199254740993");

describe("scanner", () => {
  test("input c-11: a text cut in two at every byte gives the same events", () => {
    const bytes = bytesOf(AWKWARD);
    const decide: Decide = (_kind, _name, within) => (within.length < 2 ? "enter" : "take");
    const whole = plain(scan(bytes, decide).events);
    expect(whole.length).toBeGreaterThan(15);
    for (let at = 1; at < bytes.length; at++) {
      expect(plain(scan(bytes, decide, [at, bytes.length]).events), `cut at ${at}`).toEqual(whole);
    }
    expect(plain(scan(bytes, decide, [1]).events), "byte by byte").toEqual(whole);
  });

  test("input c-11: random values, spacing and chunks give what JSON.parse gives", () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(
        fc.jsonValue({ maxDepth: 5, noUnicodeString: false }),
        sizes,
        fc.constantFrom(0, 1, "\t"),
        fc.integer({ min: 0, max: 4 }),
        (value, cuts, indent, levels) => {
          const text = ` ${JSON.stringify(value, undefined, indent)}\r\n`;
          const decide: Decide = (_kind, _name, within) =>
            within.length < levels ? "enter" : "take";
          const { events } = scan(bytesOf(text), decide, cuts);
          expect(rebuild(events)).toEqual(JSON.parse(text));
        },
      ),
      propertyRuns(400),
    );
  });

  test("input c-11: random strings of quotes, backslashes and long runs keep their ends", () => {
    const piece = fc.constantFrom('"', "\\", "x".repeat(50), "é", "data:", "{", "]", "a");
    const text = fc.array(piece, { maxLength: 14 }).map((pieces) => pieces.join(""));
    fc.assert(
      fc.property(
        fc.array(text, { maxLength: 5 }),
        fc.integer({ min: 1, max: 70 }),
        (texts, size) => {
          const { events } = scan(bytesOf(JSON.stringify(texts)), members, [size]);
          expect(rebuild(events)).toEqual(texts);
        },
      ),
      propertyRuns(400),
    );
  });

  test("what a slice says of itself: nodes, properties, depth, offsets, data URLs", () => {
    const url = `data:text/plain,${"z".repeat(100)}`;
    const record = JSON.stringify({ a: [1, [], {}], b: { c: url, d: "data:," }, e: "not data:" });
    const text = `[ 1,${record} ]`;
    for (const size of [text.length, 1, 7]) {
      const slice = plain(scan(bytesOf(text), members, [size]).events)[2];
      expect(slice).toMatchObject({
        type: "slice",
        kind: "object",
        index: 1,
        offset: 4,
        length: record.length,
        // The record, a, its three elements, b, c, d, e; names are no values.
        nodes: 9,
        properties: 5,
        depth: 3,
        exact: false,
        digitName: false,
        dataUrlBytes: url.length + 6,
        largestDataUrl: url.length,
        bytes: record,
      });
    }
  });

  test.each([
    ["9007199254740993", true],
    ["1e400", true],
    ["1e-400", true],
    ["-0", false],
    ["0.1", false],
    ["0.30000000000000004", false],
    ["123456789012345", false],
    ["12345678901234567890", true],
    ["1e3", false],
    ["1.50", false],
  ])("input c-21 c-22 c-27: %s leaves the fast path: %s", (number, exact) => {
    const whole = scan(bytesOf(`[{"n":[${number}]}]`), members).events[1];
    expect(whole).toMatchObject({ exact });
    // Cut, a number may be taken for exact when in doubt, but never the other way round.
    for (const size of [1, 2, 3, 9]) {
      const [, slice] = scan(bytesOf(`[{"n":[${number}]}]`), members, [size]).events;
      if (exact) expect(slice).toMatchObject({ exact: true });
    }
  });

  test.each([
    ['{"10":1}', true],
    ['{"a":{"2":1}}', true],
    ['{"\\u0031":1}', true],
    ['{"1\\u0030":1}', true],
    ['{"a":"10"}', false],
    ['{"b1":1}', false],
    ['{"12345678901":1}', false],
    ['{"":1}', false],
  ])("input c-67: %s may be reordered: %s", (record, digitName) => {
    // When cut, a name may be taken for an index in doubt, but never the other way round.
    for (const size of digitName ? [record.length + 2, 1, 3] : [record.length + 2]) {
      const [, slice] = scan(bytesOf(`[${record}]`), members, [size]).events;
      expect(slice).toMatchObject({ digitName });
    }
  });

  test.each([
    ["trailing comma", "[1,]", 3],
    ["doubled comma", "[1,,2]", 3],
    ["missing comma", "[{}{}]", 3],
    ["missing comma in an object", '{"a":1"b":2}', 6],
    ["trailing comma in an object", '{"a":1,}', 7],
    ["leading comma", "[,1]", 1],
  ])("input c-12: %s is BUNDLE_SYNTAX at its byte, and one repair", (_name, text, offset) => {
    for (const size of [text.length, 1]) {
      const error = failure(() => scan(bytesOf(text), members, [size]));
      expect(error.code).toBe("BUNDLE_SYNTAX");
      expect(error.site.offset).toBe(offset);
      expect(scan(bytesOf(text), members, [size], { repair: true }).scanner.repairs).toBe(1);
    }
  });

  test.each([
    ["", 0],
    ["  ", 2],
    ["[1,2", 4],
    ['[{"a":1}', 8],
    ['[{"a":"b', 8],
    ['["abc', 5],
    ['{"a', 3],
    ['{"a"', 4],
    ['{"a":', 5],
    ["[1]]", 3],
    ["[1] x", 4],
    ["{}{}", 2],
    ["[1}", 2],
    ['{"a":1]', 6],
    ["[// no\n1]", 1],
    ["['a']", 1],
    ["{'a':1}", 1],
    ["{a:1}", 1],
    ["[{a:1}]", 3],
    ["[{\"a\":'b'}]", 6],
    ['[{"a":1 /* no */}]', 8],
    ['[{"a":[1}]', 8],
    ['{"a":}', 5],
    ['{"a" 1}', 5],
    ['{"a":1,2}', 7],
    ["[1:2]", 2],
  ])("input c-02 c-14: %j is BUNDLE_SYNTAX at byte %i, repaired or not", (text, offset) => {
    for (const repair of [false, true]) {
      if (repair && text === "[1:2]") continue;
      for (const size of [text.length, 1]) {
        const error = failure(() => scan(bytesOf(text), members, [size], { repair }));
        expect([error.code, error.site.offset]).toEqual(["BUNDLE_SYNTAX", offset]);
      }
    }
  });

  test("a scanner goes on from the state behind any event", () => {
    const bytes = bytesOf(AWKWARD);
    const decide: Decide = (_kind, _name, within) => (within.length < 2 ? "enter" : "take");
    const whole = plain(scan(bytes, decide).events);
    const scanner = new Scanner({ decide });
    scanner.push(bytes);
    for (let done = 1; scanner.next() !== undefined; done++) {
      const state = JSON.parse(JSON.stringify(scanner.state())) as ScanState;
      const other = new Scanner({ decide, from: state });
      other.push(bytes.slice(state.offset));
      const rest = [...other.events()];
      other.end();
      expect(plain([...rest, ...other.events()])).toEqual(whole.slice(done));
    }
  });

  test("a slice beyond the cap is counted, not kept, and the next one is whole", () => {
    const text = `["${"x".repeat(5000)}",{"a":1}]`;
    for (const size of [text.length, 100, 1]) {
      const { events } = scan(bytesOf(text), members, [size], { maxSlice: 1000 });
      expect(events[1]).toMatchObject({ bytes: undefined, offset: 1, length: 5002 });
      expect(plain(events)[2]).toMatchObject({ bytes: '{"a":1}', offset: 5004 });
    }
  });

  test("a skipped value has no bytes, and is counted all the same", () => {
    const { events } = scan(bytesOf('[{"a":[1,2]}]'), (_k, _n, within) =>
      within.length === 0 ? "enter" : "skip",
    );
    expect(events[1]).toMatchObject({ bytes: undefined, nodes: 4, properties: 1, length: 11 });
  });

  test("input c-63: five million levels are walked in a moment", () => {
    const deep = bytesOf(`${"[".repeat(5_000_000)}${"]".repeat(5_000_000)}`);
    const start = performance.now();
    expect(scanWhole(deep).depth).toBe(5_000_000);
    expect(performance.now() - start).toBeLessThan(1000);
  });

  test("a name that is not UTF-8 is refused, not mended", () => {
    const bytes = Uint8Array.from([...bytesOf('{"a'), 0xff, ...bytesOf('":1}')]);
    expect(failure(() => scan(bytes, members)).code).toBe("ENCODING");
  });
});
