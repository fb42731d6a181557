/** A case under a sentence's test. */
import type { HardwareCatalog } from "../../../../../src/core/sources/hardware-catalog.ts";
import type { ProbedDevice, ProbeResult } from "../../../../../src/core/sources/probe/result.ts";
import type { Expectation } from "./expectation.ts";
import type { Files } from "./machine.ts";

export interface Subject {
  readonly result: ProbeResult;
  readonly expected: Expectation;
  readonly files: Files;
  readonly catalog: HardwareCatalog;
  /** the same machine with other files or another environment */
  look(files?: Files, env?: Readonly<Record<string, string>>): Promise<{ readonly result: ProbeResult }>;
}

export interface NamedTest {
  readonly name: string;
  /** sentences that it stands for */
  readonly about: RegExp;
  /** what is wrong, in words; undefined = nothing */
  fails(subject: Subject): Promise<string | undefined> | string | undefined;
}

export const unless = (fine: boolean, wrong: string): string | undefined => (fine ? undefined : wrong);

export const firstOf = ({ devices }: ProbeResult): ProbedDevice => {
  const [device] = devices;
  if (device === undefined) throw new Error("the case shows no device");
  return device;
};

/** The case's files with some of them changed or, as undefined, gone. */
export function changed(files: Files, changes: Readonly<Record<string, string | undefined>>): Files {
  const all = new Map(files);
  for (const [name, text] of Object.entries(changes)) {
    if (text === undefined) all.delete(name);
    else all.set(name, text);
  }
  return all;
}
