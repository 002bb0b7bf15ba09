/** A shop's file, as lowdb keeps it: what the consumers' apps had before they were moved. */

/** What JSON.stringify cannot write. */
const EXACT = "0.30000000000000000001";

const two = (number: number): string => String(number).padStart(2, "0");
const time = (number: number): string =>
  new Date(Date.UTC(2025, 0, 1, 8, 30, 0, 125) + number * 86_400_000).toISOString();

function customers(): object[] {
  return Array.from({ length: 24 }, (_, index) => ({
    id: `c${two(index)}`,
    // No column of text holds NUL, or half a character.
    name: index === 3 ? "Grace\u0000Hopper" : index === 4 ? "half \ud83d" : `Customer ${index}`,
    email: `c${index}@example.org`,
    ...(index % 5 === 0 ? {} : { phone: index % 5 === 1 ? null : `+49 ${index}` }),
    isActive: index % 3 !== 0,
    tags: index % 4 === 0 ? [] : ["new", `t${index}`],
    address: { city: "Ünna", street: `${index} Main St` },
    createdAt: time(index),
  }));
}

/** Every third has no image; the others have one to three, and each of those versions, or an empty list of them. */
function images(product: number): object {
  if (product % 3 === 0) return product % 2 === 0 ? { images: [] } : {};
  const list = Array.from({ length: 1 + (product % 3) }, (_, index) => ({
    id: `i${product}-${index}`,
    url: `/p${product}/${index}.png`,
    ...(index === 0 ? { alt: product === 4 ? "a\u0000b" : `Image ${index} of ${product}` } : {}),
    versions: Array.from({ length: (product + index) % 3 }, (_, version) => ({
      id: `v${product}-${index}-${version}`,
      width: 100 * (version + 1),
    })),
  }));
  return { images: list };
}

function products(): object[] {
  return Array.from({ length: 22 }, (_, index) => ({
    id: `p${two(index)}`,
    title: `Product ${index}`,
    price: 4.99 + index,
    stock: index,
    ...images(index),
  }));
}

/** Prices that are not written `$4.99`. */
const TOTALS: Readonly<Record<number, unknown>> = {
  5: "$1,299.50",
  6: "free",
  7: "$5",
  8: null,
  9: "$ 4.99",
};

function orders(): object[] {
  return Array.from({ length: 26 }, (_, index) => ({
    id: 1000 + index,
    ...(index === 24 ? {} : { customerId: index === 25 ? null : `c${two(index % 24)}` }),
    ...(index === 25 ? {} : { productId: `p${two(index % 22)}` }),
    quantity: 1 + (index % 4),
    total: index in TOTALS ? TOTALS[index] : `$${(1 + (index % 4)) * 5}.99`,
    status: ["pending", "paid", "shipped"][index % 3],
    placedAt: index === 11 ? "yesterday" : time(100 + index),
    ...(index === 12 ? { weight: EXACT } : index % 2 === 0 ? { weight: index / 4 } : {}),
    ...(index === 13 ? { note: "" } : index === 14 ? { note: null } : {}),
  }));
}

/** {customers, products, orders}: 72 records. */
export function shopFile(): string {
  const text = JSON.stringify({ customers: customers(), products: products(), orders: orders() });
  return text.replace(JSON.stringify(EXACT), EXACT);
}
