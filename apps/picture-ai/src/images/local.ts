/**
 * Pictures without any service: a landscape as SVG. The same prompt gives the same picture; words in it (night, sea,
 * city, forest, desert, in English and Turkish) say what is seen.
 */
import { createHash } from "node:crypto";
import { type ImageProvider, imageOf } from "./provider.ts";

export const local: ImageProvider = {
  name: "local",
  make: async (prompt) => imageOf("image/svg+xml", Buffer.from(landscape(prompt))),
};

const SIZE = 768;

interface Scene {
  readonly night: boolean;
  readonly sea: boolean;
  readonly city: boolean;
  readonly forest: boolean;
  readonly desert: boolean;
  readonly hue: number;
}

/** Whole numbers and fractions that follow from a text. */
class Chance {
  #state: number;

  constructor(text: string) {
    this.#state = createHash("sha256").update(text).digest().readUInt32LE(0);
  }

  /** From 0 up to 1. Mulberry32, by Tommy Ettinger, in the public domain. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  between(least: number, most: number): number {
    return Math.round(least + this.next() * (most - least));
  }
}

/** @returns the text of an SVG. */
export function landscape(prompt: string): string {
  const chance = new Chance(prompt);
  const scene = sceneOf(prompt, chance);
  const horizon = chance.between(380, 470);
  const parts = [
    sky(scene, chance, horizon),
    scene.night ? stars(chance, horizon) : clouds(chance, horizon),
    ridges(scene, chance, horizon),
    scene.city ? city(scene, chance, horizon) : "",
    scene.sea ? sea(scene, chance, horizon) : ground(scene, chance, horizon),
    scene.forest ? trees(scene, chance) : "",
  ];
  const frame = `viewBox="0 0 ${SIZE} ${SIZE}" width="${SIZE}" height="${SIZE}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${frame}>${parts.join("")}</svg>`;
}

function sceneOf(prompt: string, chance: Chance): Scene {
  const words = prompt.toLocaleLowerCase("tr");
  const says = (pattern: RegExp): boolean => pattern.test(words);
  const fallback = chance.next();
  const desert = says(/desert|dune|çöl|kum/);
  const city = says(/city|town|street|tower|şehir|sokak|istanbul|köy/);
  const forest = says(/forest|tree|wood|garden|orman|ağaç|bahçe/);
  const hue = desert ? chance.between(20, 38) : chance.between(-30, 40);
  return {
    night: says(/night|moon|star|space|dark|gece|ay ışığı|yıldız|uzay/) || fallback < 0.25,
    sea:
      says(/sea|lake|ocean|river|rain|deniz|göl|nehir|yağmur/) ||
      (!desert && !forest && !city && fallback > 0.6),
    city,
    desert,
    forest: forest || (!city && !desert && fallback > 0.3 && fallback < 0.6),
    hue,
  };
}

const color = (hue: number, saturation: number, lightness: number): string =>
  `hsl(${((Math.round(hue) % 360) + 360) % 360} ${saturation}% ${lightness}%)`;

function sky({ night, hue }: Scene, chance: Chance, horizon: number): string {
  const stops = night
    ? [color(hue + 230, 45, 9), color(hue + 250, 45, 22), color(hue + 300, 45, 42)]
    : [color(hue + 205, 62, 60), color(hue + 245, 50, 80), color(hue * 0.5 + 32, 85, 82)];
  const x = chance.between(150, 620);
  const y = chance.between(110, horizon - 120);
  const radius = chance.between(42, 78);
  const light = night ? "#fdf6dd" : color(hue * 0.4 + 40, 95, 86);
  const gradient = stops.map((stop, index) => `<stop offset="${index / 2}" stop-color="${stop}"/>`);
  const half = `A${radius} ${radius} 0 1 0 ${x} ${y + radius}`;
  const inner = `A${radius * 1.25} ${radius * 1.25} 0 0 1 ${x} ${y - radius}`;
  const body = night
    ? `<path d="M${x} ${y - radius}${half}${inner}Z" fill="${light}"/>`
    : `<circle cx="${x}" cy="${y}" r="${radius}" fill="${light}"/>`;
  return [
    `<defs><linearGradient id="sky" gradientUnits="userSpaceOnUse" x1="0" y1="0" x2="0" y2="${horizon}">`,
    `${gradient.join("")}</linearGradient>`,
    `<radialGradient id="glow"><stop offset="0" stop-color="${light}" stop-opacity=".55"/>`,
    `<stop offset="1" stop-color="${light}" stop-opacity="0"/></radialGradient></defs>`,
    `<rect width="${SIZE}" height="${SIZE}" fill="url(#sky)"/>`,
    `<circle cx="${x}" cy="${y}" r="${radius * 3.2}" fill="url(#glow)"/>`,
    body,
  ].join("");
}

function stars(chance: Chance, horizon: number): string {
  return Array.from({ length: 90 }, () => {
    const opacity = (0.3 + chance.next() * 0.7).toFixed(2);
    const radius = (0.6 + chance.next() * 1.6).toFixed(1);
    const place = `cx="${chance.between(0, SIZE)}" cy="${chance.between(0, horizon)}"`;
    return `<circle ${place} r="${radius}" fill="#fff" opacity="${opacity}"/>`;
  }).join("");
}

function clouds(chance: Chance, horizon: number): string {
  return Array.from({ length: chance.between(2, 5) }, () => {
    const x = chance.between(0, SIZE);
    const y = chance.between(60, horizon - 140);
    const width = chance.between(60, 150);
    const puffs = [-0.6, -0.2, 0.25, 0.65].map((shift, index) => {
      const height = width * (index % 3 === 0 ? 0.16 : 0.26);
      return `<ellipse cx="${x + shift * width}" cy="${y}" rx="${width * 0.5}" ry="${height}"/>`;
    });
    return `<g fill="#fff" opacity=".5">${puffs.join("")}</g>`;
  }).join("");
}

/** The farther one is the paler one. */
function ridges({ night, hue }: Scene, chance: Chance, horizon: number): string {
  return [0, 1, 2]
    .map((depth) => {
      const height = 150 - depth * 38;
      const base = horizon + depth * 22;
      const fill = night
        ? color(hue + 250, 32, 27 - depth * 6)
        : color(hue + 215, 34, 66 - depth * 13);
      const points = [`M0 ${SIZE}L0 ${base - chance.between(10, height)}`];
      for (let x = 0; x < SIZE; ) {
        const step = chance.between(70, 150);
        const y = base - chance.between(8, height);
        points.push(`Q${x + step / 2} ${y - chance.between(0, 30)} ${x + step} ${y}`);
        x += step;
      }
      return `<path d="${points.join("")}L${SIZE * 1.3} ${SIZE}Z" fill="${fill}"/>`;
    })
    .join("");
}

function city({ night, hue }: Scene, chance: Chance, horizon: number): string {
  const wall = night ? color(hue + 245, 30, 10) : color(hue + 220, 26, 34);
  const lamp = night ? color(45, 95, 70) : color(hue + 200, 60, 80);
  const houses: string[] = [];
  for (let x = -10; x < SIZE; ) {
    const width = chance.between(34, 74);
    const height = chance.between(70, 240);
    const top = horizon + 60 - height;
    houses.push(
      `<rect x="${x}" y="${top}" width="${width}" height="${height + 60}" fill="${wall}"/>`,
    );
    for (let at = top + 12; at < horizon + 30; at += 20) {
      for (let left = x + 8; left < x + width - 10; left += 15) {
        if (chance.next() < 0.45) {
          houses.push(
            `<rect x="${left}" y="${at}" width="6" height="9" fill="${lamp}" opacity=".85"/>`,
          );
        }
      }
    }
    x += width + chance.between(-4, 10);
  }
  return houses.join("");
}

function sea({ night, hue }: Scene, chance: Chance, horizon: number): string {
  const top = horizon + 50;
  const water = night ? color(hue + 240, 45, 15) : color(hue + 195, 52, 50);
  const light = night ? color(hue + 250, 45, 60) : "#fff";
  const waves = Array.from({ length: 60 }, () => {
    const near = chance.next();
    const y = top + 8 + near * (SIZE - top - 16);
    const width = 20 + near * 130 * chance.next();
    const x = chance.between(-20, SIZE);
    const height = (1 + near * 2.5).toFixed(1);
    return `<rect x="${x}" y="${y.toFixed(1)}" width="${width.toFixed(1)}" height="${height}" rx="2"/>`;
  });
  const surface = `<rect y="${top}" width="${SIZE}" height="${SIZE - top}" fill="${water}"/>`;
  return `${surface}<g fill="${light}" opacity=".28">${waves.join("")}</g>`;
}

function ground({ night, hue, forest, desert }: Scene, chance: Chance, horizon: number): string {
  const base = forest ? hue * 0.15 + 105 : desert ? hue + 8 : hue * 0.4 + 95;
  return [0, 1, 2]
    .map((depth) => {
      const y = horizon + 70 + depth * 85;
      const fill = color(base + depth * 6, 38, (night ? 19 : 58) - depth * (night ? 4 : 9));
      const [one, two] = [chance.between(-60, 60), chance.between(-60, 60)];
      const wave = `M0 ${y}C200 ${y + one} 520 ${y + two} ${SIZE} ${y - one / 2}`;
      return `<path d="${wave}V${SIZE}H0Z" fill="${fill}"/>`;
    })
    .join("");
}

function trees({ night, hue }: Scene, chance: Chance): string {
  const all = Array.from({ length: 26 }, () => {
    const near = chance.next();
    return { near, x: chance.between(-10, SIZE + 10), lightness: chance.between(-4, 4) };
  }).sort((a, b) => a.near - b.near);
  return all
    .map(({ near, x, lightness }) => {
      const height = 70 + near * 190;
      const foot = 540 + near * 240;
      const fill = color(hue * 0.15 + 120, 36, (night ? 13 : 30) + lightness - near * 5);
      const layers = [0, 1, 2].map((layer) => {
        const top = foot - height + layer * height * 0.22;
        const half = height * (0.17 + layer * 0.07);
        const under = top + height * 0.46;
        return `<path d="M${x} ${top.toFixed(1)}l${half.toFixed(1)} ${(under - top).toFixed(1)}h${(-2 * half).toFixed(1)}z"/>`;
      });
      const trunk = `<rect x="${x - 4}" y="${(foot - height * 0.2).toFixed(1)}" width="8" height="${(height * 0.2).toFixed(1)}"/>`;
      return `<g fill="${fill}">${trunk}${layers.join("")}</g>`;
    })
    .join("");
}
