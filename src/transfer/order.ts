/** Files in the order in which a copy reads them: each by itself goes from its beginning to its end. */
import type { Layout } from "../layout/layout.ts";
import { inReferenceOrder } from "../layout/reference-order.ts";
import type { OpenedFile, Source } from "./source.ts";

export interface FileInOrder {
  readonly file: number;
  readonly opened: OpenedFile;
  /** Bytes of the files that were read before it. */
  readonly before: number;
}

/** As they were given, but for those that hold what others' rows have to find (see reference-order.ts). */
export function filesInOrder(source: Source, layouts: readonly Layout[]): FileInOrder[] {
  const files = [...source.files.entries()];
  let read = 0;
  return inReferenceOrder(files, ([, { collections }]) => Object.values(collections), layouts).map(
    ([file, opened]) => {
      const before = read;
      read += opened.input.bytes;
      return { file, opened, before };
    },
  );
}
