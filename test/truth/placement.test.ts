/** Placement must stay better than llama.cpp's own fit: a ninth of the rows in the gate, all of them in `npm run truth`. */
import { describe, expect, it } from "vitest";
import { measurePlacement, placementFigures } from "./placement.ts";
import { truthFolder } from "./rows.ts";

describe("placement", () => {
  it("breaks no margin, is not slower than fit, and leaves less empty", { timeout: 120_000 }, async () => {
    const figures = placementFigures(await measurePlacement(truthFolder, 9));
    expect(figures.rows).toBeGreaterThan(50);
    expect(figures.spillingRows).toBeGreaterThan(10);
    expect(figures.shortContextRows).toBeGreaterThan(5);
    expect(figures.marginBroken).toBe(0);
    expect(figures.notSlowerFraction).toBeGreaterThanOrEqual(0.99);
    expect(figures.fasterFraction).toBeGreaterThanOrEqual(0.75);
    expect(figures.medianUseFraction).toBeGreaterThanOrEqual(0.99);
    expect(figures.p10UseFraction).toBeGreaterThanOrEqual(0.964);
    expect(figures.contextLess).toBe(0);
    expect(figures.contextMoreFraction).toBeGreaterThanOrEqual(0.9);
  });
});
