/** argv as one line to show and paste. The array is what runs; this never does. */

export type ShellName = "posix" | "powershell";

/** The shell that people of an operating system paste into (Node's platform names). */
export function shellOf(os: string): ShellName {
  return os === "win32" || os === "windows" ? "powershell" : "posix";
}

export function quoteWord(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/**
 * PowerShell 7.3 or later hands a single-quoted word to a program as it stands; `,` would make a list of a bare one, `@` splat it.
 * The older Windows PowerShell 5.1 drops double quotes inside words.
 */
export function quotePowershellWord(word: string): string {
  return /^[A-Za-z0-9_+=:./\\-]+$/.test(word) ? word : `'${word.replaceAll("'", "''")}'`;
}

export function shellCommand(argv: readonly string[], shell: ShellName = "posix"): string {
  return argv.map(shell === "posix" ? quoteWord : quotePowershellWord).join(" ");
}

/** A program with environment variables set for it alone, as argv. */
export function withEnvironment(
  variables: readonly (readonly [name: string, value: string])[],
  argv: readonly string[],
  shell: ShellName = "posix",
): string[] {
  if (variables.length === 0) return [...argv];
  if (shell === "posix") return ["env", ...variables.map(([name, value]) => `${name}=${value}`), ...argv];
  return ["cmd", "/c", `${variables.map(([name, value]) => `set ${name}=${value}&& `).join("")}${argv.join(" ")}`];
}
