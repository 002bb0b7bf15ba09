/** What the page in Chromium runs: the same code on the same values. */
export { makeVectors } from "./vectors.ts";
