/** How PictureAi's `outgrow.config.ts` binds `data/database.json` to the tables of its seed. */
import type { BindOptions, ColumnRule } from "../../src/layout/bind-types.ts";

/** Rows that came from SQLite say `2025-08-24 15:51:55`, which is UTC; most rows have the other spelling. */
const INSTANT: ColumnRule = { coerce: true };

/** The document that is left holds the counters: the columns' sequences go on by themselves, so nobody reads it. */
export const PICTURE_AI: Readonly<Record<string, BindOptions>> = {
  users: {
    // A few ids are text. `18` and `"18"` may be two users: somebody has to look at those.
    setAsideKeys: true,
    rules: { created_at: INSTANT, last_login: INSTANT },
  },
  transactions: {
    setAsideKeys: true,
    rules: { created_at: INSTANT },
  },
  // `is_active` was 1 before it was true. All of those are active, and that is the column's default.
  creditPackages: { table: "credit_packages" },
};
