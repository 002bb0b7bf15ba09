/** How PictureAi's `outgrow.config.ts` binds `data/database.json` to the tables of its seed. */
import type { BindOptions } from "../../src/layout/bind-types.ts";

/**
 * Rows that came from SQLite say `2025-08-24 15:51:55`; a codec writes one spelling, and most rows have the other.
 * Theirs stay in the rest, and the column, which refuses NULL, says the day on which the app began.
 */
export const BEFORE_JSON = "2025-08-24T00:00:00.000Z";

/** The document that is left holds the counters: the columns' sequences go on by themselves, so nobody reads it. */
export const PICTURE_AI: Readonly<Record<string, BindOptions>> = {
  users: {
    // A few ids are text. `18` and `"18"` may be two users: somebody has to look at those.
    setAsideKeys: true,
    fills: { created_at: BEFORE_JSON },
  },
  transactions: {
    setAsideKeys: true,
    fills: { created_at: BEFORE_JSON },
  },
  // `is_active` was 1 before it was true. All of those are active, and that is the column's default.
  creditPackages: { table: "credit_packages" },
};
