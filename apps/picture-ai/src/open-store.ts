/** Where the app's data is: the one place that knows. */
import { type Store, storeOver } from "outgrow";
import { openJsonFile } from "outgrow/drivers/json-file";
import { FILE_COLLECTIONS } from "./move.ts";

/** @param file the JSON file: `data/database.json`. */
export function openStore(file: string): Store {
  return storeOver(openJsonFile(file, { collections: FILE_COLLECTIONS }).driver);
}
