/** The page on errors, from the table of codes. Shared by the script that writes it and the test that checks it. */
export function errorsDocument(errors) {
  const rows = Object.entries(errors).map(
    ([code, { say, next, exit, status, retry }]) =>
      `| \`${code}\` | ${say}. | ${next} | ${exit} | ${status} | ${retry ? "yes" : ""} |`,
  );
  return [
    "# Errors",
    "",
    "Codes are stable, wording is not. Exit codes: 1 an error, 2 differences or quarantine, 3 interrupted, 75 somebody else is at work.",
    "",
    "| code | what happened | what to do | exit | HTTP | the same call may succeed later |",
    "|---|---|---|---|---|---|",
    ...rows,
    "",
  ].join("\n");
}

/** The same for the platform, whose errors have no exit codes: the end of docs/credits.md. */
export function creditsErrors(errors) {
  const rows = Object.entries(errors).map(
    ([code, { say, next, status, retry }]) =>
      `| \`${code}\` | ${say}. | ${next} | ${status} | ${retry ? "yes" : ""} |`,
  );
  return [
    "| code | what happened | what to do | HTTP | the same call may succeed later |",
    "|---|---|---|---|---|",
    ...rows,
    "",
  ].join("\n");
}
