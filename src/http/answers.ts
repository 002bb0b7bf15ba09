/** What the handlers answer: JSON, text, and a long piece of work as lines of JSON while it goes on. */
import { ERRORS, OutgrowError } from "../errors.ts";
import type { Progress } from "../transfer/progress.ts";

/** Work that tells where it is, and ends when the signal fires. */
export type Work = (options: {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
}) => Promise<object>;

/** What a caller who wants to see work go on says that he accepts. */
export const LINES = "application/x-ndjson";

const HEADERS = { "cache-control": "no-store" } as const;

export function json(
  status: number,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: { ...HEADERS, "content-type": "application/json", ...headers },
  });
}

export function text(body: string, type: string): Response {
  return new Response(body, { headers: { ...HEADERS, "content-type": type } });
}

/** Whatever went wrong, as JSON with a code. */
export function failure(error: unknown, headers?: Readonly<Record<string, string>>): Response {
  const { status, body } = told(error);
  return json(status, body, headers);
}

function told(error: unknown): { readonly status: number; readonly body: object } {
  const known = OutgrowError.is(error) ? error : new OutgrowError("INTERNAL", {}, { cause: error });
  const { code, message, next, site } = known;
  return {
    status: ERRORS[code].status,
    body: { ok: false, error: { code, message, next, ...site } },
  };
}

/**
 * A line for each report, and the result or the error as the last. The status is 200 before the end is known, so the
 * last line's `ok` says how it ended. A caller who goes away interrupts the work, which can be taken up again.
 */
export function lines(work: Work): Response {
  const gone = new AbortController();
  const utf8 = new TextEncoder();
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      const line = (value: object): void => {
        if (!gone.signal.aborted) controller.enqueue(utf8.encode(`${JSON.stringify(value)}\n`));
      };
      void work({ signal: gone.signal, onProgress: (progress) => line({ progress }) })
        .then(
          (result) => line({ ok: true, ...result }),
          (error: unknown) => line(told(error).body),
        )
        .finally(() => {
          if (!gone.signal.aborted) controller.close();
        });
    },
    cancel: () => gone.abort(),
  });
  return new Response(stream, { headers: { ...HEADERS, "content-type": LINES } });
}
