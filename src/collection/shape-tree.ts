/**
 * The lists of names that the objects of many records have, each made once: a tree that grows by one node for each
 * name that follows another at a place of the records. What is known of a list (the order of its names in canonical
 * text, the bytes before each value) hangs on it, so that an object costs one comparison of bytes for each name.
 */
import { encodeWtf8 } from "./wtf8.ts";

/** Nodes of one tree. Where names are data there is no end of them. */
const MAX_NODES = 20_000;
const MAX_FORMS = 2_000;
const MAX_NAME_BYTES = 200;
/** Names of one object, and names that follow one list. */
const MAX_NAMES = 500;
const MAX_NEXT = 100;

const QUOTE = 0x22;
const textOf = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The names of an object at one place of the records, in the order in which it was written. */
export interface Shape {
  readonly names: readonly string[];
  /** Indices of `names` in the order of canonical text. */
  readonly sorted: readonly number[];
  /** What stands before each value in canonical text, by index of `names`. */
  readonly heads: readonly Uint8Array[];
}

/** Which shapes a record has. Records of one form have the same names in the same orders everywhere. */
export class Form {
  /** Whether one of its objects looks like a tag of tagged JSON (see tagged-json.ts). */
  readonly looksTagged: boolean;
  readonly #shapes: ReadonlySet<Shape>;
  readonly #next = new Map<Shape, Form>();

  constructor(shapes: ReadonlySet<Shape>) {
    this.#shapes = shapes;
    this.looksTagged = [...shapes].some(({ names }) => names.length === 1 && names[0]?.[0] === "$");
  }

  /** The form that has this shape as well; `undefined` when there are too many. */
  with(shape: Shape, tree: ShapeTree): Form | undefined {
    if (this.#shapes.has(shape)) return this;
    const known = this.#next.get(shape);
    if (known !== undefined) return known;
    if (!tree.mayAddForm()) return undefined;
    const form = new Form(new Set([...this.#shapes, shape]));
    this.#next.set(shape, form);
    return form;
  }
}

/** A place in records: a property of what lies at another place, or the elements of an array. */
export class Place {
  /** An object's beginning: no name has been read yet. */
  readonly start = new NameNode(undefined, new Uint8Array(0), "");
  #elements: Place | undefined;

  /** The place of all elements of an array that lies here. */
  get elements(): Place {
    this.#elements ??= new Place();
    return this.#elements;
  }
}

/** A name behind others. */
export class NameNode {
  readonly bytes: Uint8Array;
  readonly name: string;
  readonly #before: NameNode | undefined;
  readonly #count: number;
  /** What followed most recently. */
  likely: NameNode | undefined;
  readonly #next: NameNode[] = [];
  #value: Place | undefined;
  #shape: Shape | undefined;

  constructor(before: NameNode | undefined, bytes: Uint8Array, name: string) {
    this.#before = before;
    this.bytes = bytes;
    this.name = name;
    this.#count = before === undefined ? 0 : before.#count + 1;
  }

  /** The place of this name's value. */
  get value(): Place {
    this.#value ??= new Place();
    return this.#value;
  }

  /** The shape of an object that ends here. */
  get shape(): Shape {
    this.#shape ??= this.#makeShape();
    return this.#shape;
  }

  /** The node of the name that begins here, behind its quote; `undefined` when it is none that a tree takes. */
  follow(text: Uint8Array, at: number, tree: ShapeTree): NameNode | undefined {
    const { likely } = this;
    if (likely !== undefined && isAt(likely.bytes, text, at)) return likely;
    for (const next of this.#next) {
      if (!isAt(next.bytes, text, at)) continue;
      this.likely = next;
      return next;
    }
    return this.#learn(text, at, tree);
  }

  #learn(text: Uint8Array, at: number, tree: ShapeTree): NameNode | undefined {
    const end = text.indexOf(QUOTE, at);
    if (end < 0 || end - at > MAX_NAME_BYTES) return undefined;
    if (this.#count >= MAX_NAMES || this.#next.length >= MAX_NEXT) return undefined;
    const bytes = text.slice(at, end);
    const name = nameOf(bytes);
    if (name === undefined || this.#has(name) || !tree.mayAddNode()) return undefined;
    const node = new NameNode(this, bytes, name);
    this.#next.push(node);
    this.likely = node;
    return node;
  }

  #has(name: string): boolean {
    for (let node: NameNode | undefined = this; node !== undefined; node = node.#before) {
      if (node.name === name && node.#before !== undefined) return true;
    }
    return false;
  }

  #makeShape(): Shape {
    const nodes: NameNode[] = [];
    for (let node: NameNode = this; node.#before !== undefined; node = node.#before) {
      nodes.unshift(node);
    }
    return {
      names: nodes.map(({ name }) => name),
      sorted: [...nodes.keys()].sort((a, b) =>
        compareBytes((nodes[a] as NameNode).bytes, (nodes[b] as NameNode).bytes),
      ),
      heads: nodes.map(({ name }) => encodeWtf8(`"${name.length}:${name}`)),
    };
  }
}

/** All places of one reader's records. */
export class ShapeTree {
  readonly root = new Place();
  readonly noForm = new Form(new Set());
  #nodes = 0;
  #forms = 0;

  mayAddNode(): boolean {
    return this.#nodes++ < MAX_NODES;
  }

  mayAddForm(): boolean {
    return this.#forms++ < MAX_FORMS;
  }
}

/** Whether a name stands here, up to its closing quote. */
function isAt(name: Uint8Array, text: Uint8Array, at: number): boolean {
  const { length } = name;
  if (text[at + length] !== QUOTE) return false;
  for (let index = 0; index < length; index++) if (text[at + index] !== name[index]) return false;
  return true;
}

/** The name that these bytes are; `undefined` for one with escapes, and one that JavaScript would move to the front. */
function nameOf(bytes: Uint8Array): string | undefined {
  const [first = 0] = bytes;
  if (first >= 0x30 && first <= 0x39) return undefined;
  for (const byte of bytes) if (byte === 0x5c || byte < 0x20) return undefined;
  try {
    return textOf.decode(bytes);
  } catch {
    return undefined;
  }
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const { length } = a.length < b.length ? a : b;
  for (let index = 0; index < length; index++) {
    const difference = (a[index] as number) - (b[index] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
