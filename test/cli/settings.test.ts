import { expect, it } from "vitest";
import { withSettings } from "../../src/cli/settings.ts";

it.each([
  [["--offline"], [], { HF_HUB_OFFLINE: "1" }],
  [["fit_model", "qwen3-8b", "--offline", "--json"], ["fit_model", "qwen3-8b", "--json"], { HF_HUB_OFFLINE: "1" }],
  [["--facts", "a.json", "here"], ["here"], { MODELFIT_FACTS: "a.json" }],
  [["here", "--facts=a.json"], ["here"], { MODELFIT_FACTS: "a.json" }],
  [["here"], ["here"], {}],
])("%j leaves %j", (argv, words, settings) => {
  expect(withSettings({ HOME: "/h" }, argv)).toEqual({ env: { HOME: "/h", ...settings }, words });
});

it.each([[["--facts"]], [["--facts", "--json"]], [["--facts="]]])("%j lacks its file", (argv) => {
  expect(() => withSettings({}, argv)).toThrow("Send --facts FILE");
});
