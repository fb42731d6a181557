import { describe, expect, it } from "vitest";
import { closestNames } from "../../../src/core/facts/closest.ts";
import { loadHardwareCatalog } from "../../../src/core/sources/hardware-catalog.ts";
import { parseHardware } from "../../../src/core/sources/hardware-expression.ts";
import { loadProfiles, profilesFolder } from "../../../src/core/sources/profiles.ts";
import { GIB } from "../../../src/core/units.ts";
import { fakeWorld } from "../../fake-world.ts";

const card = {
  id: "lab-card",
  name: "Lab Accelerator 1",
  aliases: ["LA1"],
  vendor: "Lab",
  kind: "gpu",
  form: "server",
  memoryGiB: [48],
  memoryType: "GDDR6",
  bandwidthGBps: 700,
  fp16Tflops: 120,
  backends: ["vulkan"],
  pciIds: ["1f00:0001"],
  source: "vendor",
};
const machine = { id: "my-server", hardware: "2x lab-card + rtx-4090, ram=128GiB, cores=24" };

const worldWith = (files: Record<string, unknown>) =>
  fakeWorld({
    env: { XDG_CONFIG_HOME: "/config" },
    files: Object.fromEntries(
      Object.entries(files).map(([name, content]) => [
        `/config/modelfit-mcp/hardware/${name}`,
        typeof content === "string" ? content : JSON.stringify(content),
      ]),
    ),
  });

describe("profiles", () => {
  it("put a user's devices and machines into expressions", async () => {
    const catalog = await loadHardwareCatalog(worldWith({ "card.json": card, "machines.json": [machine] }));
    const hardware = parseHardware("my-server, cores=32", catalog);
    expect(hardware.devices.map(({ id }) => id)).toEqual(["lab-card", "lab-card", "rtx-4090"]);
    expect(hardware.host.ramTotalBytes.value).toBe(128 * GIB);
    expect(hardware.host.physicalCoreCount.value).toBe(32);
    expect(parseHardware("LA1", catalog).devices[0]).toMatchObject({
      id: "lab-card",
      bandwidthBytesPerSecond: { value: 700e9 },
    });
    expect(catalog.byPciId("1f00:0001").map(({ id }) => id)).toEqual(["lab-card"]);
    expect(parseHardware("rtx-3090", catalog).devices[0]?.id).toBe("rtx-3090");
  });
  it("win over rows of the same id", async () => {
    const catalog = await loadHardwareCatalog(
      worldWith({ "a.json": { ...card, id: "rtx-4090", name: "NVIDIA GeForce RTX 4090", pciIds: undefined } }),
    );
    expect(catalog.named("NVIDIA GeForce RTX 4090").map(({ row }) => row.bandwidthGBps)).toEqual([700]);
    expect(catalog.byId("rtx-4090")?.row.bandwidthGBps).toBe(700);
  });
  it("are completed and suggested like the catalog's ids", async () => {
    const catalog = await loadHardwareCatalog(worldWith({ "card.json": card, "machines.json": [machine] }));
    expect(catalog.ids.filter((id) => id.startsWith("my-"))).toEqual(["my-server"]);
    expect(closestNames("my-sever", catalog.ids, 1)).toEqual(["my-server"]);
    expect(() => parseHardware("lab-crad", catalog)).toThrow(/Closest are lab-card/);
    expect(new Set(catalog.ids).size).toBe(catalog.ids.length);
  });
  it.each([
    ["2x my-server", /whole machine/],
    ["my-server + rtx-4090", /whole machine/],
  ])("stand alone when they are machines: %s", async (expression, message) => {
    const catalog = await loadHardwareCatalog(
      worldWith({ "machines.json": [machine, { id: "other", hardware: "my-server" }] }),
    );
    expect(() => parseHardware(expression, catalog)).toThrow(message);
    expect(() => parseHardware("other", catalog)).toThrow(/no "my-server"/);
  });
  it("that are damaged are warned about and take no other away", async () => {
    const files = {
      "a.json": "{",
      "b.json": { ...card, bandwidthGBps: -1 },
      "c.json": { id: "x" },
      "d.json": [card, { ...card }],
      "e.json": { id: "M", hardware: "cpu" },
      "notes.txt": "?",
    };
    const { rows, machines, warnings } = await loadProfiles(worldWith(files));
    expect(rows.map(({ id }) => id)).toEqual(["lab-card"]);
    expect(machines).toEqual([]);
    expect(warnings).toHaveLength(5);
    expect(warnings.join("\n")).toMatch(
      /a\.json is no JSON[\s\S]*b\.json[^\n]*bandwidthGBps[\s\S]*c\.json[\s\S]*d\.json[^\n]*taken[\s\S]*e\.json[^\n]*id/,
    );
  });
  it("need no folder", async () => {
    const world = fakeWorld({ env: { MODELFIT_PROFILES: "/mine" } });
    expect(profilesFolder(world)).toBe("/mine");
    expect(await loadProfiles(world)).toEqual({ rows: [], machines: [], warnings: [] });
    expect(await loadHardwareCatalog(world)).toBe(await loadHardwareCatalog());
  });
});
