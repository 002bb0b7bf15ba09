/** `outgrow stage --follow`: goes towards the stage that the environment or a file asks for, as its gates open. */
import { setTimeout as sleep } from "node:timers/promises";
import { OutgrowError } from "../errors.ts";
import { environmentWish, type Followed, fileWish, followOnce } from "../move/follow.ts";
import { type LiveOptions, withMove } from "./live.ts";
import { say, visible } from "./screen.ts";

interface FollowOptions extends LiveOptions {
  /** A file; `true` for the environment. */
  readonly follow: string | true;
}

const EVERY_MS = 1000;

/**
 * A line whenever something was done, and when the reason why nothing was done has changed. What the environment says
 * cannot change while this runs, so it ends there; a file is followed until Ctrl-C.
 */
export function followCommand(options: FollowOptions): Promise<void> {
  return withMove(options, async (move, { signal }) => {
    const { follow: from } = options;
    const wish = from === true ? environmentWish() : fileWish(from);
    const asked = await wish();
    if (from === true && (asked === undefined || asked === "")) {
      const detail =
        "--follow wants OUTGROW_STAGE in the environment, or a file that names a stage";
      throw new OutgrowError("USAGE", { detail });
    }
    let before = "";
    for (;;) {
      const report = await followOnce(move, wish);
      if (from === true && report.warning?.code === "STAGE_UNKNOWN") throw report.warning;
      if (report.did !== "nothing" || report.because !== before) say(line(report, options.json));
      before = report.because;
      const arrived = from === true && report.stage === asked;
      if (!arrived) await sleep(EVERY_MS, undefined, { signal }).catch(() => {});
      if (arrived || signal.aborted) return { result: {}, text: () => "" };
    }
  });
}

function line({ stage, did, because, warning }: Followed, asJson: boolean | undefined): string {
  if (asJson)
    return JSON.stringify({ stage, did, because, ...(warning && { code: warning.code }) });
  const said = visible(because);
  if (did !== "nothing") return `${did === "back" ? "back to" : "on to"} ${stage}  ${said}`;
  return `${stage ?? "?"}  ${warning === undefined ? "" : `${warning.code}  `}${said}`;
}
