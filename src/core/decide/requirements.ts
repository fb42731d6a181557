/** Free text to filters: phrases as people write them, comma or line separated; what is not understood is handed back. */
import { type Bytes, GIB, type Tokens, type TokensPerSecond } from "../units.ts";

export interface Requirements {
  readonly minDecodeTokensPerSecond?: TokensPerSecond;
  readonly minContextTokens?: Tokens;
  readonly maxMemoryBytes?: Bytes;
  readonly minParameterCount?: number;
  readonly maxParameterCount?: number;
  readonly family?: string;
  readonly license?: string;
  readonly capabilities: readonly string[];
  readonly unread: readonly string[];
}

type Draft = { -readonly [Key in keyof Requirements]?: Requirements[Key] };

type Reader = readonly [RegExp, (match: RegExpExecArray, draft: Draft, capabilities: string[]) => void];

const K = 1024;
const MOST = /^(?:max|maximum|at most|up to|under|below|less than|<=?|no more than)?\s*/.source;
const LEAST = /^(?:min|minimum|at least|over|above|more than|>=?)?\s*/.source;

const readers: readonly Reader[] = [
  [
    new RegExp(`${LEAST}(\\d+(?:\\.\\d+)?)\\s*(?:tok(?:en)?s?\\s*(?:\\/|per)\\s*s(?:ec(?:ond)?)?|t\\/s|tps)$`),
    (match, draft) => {
      draft.minDecodeTokensPerSecond = Number(match[1]);
    },
  ],
  [
    new RegExp(`${LEAST}(\\d+(?:\\.\\d+)?)\\s*(k?)\\s*(?:tokens?\\s*)?(?:of\\s*)?(?:context|ctx)(?:\\s*tokens?)?$`),
    (match, draft) => {
      draft.minContextTokens = Math.round(Number(match[1]) * (match[2] === "k" ? K : 1));
    },
  ],
  [
    new RegExp(`${MOST}(\\d+(?:\\.\\d+)?)\\s*gi?b(?:\\s*(?:of\\s*)?(?:v?ram|memory))?$`),
    (match, draft) => {
      draft.maxMemoryBytes = Number(match[1]) * GIB;
    },
  ],
  [
    /^(?:max|maximum|at most|up to|under|below|less than|<=?)\s*(\d+(?:\.\d+)?)\s*b(?:illion)?(?:\s*param(?:eter)?s?)?$/,
    (match, draft) => {
      draft.maxParameterCount = Number(match[1]) * 1e9;
    },
  ],
  [
    /^(?:min|minimum|at least|over|above|more than|>=?)\s*(\d+(?:\.\d+)?)\s*b(?:illion)?(?:\s*param(?:eter)?s?)?$/,
    (match, draft) => {
      draft.minParameterCount = Number(match[1]) * 1e9;
    },
  ],
  [
    /^(apache(?:[- ]?2(?:\.0)?)?|mit|bsd(?:-\d-clause)?|cc-by(?:-[a-z]+)*-\d\.\d|llama[\d.]+|gemma)(?:\s*licen[sc]ed?)?$/,
    (match, draft) => {
      draft.license = (match[1] ?? "").startsWith("apache") ? "apache-2.0" : (match[1] ?? "");
    },
  ],
  [
    /^licen[sc]e\s*[:=]?\s*([a-z0-9.-]+)$/,
    (match, draft) => {
      draft.license = match[1] ?? "";
    },
  ],
  [
    /^(?:for\s*)?commercial(?:\s*use)?(?:\s*(?:allowed|ok))?$/,
    (_, draft) => {
      draft.license = "commercial";
    },
  ],
  [
    /^family\s*[:=]?\s*([a-z0-9.-]+)$/,
    (match, draft) => {
      draft.family = match[1] ?? "";
    },
  ],
  [
    /^(?:with\s*|needs?\s*|must (?:have|support)\s*)?(vision|images?|tools?|tool[ -]?(?:use|calling|calls)|function calling|thinking|reasoning)(?:\s*support)?$/,
    (match, _, capabilities) => {
      capabilities.push(
        /^(vision|image)/.test(match[1] ?? "")
          ? "vision"
          : /^(thinking|reasoning)/.test(match[1] ?? "")
            ? "thinking"
            : "tools",
      );
    },
  ],
];

export function readRequirements(text: string): Requirements {
  const draft: Draft = {};
  const capabilities: string[] = [];
  const unread: string[] = [];
  const phrases = text
    .split(/[,;\n]|\band\b/i)
    .map((phrase) => phrase.trim())
    .filter((phrase) => phrase !== "");
  for (const phrase of phrases) {
    const lower = phrase.toLowerCase().replace(/[.!]+$/, "");
    const read = readers.some(([pattern, apply]) => {
      const match = pattern.exec(lower);
      if (match) apply(match, draft, capabilities);
      return match !== null;
    });
    if (!read) unread.push(phrase);
  }
  return { ...draft, capabilities, unread };
}
