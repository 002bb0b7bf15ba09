/** The tables of a move as SQL, as a Drizzle schema and as a Prisma schema. */
export { drizzleSchema } from "./drizzle.ts";
export { prismaConfig, prismaSchema } from "./prisma.ts";
export { afterLoadStatements, sqlMigration, tableStatements } from "./sql.ts";
export { describeTables, type EmitInput } from "./tables.ts";
