import { describe, expect, it } from "vitest";
import { describeTools } from "../../src/tools/adapter.ts";
import { tools } from "../../src/tools/index.ts";
import { expectGolden } from "../golden.ts";

const listed = describeTools(tools);
const bytes = (value: unknown) => Buffer.byteLength(JSON.stringify(value));

describe("tools/list", () => {
  it("stays as it is", () => expectGolden("tools-list.json", `${JSON.stringify(listed, undefined, 1)}\n`));

  it("fits its budgets", () => {
    const seen = listed.map(({ name, description, inputSchema }) => ({ name, description, inputSchema }));
    expect(bytes(seen)).toBeLessThanOrEqual(12_000);
    expect(bytes({ tools: listed })).toBeLessThanOrEqual(26_000);
  });

  it.each(listed)("$name carries what hosts want", (tool) => {
    expect(tool.name).toMatch(/^[a-z][a-z0-9_]{2,30}$/);
    expect(tool.title?.length).toBeGreaterThan(3);
    expect(tool.description?.length).toBeGreaterThan(40);
    expect(tool.description?.length).toBeLessThanOrEqual(700);
    expect(Object.keys(tool.annotations ?? {}).sort()).toEqual([
      "destructiveHint",
      "idempotentHint",
      "openWorldHint",
      "readOnlyHint",
    ]);
    expect(tool.annotations).toMatchObject({ readOnlyHint: true, destructiveHint: false });
    expect(Object.keys(tool.outputSchema?.properties ?? {})[0]).toBe("summary");
  });

  it.each(listed)("$name takes flat, described arguments", ({ inputSchema }) => {
    expect(schemaFaults(inputSchema, "#", 0)).toEqual([]);
    for (const [name, field] of Object.entries(inputSchema.properties ?? {})) {
      const text = "description" in field ? String(field.description) : "";
      expect(name).toMatch(/^[a-z][a-zA-Z0-9]{0,40}$/);
      expect(text.length, name).toBeGreaterThan(10);
      expect(text.length, name).toBeLessThanOrEqual(160);
      if (!(inputSchema.required ?? []).includes(name)) expect(text, name).toMatch(/default/i);
      if (!("enum" in field)) expect(text, name).toContain("e.g. ");
    }
  });

  it.each(listed)("$name answers in the same subset", ({ outputSchema }) => {
    expect(schemaFaults(outputSchema ?? {}, "#", 0)).toEqual([]);
  });

  it("finds the faults of a schema", () => {
    const faulty = {
      type: "object",
      properties: { a: { type: ["string", "null"] }, b: { type: "array" }, c: { anyOf: [] } },
      required: ["d"],
    };
    expect(schemaFaults(faulty, "#", 0)).toEqual([
      "#/a: type",
      "#/b: items",
      "#/c: anyOf",
      "#/c: type",
      "#: required d",
    ]);
  });
});

const known = new Set(["type", "properties", "required", "description", "enum", "items"]);

/** What some host would refuse: anything but typed scalars, typed lists and objects. */
function schemaFaults(schema: object, path: string, depth: number): readonly string[] {
  const node = new Map<string, unknown>(Object.entries(schema));
  const faults = [...node.keys()].filter((key) => !known.has(key)).map((key) => `${path}: ${key}`);
  const type = node.get("type");
  if (typeof type !== "string") faults.push(`${path}: type`);
  const items = node.get("items");
  if (type === "array")
    faults.push(...(isObject(items) ? schemaFaults(items, `${path}/items`, depth) : [`${path}: items`]));
  const words = node.get("enum");
  if (words !== undefined && !(Array.isArray(words) && words.every((word) => typeof word === "string")))
    faults.push(`${path}: enum`);
  const properties = node.get("properties");
  const children = isObject(properties) ? Object.entries(properties) : [];
  if (depth > 2) faults.push(`${path}: too deep`);
  for (const [name, child] of children)
    faults.push(...(isObject(child) ? schemaFaults(child, `${path}/${name}`, depth + 1) : [`${path}/${name}`]));
  const required = node.get("required");
  for (const name of Array.isArray(required) ? required : [])
    if (!children.some(([child]) => child === name)) faults.push(`${path}: required ${name}`);
  return faults;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
