/**
 * What a model or a shell sends, read kindly but never silently: null is absent, numbers and lists may come as text, names may be
 * in snake_case or a well-known alias. What cannot be read is an InputError that says what to send instead.
 */
import * as z from "zod";
import { closestNames } from "../core/facts/closest.ts";
import { InputError } from "../core/facts/input-error.ts";

/** Names that callers use for ours, by our name; compared without case, `_` and `-`. */
const aliases: Readonly<Record<string, readonly string[]>> = {
  model: ["modelId", "modelName", "repo", "repoId"],
  hardware: ["gpu", "device", "machine", "hw"],
  useCase: ["task", "purpose"],
  limit: ["top", "topK", "count"],
  sort: ["sortBy", "orderBy"],
  recipe: ["quant", "quantization"],
  contextTokens: ["context", "contextLength", "contextSize", "ctx", "numCtx"],
  minDecodeTokensPerSecond: ["minSpeed", "minTokensPerSecond"],
  run: ["flags", "args"],
};

type Sent = Readonly<Record<string, unknown>>;
interface Field {
  readonly type: string;
  readonly itemType: string | undefined;
  readonly enum: readonly string[] | undefined;
  readonly itemEnum: readonly string[] | undefined;
  readonly description: string;
  readonly expected: string;
}

/** The arguments of a tool as its schema wants them. Throws InputError for anything else. */
export function readArguments<Input extends z.ZodObject>(schema: Input, sent: Sent): z.output<Input> {
  const fields = fieldsOf(schema);
  const read: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(sent)) {
    if (value === null || value === undefined) continue;
    const known = resolveName(name, fields);
    if (known in read) throw new InputError(`\`${known}\` is given twice (also as \`${name}\`). Send it once.`);
    const field = fields.get(known);
    read[known] = field === undefined ? value : readValue(field, value);
  }
  const parsed = schema.safeParse(read);
  if (parsed.success) return parsed.data;
  throw new InputError(
    parsed.error.issues
      .slice(0, 3)
      .map((issue) => explain(issue, read, fields))
      .join(" "),
  );
}

const cache = new WeakMap<z.ZodObject, ReadonlyMap<string, Field>>();

/** The fields of an input schema with what they expect, in order. */
export function fieldsOf(schema: z.ZodObject): ReadonlyMap<string, Field> {
  const known = cache.get(schema);
  if (known !== undefined) return known;
  const fields = new Map<string, Field>();
  for (const [name, part] of Object.entries(schema.shape)) {
    const json = z.toJSONSchema(part);
    const items = typeof json.items === "object" && !Array.isArray(json.items) ? json.items : undefined;
    fields.set(name, {
      type: String(json.type),
      itemType: items === undefined ? undefined : String(items.type),
      enum: json.enum?.map(String),
      itemEnum: items?.enum?.map(String),
      description: json.description ?? "",
      expected: expectation(json),
    });
  }
  cache.set(schema, fields);
  return fields;
}

const plain = (name: string) => name.toLowerCase().replace(/[_-]/g, "");

function resolveName(name: string, fields: ReadonlyMap<string, Field>): string {
  for (const field of fields.keys()) {
    const spellings = [field, ...(aliases[field] ?? [])];
    if (spellings.some((spelling) => plain(spelling) === plain(name))) return field;
  }
  const [nearest] = closestNames(name, fields.keys(), 1);
  const hint = nearest === undefined ? "" : `Did you mean \`${nearest}\`? `;
  throw new InputError(
    `Unknown argument \`${name.slice(0, 80)}\`. ${hint}Send only: ${[...fields.keys()].join(", ")}.`,
  );
}

function readValue(field: Field, value: unknown): unknown {
  if (field.type !== "array") return readScalar(field.type, field.enum, value);
  const items =
    typeof value === "string" ? listFromText(value, field.itemType) : Array.isArray(value) ? value : [value];
  return items.map((item) => readScalar(field.itemType, field.itemEnum, item));
}

function listFromText(text: string, itemType: string | undefined): readonly unknown[] {
  const trimmed = text.trim();
  if (trimmed.startsWith("[")) {
    try {
      const json: unknown = JSON.parse(trimmed);
      if (Array.isArray(json)) return json;
    } catch {
      throw new InputError(`This is not a JSON list: ${trimmed.slice(0, 80)}. Send a list, e.g. ["a", "b"].`);
    }
  }
  if (trimmed === "") return [];
  return itemType === "string" ? [trimmed] : trimmed.split(",");
}

function readScalar(type: string | undefined, words: readonly string[] | undefined, value: unknown): unknown {
  if ((type === "number" || type === "integer") && typeof value === "string") {
    return /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i.test(value) ? Number(value) : value;
  }
  if (type === "boolean" && typeof value === "string") {
    const word = value.trim().toLowerCase();
    return word === "true" ? true : word === "false" ? false : value;
  }
  if (type === "string" && typeof value === "number") return String(value);
  if (type === "string" && words !== undefined && typeof value === "string") {
    return words.find((word) => plain(word) === plain(value.trim()).replace(/ /g, "")) ?? value;
  }
  return value;
}

function explain(issue: z.core.$ZodIssue, read: Sent, fields: ReadonlyMap<string, Field>): string {
  const name = String(issue.path[0] ?? "");
  const field = fields.get(name);
  if (field === undefined) return `The arguments are not readable: ${issue.message}. Send one flat JSON object.`;
  const example = /e\.g\. (.+)$/.exec(field.description)?.[1];
  const send = `Send ${field.expected}${example === undefined ? "" : `, e.g. ${example}`}.`;
  if (!(name in read)) return `\`${name}\` is missing. ${send}`;
  const words = field.enum ?? field.itemEnum;
  const value = read[name];
  const shown = JSON.stringify(value)?.slice(0, 80) ?? typeof value;
  const nearest = words !== undefined && typeof value === "string" ? closestNames(value, words, 1)[0] : undefined;
  return `\`${name}\` is ${shown}, which it cannot be. ${nearest === undefined ? "" : `Did you mean "${nearest}"? `}${send}`;
}

/** "a whole number from 1 to 50", "one of a, b", "2 to 3 of a, b" */
function expectation(json: z.core.JSONSchema.BaseSchema): string {
  const { minimum, maximum, minItems, maxItems } = json;
  if (json.enum !== undefined) return `one of ${json.enum.join(", ")}`;
  if (json.type === "array") {
    const item = typeof json.items === "object" && !Array.isArray(json.items) ? expectation(json.items) : "values";
    const count =
      minItems === undefined
        ? `a list of at most ${maxItems ?? "any"}`
        : minItems === maxItems
          ? `a list of ${minItems}`
          : `a list of ${minItems} to ${maxItems}`;
    return `${count}: ${item}`;
  }
  if (json.type === "integer") return `a whole number from ${minimum} to ${maximum}`;
  if (json.type === "number") return `a number from ${minimum} to ${maximum}`;
  if (json.type === "boolean") return "true or false";
  return json.maxLength === undefined ? "text" : `text of at most ${json.maxLength} characters`;
}
