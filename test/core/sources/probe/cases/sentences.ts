/** What the sentences of the cases mean, as tests. */
import type { HardwareCatalog } from "../../../../../src/core/sources/hardware-catalog.ts";
import type { ProbeResult } from "../../../../../src/core/sources/probe/result.ts";
import type { Expectation } from "./expectation.ts";
import type { Files, Machine } from "./machine.ts";

export interface Case {
  readonly result: ProbeResult;
  readonly expected: Expectation;
  readonly files: Files;
  readonly catalog: HardwareCatalog;
  /** the same machine with other files or another environment */
  look(files?: Files, env?: Readonly<Record<string, string>>): Promise<{ readonly machine: Machine; readonly result: ProbeResult }>;
}

export interface NamedTest {
  readonly name: string;
  /** sentences that it stands for */
  readonly about: RegExp;
  /** what is wrong, in words */
  fails(subject: Case): Promise<string | undefined> | string | undefined;
}

export const tests: readonly NamedTest[] = [];

export function namedTests(sentence: string): readonly NamedTest[] {
  return tests.filter(({ about }) => about.test(sentence));
}
