/**
 * What the sentences of the cases mean, as tests: each stands for the sentences that its pattern finds, so that a case of the same kind is
 * held to the same rule. Several look at the machine once more, changed in one thing.
 */

import { amdIntelTests } from "./sentences-amd-intel.ts";
import { appleTests } from "./sentences-apple.ts";
import { hostTests } from "./sentences-host.ts";
import { nvidiaTests } from "./sentences-nvidia.ts";
import { windowsTests } from "./sentences-windows.ts";
import type { NamedTest } from "./subject.ts";

const all: readonly NamedTest[] = [...nvidiaTests, ...amdIntelTests, ...appleTests, ...windowsTests, ...hostTests];

export function namedTests(sentence: string): readonly NamedTest[] {
  return all.filter(({ about }) => about.test(sentence));
}
