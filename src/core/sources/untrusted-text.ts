/** Text that strangers wrote (names in files and on the Hub) before it is shown: no control characters, no tricks with direction, bounded. */

/** Control and format characters: C0, C1, zero-width and direction marks, line separators, tags. */
const invisible = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}]+/gu;

/** One line of at most `maxLength` characters. */
export function plainText(text: string, maxLength: number): string {
  const line = text
    .slice(0, 16 * maxLength)
    .replace(invisible, " ")
    .replace(/\s+/g, " ")
    .trim();
  const letters = [...line];
  return letters.length <= maxLength ? line : `${letters.slice(0, maxLength - 1).join("")}…`;
}
