import { expect, it } from "vitest";
import { residentBytes, runLoad } from "./load.ts";
import { startHttp } from "./program.ts";

it("2,000 mixed calls over 16 sessions: every one answered, and memory comes to rest", {
  timeout: 120_000,
}, async () => {
  const program = await startHttp(["--http", "0"]);
  // tables that are kept for the next call are built first
  expect((await runLoad(program.url, 16, 500)).failures).toEqual([]);
  const before = residentBytes(program.pid);
  expect((await runLoad(program.url, 16, 1500)).failures).toEqual([]);
  const after = residentBytes(program.pid);
  expect(after).toBeLessThanOrEqual(before * 1.5);
  await program.stop();
});
