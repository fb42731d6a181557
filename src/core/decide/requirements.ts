/**
 * Free text to filters: phrases as people write them, separated by commas, lines or "and"; what is not understood is handed back.
 * A phrase is an amount with its unit and, before or after it, a word that says whether it is the least or the most.
 */
import { type Bytes, GIB, MIB, type Tokens, type TokensPerSecond } from "../units.ts";

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
type Bound = "least" | "most" | undefined;

/** Words that say which side an amount bounds. */
const leastWords =
  /^(?:min(?:imum)?\.?|at least|over|above|more than|greater than|larger than|bigger than|faster than|no less than|not under|not below|>=?|from)\s*|(?:\s*(?:\+|or more|or better|or faster|min(?:imum)?|at least))$/;
const mostWords =
  /^(?:max(?:imum)?\.?|at most|up to|under|below|less than|fewer than|smaller than|no more than|not over|not above|within|fits? (?:in(?:to)?|on|within)|<=?)\s*|(?:\s*(?:or less|or fewer|or smaller|max(?:imum)?|at most|tops))$/;

function boundOf(phrase: string): { readonly bound: Bound; readonly rest: string } {
  for (const [bound, words] of [
    ["most", mostWords],
    ["least", leastWords],
  ] as const)
    if (words.test(phrase)) return { bound, rest: phrase.replace(words, "").trim() };
  return { bound: undefined, rest: phrase };
}

const powers: Readonly<Record<string, number>> = { "": 1, k: 1024, m: 1024 * 1024 };
const amount = String.raw`(\d+(?:\.\d+)?)`;

/** Rate of answers. A rate is wanted at the least, whatever is not said. */
const rate = new RegExp(`^${amount}\\s*(?:tok(?:en)?s?|t)\\s*(?:\\/|per|a)\\s*s(?:ec(?:ond)?)?$|^${amount}\\s*tps$`);
const context = new RegExp(
  `^${amount}\\s*(k|m)?(?:\\s*-?\\s*tokens?)?(?:\\s*(?:of\\s*)?(?:context(?: window| length)?|ctx))(?:\\s*tokens?)?$`,
);
const memory = new RegExp(
  `^${amount}\\s*(gi?b|gigabytes?|mi?b|megabytes?)(?:\\s*(?:of\\s*)?(?:v?ram|(?:gpu |video )?memory))?$`,
);
const parameters = new RegExp(`^${amount}\\s*(b|billion|m|million)(?:\\s*(?:param(?:eter)?s?|weights?))?$`);

type Reader = (rest: string, bound: Bound, draft: Draft, capabilities: string[]) => boolean;

const amounts: readonly Reader[] = [
  (rest, bound, draft) => {
    const match = rate.exec(rest);
    if (!match || bound === "most") return false;
    draft.minDecodeTokensPerSecond = Number(match[1] ?? match[2]);
    return true;
  },
  (rest, bound, draft) => {
    const match = context.exec(rest);
    if (!match || bound === "most") return false;
    draft.minContextTokens = Math.round(Number(match[1]) * (powers[match[2] ?? ""] ?? 1));
    return true;
  },
  (rest, bound, draft) => {
    const match = memory.exec(rest);
    if (!match || bound === "least") return false;
    draft.maxMemoryBytes = Number(match[1]) * ((match[2] ?? "").startsWith("m") ? MIB : GIB);
    return true;
  },
  (rest, bound, draft) => {
    const match = parameters.exec(rest);
    if (!match || bound === undefined) return false;
    const count = Number(match[1]) * ((match[2] ?? "").startsWith("m") ? 1e6 : 1e9);
    if (bound === "least") draft.minParameterCount = count;
    else draft.maxParameterCount = count;
    return true;
  },
];

/** `ram < 16 GB`, `context: 32k`, `speed of at least 20 tok/s`: the name first. */
const named =
  /^(?:the\s+)?(v?ram|(?:gpu |video )?memory|context(?: window| length)?|ctx|speed|decode|size|param(?:eter)?s?)\s*(?:of|is|:|=)?\s*(.+)$/;

function nameLast(phrase: string): string | undefined {
  const match = named.exec(phrase);
  if (!match) return undefined;
  const [, name = "", value = ""] = match;
  if (/^(speed|decode|size|param)/.test(name)) return value;
  if (/^(context|ctx)/.test(name)) {
    const { bound, rest } = boundOf(value);
    return `${bound === "most" ? "max " : bound === "least" ? "min " : ""}${rest.replace(/\s*tokens?$/, "")} context`;
  }
  return value;
}

const licences: readonly (readonly [RegExp, string])[] = [
  [/^apache(?:[- ]?(?:v(?:ersion )?)?2(?:\.0)?)?$/, "apache-2.0"],
  [/^mit$/, "mit"],
  [/^(?:for\s*)?commercial(?:ly)?(?:[ -]?(?:use|usable|friendly))?(?:\s*(?:allowed|ok|permitted))?$/, "commercial"],
];
const otherLicence =
  /^(bsd(?:-\d-clause)?|cc-by(?:-[a-z]+)*(?:-\d\.\d)?|llama[\d.]+|gemma|openrail(?:\+\+)?|mpl-2\.0|gpl-3\.0)$/;

function licenceOf(phrase: string): string | undefined {
  const said =
    /^(?:licen[sc]e[ds]?\s*[:=]?\s*|under\s+(?=(?:the\s+)?(?:apache|mit)))?(?:the\s+)?(.+?)(?:[\s-]*licen[sc]e[ds]?)?$/.exec(
      phrase,
    );
  const name = said?.[1] ?? "";
  for (const [pattern, id] of licences) if (pattern.test(name)) return id;
  const spoken = /licen[sc]e/.test(phrase);
  if (otherLicence.test(name) && (spoken || !/^(gemma|llama)/.test(name))) return name;
  return spoken && /^[a-z0-9][a-z0-9.+-]*$/.test(name) ? name : undefined;
}

const abilities: readonly (readonly [RegExp, string])[] = [
  [
    /^(?:vision|images?|image (?:input|understanding)|multi-?modal|(?:can )?sees? (?:images|pictures)|reads? images)$/,
    "vision",
  ],
  [/^(?:tools?|tool[ -]?(?:use|calling|calls)|function[ -]?call(?:ing|s)?|agentic)$/, "tools"],
  [/^(?:thinking|reasoning|thinks)$/, "thinking"],
];

function capabilityOf(phrase: string): string | undefined {
  const plain = phrase
    .replace(/^(?:with|needs?|wants?|has|have|supports?|must (?:have|support|be)|can do|capable of)\s+/, "")
    .replace(/\s+(?:support|capable|capability|models?|mode)$/, "");
  return abilities.find(([pattern]) => pattern.test(plain))?.[1];
}

const family =
  /^(?:family\s*[:=]?\s*|(?:only|just|any)\s+)([a-z][a-z0-9.-]*)(?:\s+(?:models?|family))?$|^([a-z][a-z0-9.-]*)\s+(?:family|models only)$/;
const range = new RegExp(
  `^(?:between\\s+|from\\s+)?${amount}\\s*b?\\s*(?:-|–|to|…|\\.\\.)\\s*${amount}\\s*(?:b|billion)(?:\\s*param(?:eter)?s?)?$`,
);

/** One phrase into the draft. @returns whether it was understood */
function read(phrase: string, draft: Draft, capabilities: string[]): boolean {
  const between = range.exec(phrase);
  if (between) {
    draft.minParameterCount = Number(between[1]) * 1e9;
    draft.maxParameterCount = Number(between[2]) * 1e9;
    return true;
  }
  for (const text of [phrase, nameLast(phrase)]) {
    if (text === undefined) continue;
    const { bound, rest } = boundOf(text);
    if (amounts.some((reader) => reader(rest, bound, draft, capabilities))) return true;
  }
  const licence = licenceOf(phrase);
  if (licence !== undefined) {
    draft.license = licence;
    return true;
  }
  const capability = capabilityOf(phrase);
  if (capability !== undefined) {
    if (!capabilities.includes(capability)) capabilities.push(capability);
    return true;
  }
  const [, first, second] = family.exec(phrase) ?? [];
  if (first === undefined && second === undefined) return false;
  draft.family = first ?? second ?? "";
  return true;
}

/** Decimal commas and thousands become plain numbers, signs become ASCII; the rest stays. */
function plainNumbers(text: string): string {
  return (
    text
      .replace(/≥/g, ">=")
      .replace(/≤/g, "<=")
      // `20+ tok/s`: the sign goes behind the unit
      .replace(/(\d[kmb]?)\+\s+([^,;\n]+)/gi, "$1 $2+")
      .replace(/(\d),(\d{3})(?!\d)/g, "$1$2")
      .replace(/(\d),(\d{1,2})(?=\s*[a-z%])/gi, "$1.$2")
      .replace(/\bbetween\s+(\S+)\s+and\s+/gi, "between $1 to ")
  );
}

export function readRequirements(text: string): Requirements {
  const draft: Draft = {};
  const capabilities: string[] = [];
  const unread: string[] = [];
  const phrases = plainNumbers(text)
    .split(/[,;\n•]|\band\b|\bplus\b|&|\bbut\b/i)
    .map((phrase) => phrase.trim())
    .filter((phrase) => phrase !== "");
  for (const phrase of phrases) {
    const lower = phrase
      .toLowerCase()
      .replace(/[.!]+$/, "")
      .replace(/\s+/g, " ");
    if (!read(lower, draft, capabilities)) unread.push(phrase);
  }
  return { ...draft, capabilities, unread };
}
