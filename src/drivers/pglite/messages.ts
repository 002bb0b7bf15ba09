/** What an attached process and the holder of a database say to each other, frame by frame. */
import { type ErrorCode, OutgrowError, type Site } from "../../errors.ts";
import type { SqlParameter, SqlResult } from "../postgres/database.ts";

/** Both ends must be of one version: it is raised with every change to this file. */
export const PROTOCOL = 1;

/** `transaction` is the number that the reply to `begin` gave. */
export type ClientRequest =
  | { readonly op: "hello"; readonly protocol: number }
  | { readonly op: "ping" }
  | { readonly op: "query"; readonly text: string; readonly parameters: readonly SqlParameter[] }
  | { readonly op: "begin"; readonly readOnly: boolean }
  | {
      readonly op: "run";
      readonly transaction: number;
      readonly text: string;
      readonly parameters: readonly SqlParameter[];
    }
  | {
      readonly op: "copy";
      readonly transaction: number;
      readonly table: string;
      readonly columns: readonly string[];
      readonly chunks: readonly Uint8Array[];
    }
  | { readonly op: "commit" | "rollback"; readonly transaction: number };

export type ClientFrame = ClientRequest & { readonly id: number };

export type ServerAnswer =
  | { readonly hello: "open" | "closing" }
  | { readonly result: SqlResult }
  | { readonly count: number }
  | { readonly transaction: number }
  | { readonly done: true }
  | { readonly error: WireError };

/** The id of a frame that answers all requests which have no answer yet. */
export const FAREWELL = -1;

/** `gone`: the request was not begun and never will be, for the holder is leaving. */
export type ServerFrame = { readonly id: number } & (ServerAnswer | { readonly gone: true });

export interface WireError {
  readonly code: ErrorCode;
  readonly site: Site;
  readonly sqlState: string | undefined;
}

export function toWire(error: unknown): WireError {
  const known = error instanceof OutgrowError ? error : new OutgrowError("INTERNAL");
  return { code: known.code, site: known.site, sqlState: known.sqlState };
}

export function fromWire({ code, site, sqlState }: WireError): OutgrowError {
  return new OutgrowError(code, site, { sqlState });
}
