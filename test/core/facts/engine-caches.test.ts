/**
 * Which layers keep what, against the engine: small made-up models of the architectures that no measured header has, loaded by
 * llama.cpp v0.5.0 (`llama-fit-params -ngl 0 -fa on`), whose log names every cache to a hundredth of a MiB.
 */
import { describe, expect, test } from "vitest";
import { layerStateBytes } from "../../../src/core/estimate/context.ts";
import { readHyperparameters } from "../../../src/core/facts/hyperparameters.ts";
import type { MetadataValue } from "../../../src/core/facts/model.ts";
import { programRun } from "../../../src/core/facts/run-defaults.ts";
import { runShape } from "../../../src/core/facts/run-shape.ts";
import { parseRun } from "../../../src/core/sources/run-string.ts";
import { MIB } from "../../../src/core/units.ts";
import { readRows, truthFolder } from "../../truth/rows.ts";

interface ContextRow {
  readonly architecture: string;
  /** changed from, or added to, the plain model below */
  readonly keys: Readonly<Record<string, MetadataValue>>;
  readonly args: string;
  /** one entry for each cache and state that the engine made */
  readonly context_mib: readonly number[];
}

const plain: Readonly<Record<string, MetadataValue>> = {
  block_count: 8,
  context_length: 4096,
  embedding_length: 512,
  feed_forward_length: 1024,
  vocab_size: 1000,
  "attention.head_count": 8,
  "attention.head_count_kv": 4,
};

function estimatedMib({ architecture, keys, args }: ContextRow): number {
  const prefixed = Object.entries({ ...plain, ...keys }).map(
    ([key, value]) => [`${architecture}.${key}`, value] as const,
  );
  const hyper = readHyperparameters(
    Object.fromEntries([["general.architecture", architecture], ...prefixed]),
    undefined,
  );
  if (!hyper.hasCache) return 0;
  const run = { ...programRun("llama-fit-params", hyper.trainedContextTokens), ...parseRun(args).changes };
  const shape = runShape(run, hyper.causal);
  return (
    hyper.layers.flatMap((layer) => layerStateBytes(layer, hyper, run, shape)).reduce((sum, bytes) => sum + bytes, 0) /
    MIB
  );
}

describe("caches of made-up models", () => {
  const rows = readRows<ContextRow>(truthFolder, "contexts.jsonl");
  test("there are rows to compare with", () => {
    expect(rows.length).toBeGreaterThanOrEqual(146);
    expect(new Set(rows.map(({ architecture }) => architecture)).size).toBeGreaterThanOrEqual(60);
  });
  test.each(rows.map((row) => [row.architecture, row.args, row] as const))("%s %s", (_, __, row) => {
    const measured = row.context_mib.reduce((sum, mib) => sum + mib, 0);
    // each entry is rounded to 0.01 MiB
    expect(Math.abs(estimatedMib(row) - measured)).toBeLessThanOrEqual(0.006 * row.context_mib.length + 1e-6);
  });
});
