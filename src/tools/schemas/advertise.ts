/**
 * What clients are shown of a schema. Hosts disagree on JSON Schema, so only the subset that all of them take leaves this file: no
 * dialect, no closed objects, no bounds (descriptions say them in words), and outputs cut at one level below the top.
 */
import * as z from "zod";

type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
export interface ObjectSchema {
  type: "object";
  properties: Record<string, object>;
  required?: string[];
  [key: string]: unknown;
}

const dropped: ReadonlySet<string> = new Set([
  "$schema",
  "additionalProperties",
  "readOnly",
  "minimum",
  "maximum",
  "minLength",
  "maxLength",
  "minItems",
  "maxItems",
  "pattern",
]);

/**
 * The shape of a tool's input or output for `tools/list`: the top level described, one level down names and types, below that
 * types alone. Top-level fields marked `brief` (detailed mode, repeats) show their type only, nested ones nothing.
 */
export function advertise(schema: z.ZodObject): ObjectSchema {
  return asObjectSchema(clean(toJson(schema), 0));
}

function toJson(schema: z.ZodObject): Json {
  const parsed: Json = JSON.parse(
    JSON.stringify(z.toJSONSchema(schema, { reused: "inline", target: "draft-2020-12" })),
  );
  return parsed;
}

/** `depth`: 0 at the root, 1 at its fields, 2 at theirs, where only the type is left. */
function clean(node: Json, depth: number): Json {
  if (!isRecord(node)) return node;
  if (depth >= 2) return typeOnly(node);
  if (isBrief(node)) return { ...typeOnly(node), description: node["description"] ?? "" };
  const kept: Record<string, Json> = {};
  for (const [key, value] of Object.entries(node)) {
    if (dropped.has(key) || (key === "required" && depth > 0)) continue;
    if (key === "properties" && isRecord(value)) {
      const shown = Object.entries(value).filter(([, child]) => depth === 0 || !isBrief(child));
      kept[key] = Object.fromEntries(shown.map(([name, child]) => [name, clean(child, depth + 1)]));
    } else if (key === "items") {
      kept[key] = clean(value, depth);
    } else {
      kept[key] = value;
    }
  }
  return kept;
}

/** Lists keep the type of their items: some hosts refuse a list without it. */
function typeOnly(node: { readonly [key: string]: Json }): { readonly [key: string]: Json } {
  const type = node["type"] ?? "string";
  return node["items"] === undefined ? { type } : { type, items: clean(node["items"], 2) };
}

function isBrief(node: Json): boolean {
  return isRecord(node) && node["brief"] === true;
}

function isRecord(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function asObjectSchema(json: Json): ObjectSchema {
  if (!isRecord(json) || !isRecord(json["properties"] ?? null)) throw new Error("A tool's schema must be an object");
  const properties: Record<string, object> = {};
  for (const [name, child] of Object.entries(json["properties"] ?? {})) {
    if (isRecord(child)) properties[name] = child;
  }
  const required = json["required"];
  return {
    type: "object",
    properties,
    ...(Array.isArray(required) ? { required: required.map(String) } : {}),
  };
}
