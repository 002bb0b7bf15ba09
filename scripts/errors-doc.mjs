// Writes docs/errors.md from the table in src/errors.ts. Run after a build.
import { mkdirSync, writeFileSync } from "node:fs";
import { errorsDocument } from "./errors-document.mjs";

const { ERRORS } = await import("../dist/errors.js");
mkdirSync(new URL("../docs/", import.meta.url), { recursive: true });
writeFileSync(new URL("../docs/errors.md", import.meta.url), errorsDocument(ERRORS));
