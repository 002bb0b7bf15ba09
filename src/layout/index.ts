/** HOW a record lies in a relational target: the layout as data, compiled both ways, inferred from real values. */
export { type CompiledLayout, compileLayout } from "./compile.ts";
export { inferLayout } from "./infer.ts";
export type { Column, KeyRule, Layout, TableLayout } from "./layout.ts";
export { CollectionProfile } from "./profile.ts";
