/** One walk over a JSON file that finds its shape (json-shape.ts) and counts its records, parsing a few samples. */
import { LIMITS } from "../collection/value.ts";
import { OutgrowError } from "../errors.ts";
import { AdapterProbe } from "./adapter-probe.ts";
import { checkParts, plainPart } from "./collection-names.ts";
import type { Input, Part, Survey, SurveyOptions } from "./format.ts";
import {
  isCollection,
  isKeyed,
  type JsonEnvelope,
  membersWin,
  namedTwice,
  placeMembers,
  type Seen,
  topShape,
} from "./json-shape.ts";
import { KindSample, SAMPLE_NAMES } from "./kind-sample.ts";
import { type Boundary, type Decide, Scanner, type Slice } from "./scanner.ts";

/** After so many members a top of one kind is settled to be a collection, and is only counted from there on. */
const SETTLED = 1000;
/** Samples are small; what is larger is no sample. */
const SAMPLE_BYTES = 1024 * 1024;
const textOf = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** @throws {OutgrowError} BUNDLE_SYNTAX, COLLECTION_NAME, LIMIT, ENCODING */
export async function surveyJson(input: Input, options: SurveyOptions = {}): Promise<Survey> {
  const walk = new SurveyWalk(input.name);
  const scanner = new Scanner({
    decide: walk.decide,
    repair: options.repair,
    maxSlice: SAMPLE_BYTES,
    file: input.name,
  });
  for await (const events of scanner.over(input.open(0, options.signal))) {
    for (const event of events) {
      if (event.type === "slice") walk.slice(event, scanner.within.length);
      else if (event.type === "enter") walk.enter(event);
      else walk.leave(event);
    }
    options.onProgress?.(scanner.offset);
  }
  const { parts, envelope } = walk.result(input, scanner.offset);
  checkParts(parts, input.name);
  const twice = namedTwice(envelope.members).map((name) => `two members named ${name}`);
  const notes = [...input.notes, ...twice];
  return { format: "json", name: input.name, parts, envelope, repairs: scanner.repairs, notes };
}

class SurveyWalk {
  readonly #file: string;
  #top: Seen | undefined;
  readonly #topSample = new KindSample();
  readonly #topProbe = new AdapterProbe();
  readonly #members: Seen[] = [];
  #collections = 0;
  /** The top is a keyed collection for certain. */
  #settled = false;

  // The member under way.
  #member: Seen | undefined;
  #sample = new KindSample();
  #probe = new AdapterProbe();
  #names: string[] = [];

  constructor(file: string) {
    this.#file = file;
  }

  readonly decide: Decide = (kind, name, within) => {
    const container = kind === "object" || kind === "array";
    if (within.length === 0) return container ? "enter" : "skip";
    if (within.length === 1) {
      return container && within[0]?.kind === "object" && !this.#settled ? "enter" : "skip";
    }
    const member = within[1];
    if (within.length === 2 && member?.kind === "object") {
      if ((name === "ids" && kind === "array") || (name === "entities" && kind === "object")) {
        return "enter";
      }
      return kind === "object" && !this.#sample.full ? "take" : "skip";
    }
    // Elements of `ids`, at the top or in a member.
    return !container && within.at(-1)?.name === "ids" ? "take" : "skip";
  };

  enter(event: Boundary): void {
    const { depth, kind, name, offset } = event;
    if (depth === 0) {
      this.#top = newSeen("", 0, kind, offset);
    } else if (depth === 1) {
      this.#topProbe.member(name, kind);
      this.#member = newSeen(name ?? "", event.index, kind, offset);
      this.#sample = new KindSample();
      this.#probe = new AdapterProbe();
      this.#names = [];
    } else if (depth === 2) {
      this.#probe.member(name, kind);
      this.#inMember(name, kind);
    }
  }

  leave(event: Boundary): void {
    const { depth, count, offset } = event;
    const seen = depth === 0 ? this.#top : this.#member;
    if (depth > 1 || seen === undefined) return;
    seen.count = count;
    seen.bytes = offset + 1 - seen.offset;
    if (depth === 0) {
      seen.oneKind = this.#topSample.oneKind;
      seen.adapter = this.#topProbe.result();
      return;
    }
    seen.oneKind = this.#sample.oneKind;
    seen.adapter = this.#probe.result();
    if (seen.adapter !== undefined) seen.count = this.#probe.count;
    this.#member = undefined;
    if (seen.kind === "object") this.#topSample.add(this.#names);
    this.#addMember(seen);
  }

  /** @param depth containers around the slice. */
  slice(slice: Slice, depth: number): void {
    const { kind, name } = slice;
    if (depth === 0) {
      this.#top = newSeen("", 0, kind, slice.offset);
    } else if (depth === 1) {
      const top = this.#top as Seen;
      if (this.#settled || top.kind === "array") {
        if (kind === "object") top.objects++;
        return;
      }
      this.#topProbe.member(name, kind);
      this.#addMember(newSeen(name ?? "", slice.index, kind, slice.offset));
    } else if (depth === 2) {
      const member = this.#member as Seen;
      if (member.kind === "array") {
        if (kind === "object") member.objects++;
        if (member.name === "ids") this.#topProbe.id(slice);
        return;
      }
      if (member.name === "entities") this.#topProbe.entity(name);
      this.#probe.member(name, kind);
      this.#inMember(name, kind);
      if (slice.bytes !== undefined) this.#sample.add(namesOf(slice.bytes));
    } else if (name === undefined) {
      this.#probe.id(slice);
    } else {
      this.#probe.entity(name);
    }
  }

  /** Something in a member that is an object. */
  #inMember(name: string | undefined, kind: string): void {
    if (kind === "object") (this.#member as Seen).objects++;
    if (this.#names.length < SAMPLE_NAMES) this.#names.push(name ?? "");
  }

  #addMember(seen: Seen): void {
    const top = this.#top as Seen;
    top.count++;
    if (seen.kind === "object") top.objects++;
    const collection = isCollection(seen);
    if (collection) this.#collections++;
    // A document with more members than a record may have is refused as a record: their names matter no more.
    if (collection || this.#members.length <= LIMITS.properties) this.#members.push(seen);
    if (top.count === SETTLED && isKeyed({ ...top, oneKind: this.#topSample.oneKind })) {
      this.#settled = !membersWin(this.#members);
    }
    if (this.#collections > LIMITS.collections && !this.#settled) {
      const detail = `more than ${LIMITS.collections} collections`;
      throw new OutgrowError("LIMIT", { file: this.#file, detail });
    }
  }

  result(input: Input, bytes: number): { parts: readonly Part[]; envelope: JsonEnvelope } {
    const seen = this.#top as Seen;
    const top = this.#settled ? "keyed" : topShape(seen, this.#members);
    const about = { top, bytes, bom: hasMark(input) };
    if (top === "members") {
      const { members, parts, document } = placeMembers(this.#members);
      return {
        parts,
        envelope: { ...about, members, ...(document === undefined ? {} : { document }) },
      };
    }
    if (top === "value") {
      const document = "document";
      return {
        parts: [plainPart(document, false, 1)],
        envelope: { ...about, members: [], document },
      };
    }
    const ids = top === "adapter" && seen.adapter !== undefined ? { ids: seen.adapter } : {};
    const count = top === "adapter" ? this.#topProbe.count : seen.count;
    return {
      parts: [plainPart(input.stem, top !== "array", count)],
      envelope: { ...about, ...ids, members: [] },
    };
  }
}

/** Whether an export should begin with a byte order mark: UTF-16 needed one, its UTF-8 does not. */
export function hasMark({ notes }: Pick<Input, "notes">): boolean {
  return notes.includes("bom") && !notes.some((note) => note.startsWith("utf-16"));
}

function newSeen(name: string, at: number, kind: Seen["kind"], offset: number): Seen {
  return {
    name,
    at,
    kind,
    offset,
    bytes: 0,
    count: 0,
    objects: 0,
    oneKind: false,
    adapter: undefined,
  };
}

function namesOf(bytes: Uint8Array): string[] {
  try {
    return Object.keys(JSON.parse(textOf.decode(bytes)) as object);
  } catch {
    return []; // a faulty record says nothing about its kind
  }
}
