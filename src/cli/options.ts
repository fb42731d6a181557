/** `--name value`, `--name=value`, `--flag` and words, without any meaning yet. */

export interface Words {
  /** repeated options keep every value; an option without a value is "true" */
  readonly options: ReadonlyMap<string, readonly string[]>;
  readonly words: readonly string[];
}

/** `isFlag` says which options take no value, so that the next word stays a word. */
export function readWords(argv: readonly string[], isFlag: (name: string) => boolean): Words {
  const options = new Map<string, string[]>();
  const words: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? "";
    if (!word.startsWith("--")) {
      words.push(word);
      continue;
    }
    const [name = "", inline] = splitOnce(word.slice(2), "=");
    const next = argv[i + 1];
    const takesNext =
      inline === undefined &&
      next !== undefined &&
      !next.startsWith("--") &&
      (!isFlag(name) || next === "true" || next === "false");
    if (takesNext) i++;
    const value = inline ?? (takesNext ? next : "true");
    options.set(name, [...(options.get(name) ?? []), value ?? "true"]);
  }
  return { options, words };
}

function splitOnce(text: string, separator: string): readonly [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}
