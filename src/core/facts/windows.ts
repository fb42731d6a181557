/** Which layers see a window only, how long it is and of what kind. */
import type { WindowRule } from "./architecture-rules.ts";
import { InputError } from "./input-error.ts";
import type { MetadataReader } from "./metadata-reader.ts";
import type { LayerFacts } from "./model.ts";

export interface LayerWindow {
  readonly kind: LayerFacts["window"];
  readonly tokens: number;
}

const full: LayerWindow = { kind: "none", tokens: 0 };

const PATTERN = "attention.sliding_window_pattern";
const WINDOW = "attention.sliding_window";

/** The window's length in tokens; 0 where the model has none. */
function windowTokens(rule: WindowRule, reader: MetadataReader): number {
  if (rule.tokens === "required") return reader.required(WINDOW);
  const given = reader.count(WINDOW);
  if (rule.tokens === "optional") return given ?? 0;
  switch (rule.tokens.key) {
    case "overrides":
      return given ?? rule.tokens.builtIn;
    // llama4 keeps its chunk whatever the key says, unless that is 0; smallthinker wants the key to be there at all
    case "ignored":
      return given === 0 ? 0 : rule.tokens.builtIn;
    case "switches-off":
      return given ? rule.tokens.builtIn : 0;
  }
}

/** Source: `set_swa_pattern`, llama-hparams.cpp:8-22: full where `index` closes (or opens) its period. */
function isWindowed(index: number, period: number, denseFirst: boolean): boolean {
  if (period === 0) return true;
  return denseFirst ? index % period !== 0 : index % period < period - 1;
}

/**
 * The window of every layer, NextN layers included (a periodic pattern leaves them full).
 * `attention[i]` says whether layer i has softmax attention. Errors: a file that must carry its pattern and does not.
 */
export function layerWindows(
  rule: WindowRule | undefined,
  reader: MetadataReader,
  mainLayerCount: number,
  attention: readonly boolean[],
): LayerWindow[] {
  const everyLayerFull = attention.map(() => full);
  if (!rule || (rule.onlyLayerCount !== undefined && rule.onlyLayerCount !== mainLayerCount)) return everyLayerFull;
  const tokens = windowTokens(rule, reader);
  if (tokens === 0) return everyLayerFull;

  const windowed: LayerWindow = { kind: rule.kind, tokens };
  if (rule.period === "attention") return attention.map((has) => (has ? windowed : full));
  const pattern = reader.array(PATTERN);
  if (pattern) return attention.map((_, index) => (pattern[index] ? windowed : full));
  if (rule.period === "array")
    throw new InputError(
      `Model key ${reader.architecture}.${PATTERN} is missing. This architecture has no built-in pattern: add an array with one flag per layer, true for a window.`,
    );
  const period = reader.count(PATTERN) ?? rule.period;
  return attention.map((_, index) =>
    index < mainLayerCount && isWindowed(index, period, rule.denseFirst ?? false) ? windowed : full,
  );
}
