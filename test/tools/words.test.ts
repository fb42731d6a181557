import { expect, it } from "vitest";
import { runModes as decidedRunModes } from "../../src/core/decide/candidate.ts";
import { useCases as decidedUseCases } from "../../src/core/decide/use-cases.ts";
import { runModes, useCases } from "../../src/tools/schemas/words.ts";

it("the schemas offer what the core decides on", () => {
  expect([...useCases].sort()).toEqual(Object.keys(decidedUseCases).sort());
  expect(runModes).toEqual(decidedRunModes);
});
