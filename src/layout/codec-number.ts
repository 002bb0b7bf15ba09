/** Decimal text: numbers and money in numeric columns. */

const plain = /^(-?)(\d+)(?:\.(\d+))?$/;

/** The digits of a finite number without an exponent: `1e21` is `1000000000000000000000`. */
export function plainDecimal(value: number): string {
  const text = String(value);
  const at = text.indexOf("e");
  if (at < 0) return text;
  const exponent = Number(text.slice(at + 1));
  const sign = text[0] === "-" ? "-" : "";
  const [whole = "", fraction = ""] = text.slice(sign.length, at).split(".");
  const digits = whole + fraction;
  const point = whole.length + exponent;
  if (point <= 0) return `${sign}0.${"0".repeat(-point)}${digits}`;
  if (point >= digits.length) return `${sign}${digits}${"0".repeat(point - digits.length)}`;
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}

/**
 * A decimal as numeric(precision, scale) writes it, or `undefined` when that would lose a digit.
 * @param text digits, with or without a fraction.
 */
export function fitDecimal(
  text: string,
  precision: number | undefined,
  scale: number | undefined,
): string | undefined {
  const parts = plain.exec(text);
  if (parts === null) return undefined;
  const [, sign = "", whole = "", fraction = ""] = parts;
  const digits = whole.replace(/^0+(?=\d)/, "");
  if (scale === undefined) return `${sign}${digits}${fraction === "" ? "" : `.${fraction}`}`;
  if (fraction.length > scale && !/^0*$/.test(fraction.slice(scale))) return undefined;
  const integral = digits === "0" ? 0 : digits.length;
  if (precision !== undefined && integral > precision - scale) return undefined;
  const kept = fraction.slice(0, scale).padEnd(scale, "0");
  const zero = digits === "0" && /^0*$/.test(kept);
  return `${zero ? "" : sign}${digits}${scale === 0 ? "" : `.${kept}`}`;
}

/** The same, rounded half away from zero where the fraction is too long. */
export function roundDecimal(
  text: string,
  precision: number | undefined,
  scale: number | undefined,
): string | undefined {
  const exact = fitDecimal(text, precision, scale);
  const parts = plain.exec(text);
  if (exact !== undefined || parts === null || scale === undefined) return exact;
  const [, sign = "", whole = "", fraction = ""] = parts;
  const units =
    BigInt(whole + fraction.slice(0, scale)) + ((fraction[scale] ?? "0") >= "5" ? 1n : 0n);
  const digits = units.toString().padStart(scale + 1, "0");
  const cut = digits.length - scale;
  return fitDecimal(
    `${sign}${digits.slice(0, cut)}${scale === 0 ? "" : `.${digits.slice(cut)}`}`,
    precision,
    scale,
  );
}

/**
 * The amount that a text about money means, as plain decimal text: `$1,299.50`, `4,99 €`, `199`. `undefined` where
 * it says something else. A comma before three digits separates thousands; before one or two, cents.
 */
export function moneyAmount(text: string): string | undefined {
  const bare = text.replace(/[\s\u00a0]|[$€£¥₺₽₹]|^(?:USD|EUR|GBP|TRY)|(?:USD|EUR|GBP|TRY)$/g, "");
  const parts = /^(-?)(\d{1,3}(?:,\d{3})+|\d+)(?:\.(\d+))?$/.exec(bare);
  if (parts !== null) {
    const [, sign = "", whole = "", fraction] = parts;
    return `${sign}${whole.replaceAll(",", "")}${fraction === undefined ? "" : `.${fraction}`}`;
  }
  const comma = /^(-?)(\d{1,3}(?:\.\d{3})+|\d+),(\d{1,2})$/.exec(bare);
  if (comma === null) return undefined;
  const [, sign = "", whole = "", fraction = ""] = comma;
  return `${sign}${whole.replaceAll(".", "")}.${fraction}`;
}
