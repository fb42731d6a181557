import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { InputError } from "../../src/core/facts/input-error.ts";
import { readArguments } from "../../src/tools/arguments.ts";
import { fitModelInput } from "../../src/tools/schemas/fit-model.ts";
import { paretoFrontierInput } from "../../src/tools/schemas/pareto-frontier.ts";
import { rankModelsInput } from "../../src/tools/schemas/rank-models.ts";

describe("readArguments reads", () => {
  it.each([
    ["null as absent", { model: "a", hardware: null }, { model: "a" }],
    ["numbers as text", { model: "a", promptTokens: "2048" }, { model: "a", promptTokens: 2048 }],
    ["a JSON list as text", { model: "a", marginMiB: "[512, 1024]" }, { model: "a", marginMiB: [512, 1024] }],
    ["a list of numbers with commas", { model: "a", marginMiB: "512,1024" }, { model: "a", marginMiB: [512, 1024] }],
    ["one value as a list", { model: "a", memoryBudgetMiB: 8192 }, { model: "a", memoryBudgetMiB: [8192] }],
    ["numbers inside a list as text", { model: "a", marginMiB: ["512"] }, { model: "a", marginMiB: [512] }],
    [
      "snake_case",
      { model: "a", prompt_tokens: 5, use_case: "chat" },
      { model: "a", promptTokens: 5, useCase: "chat" },
    ],
    ["aliases", { model_id: "a", gpu: "rtx-4090" }, { model: "a", hardware: "rtx-4090" }],
    ["words in another case", { model: "a", useCase: "Tool_Use" }, { model: "a", useCase: "tool-use" }],
  ])("%s", (_, sent, read) => {
    expect(readArguments(fitModelInput, sent)).toEqual(read);
  });

  it("keeps commas inside the items of a list of texts", () => {
    expect(readArguments(rankModelsInput, { models: "rtx-4090, ram=64GiB" })).toEqual({
      models: ["rtx-4090, ram=64GiB"],
    });
  });
  it("true and false as text", () => {
    expect(readArguments(rankModelsInput, { installedOnly: "true", includeUnfit: "False" })).toEqual({
      installedOnly: true,
      includeUnfit: false,
    });
  });
});

describe("readArguments refuses", () => {
  it.each([
    ["an unknown name", { model: "a", hardwear: "x" }, "Unknown argument `hardwear`. Did you mean `hardware`?"],
    ["a missing model", {}, "`model` is missing."],
    [
      "a negative number",
      { model: "a", promptTokens: -5 },
      "`promptTokens` is -5, which it cannot be. Send a whole number from 1 to 100000000, e.g. 1024.",
    ],
    ["half a token", { model: "a", promptTokens: 1.5 }, "`promptTokens` is 1.5"],
    ["words for a number", { model: "a", outputTokens: "many" }, '`outputTokens` is "many"'],
    ["an unknown word", { model: "a", useCase: "codding" }, 'Did you mean "coding"? Send one of general, coding'],
    ["the same twice", { model: "a", modelId: "b" }, "`model` is given twice"],
    ["a broken list", { model: "a", marginMiB: "[512" }, "This is not a JSON list"],
    ["an object for text", { model: { id: "a" } }, "`model` is {"],
    ["an endless text", { model: "a".repeat(2000) }, "text of at most 1024 characters"],
    ["a month that is none", { model: "a", engineDate: "2026-13" }, "`engineDate` is"],
  ])("%s", (_, sent, message) => {
    expect(() => readArguments(fitModelInput, sent)).toThrow(InputError);
    expect(() => readArguments(fitModelInput, sent)).toThrow(message);
  });

  it("a list outside its length", () => {
    expect(() => readArguments(paretoFrontierInput, { objectives: ["decode"] })).toThrow(
      "Send a list of 2 to 3: one of quality, decode",
    );
    expect(() => readArguments(rankModelsInput, { limit: 51 })).toThrow("Send a whole number from 1 to 50, e.g. 5.");
  });

  it("whatever else, with an InputError and nothing worse", () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.oneof(fc.constantFrom("model", "run", "marginMiB", "useCase", "__proto__", "constructor"), fc.string()),
          fc.jsonValue(),
        ),
        (sent) => {
          try {
            expect(typeof readArguments(fitModelInput, sent).model).toBe("string");
          } catch (error) {
            expect(error).toBeInstanceOf(InputError);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
