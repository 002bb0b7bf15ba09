/** The tables of a move as SQL, as a Drizzle schema and as a Prisma schema. */
export { drizzleSchema } from "./drizzle.ts";
export {
  type PrismaConfigOptions,
  type PrismaOptions,
  prismaConfig,
  prismaSchema,
} from "./prisma.ts";
export { afterLoadStatements, type Statement, sqlMigration, tableStatements } from "./sql.ts";
export { type Description, describeTables, type EmitInput } from "./tables.ts";
