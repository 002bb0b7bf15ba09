/**
 * Named places where a test can make the program throw, hang or die. `OUTGROW_FAILPOINT=commit.rows=kill9@3`
 * kills the process at the third time it passes `commit.rows`. Without the variable every call is one comparison.
 */
interface Failpoint {
  readonly name: string;
  readonly action: string;
  readonly hit: number;
  passes: number;
}

const armed = parse(globalThis.process?.env?.["OUTGROW_FAILPOINT"]);

function parse(text: string | undefined): Failpoint | undefined {
  const parts = /^([\w.]+)=(throw|kill9|hang)(?:@(\d+))?$/.exec(text ?? "");
  if (parts === null) return undefined;
  const [, name = "", action = "", hit = "1"] = parts;
  return { name, action, hit: Number(hit), passes: 0 };
}

/** Passes a named place. Resolves at once unless a test armed this one. */
export function failpoint(name: string): Promise<void> | undefined {
  if (armed === undefined || armed.name !== name) return undefined;
  armed.passes++;
  if (armed.passes !== armed.hit) return undefined;
  if (armed.action === "throw") throw new Error(`failpoint ${name}`);
  if (armed.action === "kill9") process.kill(process.pid, "SIGKILL");
  return new Promise(() => {});
}
