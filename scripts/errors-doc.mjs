// Writes docs/errors.md from the table in src/errors.ts, and the end of docs/credits.md from the platform's. Run after a
// build.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { creditsErrors, errorsDocument } from "./errors-document.mjs";

const docs = new URL("../docs/", import.meta.url);
mkdirSync(docs, { recursive: true });
const { ERRORS } = await import("../dist/errors.js");
writeFileSync(new URL("errors.md", docs), errorsDocument(ERRORS));

const { ERRORS: own } = await import("../platform/dist/errors.js");
const credits = new URL("credits.md", docs);
const [before] = readFileSync(credits, "utf8").split(/^\| code \|/m);
writeFileSync(credits, before + creditsErrors(own));
