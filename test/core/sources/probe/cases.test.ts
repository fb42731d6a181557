/**
 * The prober against captured outputs of real machines, which are not part of this project: read from the folder of `PROBE_CASES`, or from
 * beside the project. Facts are held against each expectation by their keys; sentences by the named tests of cases/sentences.ts.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadHardwareCatalog } from "../../../../src/core/sources/hardware-catalog.ts";
import { probe } from "../../../../src/core/sources/probe/probe.ts";
import { check } from "./cases/checks.ts";
import { expectation, sentencesOf } from "./cases/expectation.ts";
import { type Files, machineOf } from "./cases/machine.ts";
import { namedTests } from "./cases/sentences.ts";

const beside = join(import.meta.dirname, "../../../../../shared/hardware/probe");
const folder = process.env["PROBE_CASES"] ?? beside;
const there = existsSync(folder);

/** The minimum that the folder beside the project must hold; another folder holds what it holds. */
const MINIMUM = 160;

function filesOf(name: string): Files {
  const inside = readdirSync(join(folder, name)).filter((file) => file !== "expected.json");
  return new Map(inside.map((file) => [file, readFileSync(join(folder, name, file), "utf8")]));
}

const names = there
  ? readdirSync(folder)
      .filter((name) => existsSync(join(folder, name, "expected.json")))
      .sort()
  : [];
const counts = {
  facts: 0,
  sentences: 0,
  premises: 0,
  unnamed: [] as string[],
  unknown: new Set<string>(),
  unread: [] as string[],
};

describe("captured machines", () => {
  it("are read from a folder", () => {
    if (!there) console.log(`captured machines: none at ${folder}; set PROBE_CASES to a folder of cases`);
    if (there && process.env["PROBE_CASES"] === undefined) expect(names.length).toBeGreaterThanOrEqual(MINIMUM);
  });
  it.each(names)("%s", async (name) => {
    const catalog = await loadHardwareCatalog();
    const files = filesOf(name);
    const expected = expectation.parse(JSON.parse(readFileSync(join(folder, name, "expected.json"), "utf8")));
    const look = async (changedFiles: Files = files, env: Readonly<Record<string, string>> = {}) => {
      const machine = machineOf(changedFiles, expected, catalog, { env });
      return { machine, result: await probe(machine.world, undefined, { given: machine.given }) };
    };
    const { machine, result } = await look();
    const { faults, checkedCount, unknownKeys } = check(result, expected, [...files.values()].join("\n"), catalog);
    const wrong = [...faults];
    counts.facts += checkedCount;
    counts.premises += machine.premises.length;
    counts.unread.push(...machine.unread.map((file) => `${name}/${file}`));
    for (const key of unknownKeys) counts.unknown.add(key);
    for (const sentence of sentencesOf(expected)) {
      const tests = namedTests(sentence);
      if (tests.length === 0) counts.unnamed.push(`${name}: ${sentence}`);
      for (const test of tests) {
        counts.sentences++;
        const fault = await test.fails({ result, expected, files, catalog, look });
        if (fault !== undefined) wrong.push(`${test.name}: ${fault}`);
      }
    }
    expect(wrong, wrong.join("\n")).toEqual([]);
  });
  it.runIf(there)("have a named test for every sentence", () => {
    console.log(
      `captured machines: ${names.length} cases, ${counts.facts} facts and ${counts.sentences} sentences held, ${counts.premises} premises put in`,
    );
    if (counts.unknown.size > 0) console.log(`keys without a check: ${[...counts.unknown].join(", ")}`);
    if (counts.unread.length > 0) console.log(`files that nothing reads: ${counts.unread.join(", ")}`);
    if (counts.unnamed.length > 0) console.log(`sentences without a named test:\n${counts.unnamed.join("\n")}`);
    if (process.env["PROBE_CASES"] === undefined) expect(counts.unnamed).toEqual([]);
  });
});
