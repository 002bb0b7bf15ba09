/** Web-standard handlers, mounted in Hono, Next, Express or Fastify as docs/http.md shows. */
export { type ControlOptions, controlHandler } from "./control.ts";
export { nodeListener } from "./node.ts";
