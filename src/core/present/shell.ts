/** argv as one line to show and paste (POSIX shells). The array is what runs; this never does. */

export function quoteWord(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

export function shellCommand(argv: readonly string[]): string {
  return argv.map(quoteWord).join(" ");
}
