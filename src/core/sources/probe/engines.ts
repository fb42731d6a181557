/**
 * What llama.cpp prints about devices: `--list-devices` (text and JSON) and the lines that its backends log when they start. Its totals are
 * what a program can allocate; its order is the one that `-ts` and `-dev` count in.
 */
import type { Backend } from "../../facts/hardware.ts";
import { cudaLines, dxgiShared, listedJson, listedText, metalLines, syclLines, vulkanLines } from "./engine-lines.ts";
import {
  isIntegratedName,
  isPretended,
  mergeSightings,
  type SightedDevice,
  sighted,
  type Vendor,
  vendorOf,
} from "./sighting.ts";

const SOURCE = "llama.cpp's device list";

/** A backend of one maker; the others' devices say whose they are. */
const MAKERS: Partial<Record<Backend, Vendor>> = {
  metal: "Apple",
  cuda: "NVIDIA",
  rocm: "AMD",
  cann: "Huawei",
  musa: "Moore Threads",
};

/** Everything that llama.cpp printed on both streams, as devices in its order. */
export function parseEngineDevices(text: string): readonly SightedDevice[] {
  const list = [...listedText(text), ...listedJson(text)];
  const starts = [...cudaLines(text), ...vulkanLines(text), ...syclLines(text), ...metalLines(text)];
  const shared = dxgiShared(text);
  // the list says how much, the start-up lines say what kind: the same ordinal of the same backend is the same device
  const named = list.length > 0 ? list : starts;
  const devices = named.flatMap((row): { readonly backend: Backend; readonly device: SightedDevice }[] => {
    const other = starts.find(
      (start) => start.backend === row.backend && (start.ordinal === row.ordinal || row.backend === "metal"),
    );
    const name = row.description === "" ? (other?.description ?? "") : row.description;
    if (isPretended(name)) return [];
    const unified =
      row.unified ?? other?.unified ?? (row.backend === "metal" || isIntegratedName(name) ? true : undefined);
    const vendor = MAKERS[row.backend] ?? vendorOf(name);
    const totalBytes = row.totalBytes ?? other?.totalBytes;
    const device = sighted({
      vendor,
      name,
      source: SOURCE,
      unified,
      pciAddress: row.pciAddress ?? other?.pciAddress,
      computeCapability: row.computeCapability ?? other?.computeCapability,
      gfx: row.gfx ?? other?.gfx,
      mappableBytes: shared.get(name),
      engineTotals: totalBytes === undefined ? [] : [{ backend: row.backend, totalBytes, freeBytes: row.freeBytes }],
    });
    return [{ backend: row.backend, device }];
  });
  // a build with several backends lists a device once in each
  const backends = [...new Set(devices.map(({ backend }) => backend))];
  return mergeSightings(
    backends.map((backend) => devices.flatMap((row) => (row.backend === backend ? row.device : []))),
  );
}
