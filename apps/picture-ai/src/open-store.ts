/** Where the app's data is: the one place that knows. */
import { openTarget, type Store, storeOver, type Target } from "outgrow";
import { openJsonFile } from "outgrow/drivers/json-file";
import { type LiveMove, type MoveOptions, openMove } from "outgrow/move";
import { FILE_COLLECTIONS, MOVE, PLACES } from "./move.ts";

export interface OpenedStore extends AsyncDisposable {
  readonly store: Store;
  /** The move that the app is served through, where it has one. */
  readonly move: LiveMove | undefined;
}

/** How carefully the move goes, where that is not left to Outgrow. */
export type Care = Pick<MoveOptions, "limits" | "compare" | "refreshMs">;

/**
 * @param file the JSON file: `data/database.json`.
 * @param target the address of where the data moves to, or has moved to; none: it stays in the file.
 */
export async function openStore(
  file: string,
  target?: string | undefined,
  care: Care = {},
): Promise<OpenedStore> {
  const source = openJsonFile(file, { collections: FILE_COLLECTIONS });
  if (target === undefined) {
    return {
      store: storeOver(source.driver),
      move: undefined,
      [Symbol.asyncDispose]: async () => {},
    };
  }
  const opened: Target = await openTarget(target);
  try {
    const move = await openMove({
      ...care,
      name: MOVE,
      source,
      target: opened,
      layout: PLACES,
      by: MOVE,
    });
    return {
      store: await move.store(),
      move,
      async [Symbol.asyncDispose]() {
        await move[Symbol.asyncDispose]();
        await opened[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await opened[Symbol.asyncDispose]();
    throw error;
  }
}
