/**
 * Compares device names by whole words. Substring search is how "A1000" becomes an A100, "Quadro M4000" an Apple M4 and a laptop card
 * a desktop one, so no rule here looks inside a word.
 */

/** Words that say nothing about which device it is. */
const NOISE = new Set([
  "nvidia", "corporation", "corp", "inc", "ltd", "geforce", "amd", "ati", "advanced", "micro", "devices", "radeon", "intel", "apple", "graphics",
  "gpu", "series", "with", "design", "generation", "edition", "instinct", "processor", "cpu", "w", "vga", "compatible", "controller", "the", "model",
  "tm", "r", "c",
]);

const SYNONYMS: Readonly<Record<string, string>> = { mobile: "laptop", notebook: "laptop", maxq: "max-q", sxm2: "sxm2" };

/** The words that identify, in order: "NVIDIA GeForce RTX 4090 Laptop GPU" → rtx 4090 laptop. */
export function identifyingWords(name: string): string[] {
  const plain = name.toLowerCase().replace(/\((r|tm|c)\)|[®™]/g, " ").replace(/\bmax[ -]q\b/g, "maxq");
  const words = plain.match(/[a-z0-9]+\+?/g) ?? [];
  return words.map((word) => SYNONYMS[word] ?? word).filter((word) => !NOISE.has(word));
}

/** Key under which equal names meet; empty when nothing identifies. */
export function nameKey(name: string): string {
  return identifyingWords(name).join(" ");
}

/**
 * The readings of a printed name, the most literal first: as it stands, without the parenthesised part a driver adds
 * ("(RADV NAVI31)", "(rev a1)"), and each bracketed part alone ("AD102 [GeForce RTX 4090]").
 */
export function readingsOf(name: string): string[] {
  const short = name.slice(0, 200);
  if (!/[[(]/.test(short)) return [short];
  const bracketed = [...short.matchAll(/\[([^[\]]+)\]/g)].flatMap((match) => (match[1] ?? "").split(/\s+\/\s+/));
  const bare = short.replace(/\([^()]*\)/g, " ").replace(/\[[^[\]]*\]/g, " ");
  return [short, short.replace(/\([^()]*\)/g, " "), bare, ...bracketed];
}
