import { expect, it } from "vitest";
import { reportLines, runCatalog } from "../../src/cli/catalog.ts";
import { fakeWorld } from "../fake-world.ts";

it("says what was found and where it is kept", () => {
  const report = {
    path: "/data/catalog-overlay.json",
    date: "2026-11-20",
    popularityCount: 900,
    ggufRepoCount: 12,
    newModels: ["a-1b", "b-2b"],
    leftOut: [{ repo: "c/c-3b", reason: "no config" }],
    resumedCount: 2,
  };
  expect(reportLines(report)).toEqual([
    "2 new models, 12 further repositories of quantized files, popularity of 900 models.",
    "New: a-1b, b-2b",
    "Left out: c/c-3b: no config",
    "2 makers were taken over from a run of the last day.",
    "Kept in /data/catalog-overlay.json; delete it to go back to the catalog of this release.",
  ]);
});

it.each([[["refersh"]], [[]], [["refresh", "now"]], [["refresh", "--all"]]])(
  "%j is the caller's to fix",
  async (argv) => {
    await expect(runCatalog(fakeWorld({}), argv)).rejects.toThrow("Send catalog refresh");
  },
);

it("does not try where the network is forbidden", async () => {
  const world = { ...fakeWorld({}), env: { HF_HUB_OFFLINE: "1" } };
  await expect(runCatalog(world, ["refresh"])).rejects.toThrow("forbidden");
});
