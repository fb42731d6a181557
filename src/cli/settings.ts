/** Options that hold for every command: they stand for settings of the environment, which sources read. */
import { InputError } from "../core/facts/input-error.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** `--offline` and `--facts FILE` out of the words and into the environment. Throws InputError for `--facts` without a file. */
export function withSettings(
  env: Environment,
  argv: readonly string[],
): { readonly env: Environment; readonly words: readonly string[] } {
  const settings: Record<string, string> = {};
  const words: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? "";
    if (word === "--offline") settings["HF_HUB_OFFLINE"] = "1";
    else if (word === "--facts" || word.startsWith("--facts=")) {
      const path = word === "--facts" ? argv[++i] : word.slice("--facts=".length);
      if (path === undefined || path === "" || path.startsWith("--"))
        throw new InputError(
          "`--facts` is without a file. Send --facts FILE, a file that `probe_hardware --measure` named.",
        );
      settings["MODELFIT_FACTS"] = path;
    } else words.push(word);
  }
  return { env: { ...env, ...settings }, words };
}
