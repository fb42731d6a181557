/**
 * Compares device names by whole words. Substring search is how "A1000" becomes an A100, "Quadro M4000" an Apple M4 and a laptop card
 * a desktop one, so no rule here looks inside a word.
 */

/** Words that say nothing about which device it is. */
const NOISE = new Set([
  "nvidia",
  "corporation",
  "corp",
  "inc",
  "ltd",
  "geforce",
  "amd",
  "ati",
  "advanced",
  "micro",
  "devices",
  "radeon",
  "intel",
  "apple",
  "graphics",
  "gpu",
  "series",
  "with",
  "design",
  "generation",
  "edition",
  "instinct",
  "processor",
  "cpu",
  "w",
  "vga",
  "compatible",
  "controller",
  "the",
  "model",
  "tm",
  "r",
  "c",
]);

const SYNONYMS: Readonly<Record<string, string>> = {
  mobile: "laptop",
  notebook: "laptop",
  maxq: "max-q",
  sxm2: "sxm2",
};

/** The words that identify, in order: "NVIDIA GeForce RTX 4090 Laptop GPU" → rtx 4090 laptop. */
export function identifyingWords(name: string): string[] {
  const plain = name
    .toLowerCase()
    .replace(/\((r|tm|c)\)|[®™]/g, " ")
    .replace(/\bmax[ -]q\b/g, "maxq");
  const words = plain.match(/[a-z0-9]+\+?/g) ?? [];
  return words.map((word) => SYNONYMS[word] ?? word).filter((word) => !NOISE.has(word));
}

/** Key under which equal names meet; empty when nothing identifies. */
export function nameKey(name: string): string {
  return identifyingWords(name).join(" ");
}

/** Words of vendors and drivers that a printed name may have or lack without meaning another device. */
const MAKERS = new Set(["nvidia", "amd", "intel", "graphics"]);

/**
 * Key of a name as it is printed, brackets and all: only marks, makers and letter case are left out. Two names of the
 * catalog that meet here are one name; `nameKey` is looser and asked after it.
 */
export function printedKey(name: string): string {
  const plain = name
    .slice(0, 200)
    .toLowerCase()
    .replace(/\((r|tm|c)\)|[®™]/g, " ");
  const words = plain.match(/[a-z0-9]+\+?/g) ?? [];
  const telling = words.filter((word) => !MAKERS.has(word));
  return (telling.length > 0 ? telling : words).join(" ");
}

/**
 * The readings of a printed name, the most literal first: as it stands, without the parenthesised part a driver adds
 * ("(RADV NAVI31)", "(rev a1)"), each bracketed part alone ("AD102 [GeForce RTX 4090]"), and what stands outside of brackets.
 */
export function readingsOf(name: string): string[] {
  const short = name.slice(0, 200);
  if (!/[[(]/.test(short)) return [short];
  const inside = bracketed(short);
  const bare = short.replace(/\([^()]*\)/g, " ").replace(/\[[^[\]]*\]/g, " ");
  return [...new Set([short, short.replace(/\([^()]*\)/g, " "), ...inside, bare])];
}

/**
 * The same for a name of the catalog: what stands before brackets there is a chip ("GH100 [H200]"), which many devices share, and a list in brackets
 * names one device of several.
 */
export function readingsOfCatalogName(name: string): string[] {
  if (!name.includes("[")) return readingsOf(name);
  return [name, ...[...name.matchAll(/\[([^[\]]+)\]/g)].map((match) => match[1] ?? "")];
}

/** `[Radeon 840M / 860M]` is a name of its own, and two. */
function bracketed(text: string): string[] {
  return [...text.matchAll(/\[([^[\]]+)\]/g)].flatMap((match) => {
    const inside = match[1] ?? "";
    return inside.includes(" / ") ? [inside, ...inside.split(/\s+\/\s+/)] : [inside];
  });
}
