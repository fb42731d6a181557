import { expect, it } from "vitest";
import { tokenBucket } from "../../src/work/bucket.ts";

it("gives a burst, then as many as time brings, to each name its own", () => {
  let nowMs = 0;
  const bucket = tokenBucket(3, 2, () => nowMs);
  const takes = (name: string, count: number) =>
    Array.from({ length: count }, () => bucket.take(name)).filter(Boolean).length;
  expect(takes("a", 5)).toBe(3);
  expect(bucket.has("a")).toBe(false);
  expect(takes("b", 2)).toBe(2);
  nowMs = 1000;
  expect(bucket.has("a")).toBe(true);
  expect(takes("a", 5)).toBe(2);
  nowMs = 60_000;
  expect(takes("a", 9)).toBe(3);
  // a clock that goes back gives nothing
  nowMs = 0;
  expect(takes("a", 9)).toBe(0);
});
