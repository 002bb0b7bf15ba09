declare module "*/errors-document.mjs" {
  export function errorsDocument(errors: Readonly<Record<string, object>>): string;
  export function creditsErrors(errors: Readonly<Record<string, object>>): string;
}
