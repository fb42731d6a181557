/** What `system_profiler` prints, as JSON or for people: displays, the hardware overview, memory. Log lines may precede either. */
import { type Bytes, GIB, MIB } from "../../units.ts";
import { isRecord, jsonAfterNoise } from "./amd-smi.ts";
import type { AppleFacts } from "./apple.ts";
import { type SightedDevice, sighted, type Vendor, vendorOf } from "./sighting.ts";

/** "2 GB", "1536 MB": both in units of 2^10. */
function appleSize(text: string | undefined): Bytes | undefined {
  const match = /^(\d{1,6}(?:\.\d+)?) ?(GB|MB)$/.exec(text?.trim() ?? "");
  return match === null ? undefined : Math.round(Number(match[1]) * (match[2] === "GB" ? GIB : MIB));
}

/** `kHW_AppleM1Item` → Apple M1: a key of the translation table where a name should stand. */
function translated(name: string): string {
  const key = /^kHW_(\w+?)(?:Item)?$/.exec(name)?.[1];
  return key === undefined
    ? name
    : key
        .replace(/^NVidia/, "NVIDIA ")
        .replace(/([a-z])([A-Z0-9])/g, "$1 $2")
        .replace(/\s+/g, " ")
        .replace(/\bM (\d)/, "M$1")
        .replace(/\b(M\d+)([A-Z])/, "$1 $2");
}

/** `sppci_model` names the device; entries without any name are none. */
function fromJson(text: string): SightedDevice[] {
  const json = jsonAfterNoise(text);
  const list = isRecord(json) ? json["SPDisplaysDataType"] : undefined;
  return (Array.isArray(list) ? list : []).filter(isRecord).flatMap((entry): SightedDevice[] => {
    const string = (key: string): string | undefined => (typeof entry[key] === "string" ? entry[key] : undefined);
    const name =
      string("sppci_model") ?? (string("_name") === undefined ? undefined : translated(string("_name") ?? ""));
    if (name === undefined) return [];
    const shared = string("spdisplays_vram_shared");
    return [
      displayOf(
        name,
        vendorOf(`${string("spdisplays_vendor") ?? ""} ${name}`),
        appleSize(string("spdisplays_vram")),
        shared !== undefined,
        Number(string("sppci_cores")),
      ),
    ];
  });
}

function displayOf(
  name: string,
  vendor: Vendor,
  ownBytes: Bytes | undefined,
  shared: boolean,
  cores: number,
): SightedDevice {
  const unified =
    vendor === "Apple" || shared || (vendor === "Intel" && ownBytes === undefined)
      ? true
      : ownBytes !== undefined
        ? false
        : undefined;
  return sighted({
    vendor,
    name,
    source: "system_profiler",
    totalBytes: unified === true ? undefined : ownBytes,
    unified,
    gpuCoreCount: Number.isSafeInteger(cores) && cores > 0 ? cores : undefined,
  });
}

/** The indented form: "VRAM (Total): 16 GB" is the card's, "VRAM (Dynamic, Max)" a share of the RAM. */
function fromText(text: string): SightedDevice[] {
  return text
    .split(/(?=^[ \t]+Chipset Model:)/m)
    .slice(1)
    .map((block) => {
      const field = (name: string): string | undefined =>
        new RegExp(`^[ \\t]+${name}:[ \\t]*(.+)$`, "m").exec(block)?.[1]?.trim();
      const name = field("Chipset Model") ?? "";
      return displayOf(
        name,
        vendorOf(`${field("Vendor") ?? ""} ${name}`),
        appleSize(field("VRAM \\(Total\\)")),
        /VRAM \(Dynamic/.test(block),
        Number(field("Total Number of Cores")),
      );
    });
}

export function parseDisplays(text: string): SightedDevice[] {
  const json = fromJson(text);
  if (json.length > 0) return json;
  const plain = fromText(text);
  return plain.length > 0 ? plain : fromCut(text);
}

/** A listing whose end is missing still says the model and the cores of its first device. */
function fromCut(text: string): SightedDevice[] {
  const model = /"sppci_model"\s*:\s*"([^"]+)"/.exec(text)?.[1];
  return model === undefined
    ? []
    : [displayOf(model, vendorOf(model), undefined, false, Number(/"sppci_cores"\s*:\s*"(\d{1,4})"/.exec(text)?.[1]))];
}

/** `SPHardwareDataType`: chip, cores of each kind, memory. */
export function parseHardwareOverview(text: string): AppleFacts | undefined {
  const field = (name: string): string | undefined =>
    new RegExp(`^[ \\t]+${name}:[ \\t]*(.+)$`, "m").exec(text)?.[1]?.trim();
  const memoryBytes = appleSize(field("Memory"));
  const cpuModel = field("Chip") ?? field("Processor Name");
  if (memoryBytes === undefined || cpuModel === undefined) return undefined;
  const cores = /^(\d{1,3})(?: \((\d{1,3}) \w+ and (\d{1,3}) \w+\))?/.exec(field("Total Number of Cores") ?? "");
  const count = (value: string | undefined): number | undefined => (value === undefined ? undefined : Number(value));
  return {
    cpuModel,
    memoryBytes,
    wiredLimitBytes: undefined,
    arm: cpuModel.startsWith("Apple"),
    physicalCoreCount: count(cores?.[1]),
    performanceCoreCount: count(cores?.[2]),
    efficiencyCoreCount: count(cores?.[3]),
  };
}

/** `SPMemoryDataType`. Apple's chips have one entry without speed or channels. */
export function parseMemoryListing(text: string): {
  readonly totalBytes: Bytes | undefined;
  readonly memoryType: string | undefined;
} {
  const json = jsonAfterNoise(text);
  const list =
    isRecord(json) && Array.isArray(json["SPMemoryDataType"]) ? json["SPMemoryDataType"].filter(isRecord) : [];
  const sizes = list.flatMap(
    (entry) => appleSize(typeof entry["SPMemoryDataType"] === "string" ? entry["SPMemoryDataType"] : undefined) ?? [],
  );
  const kind = list.map((entry) => entry["dimm_type"]).find((value) => typeof value === "string");
  return {
    totalBytes: sizes.length === 0 ? undefined : sizes.reduce((sum, size) => sum + size, 0),
    memoryType: typeof kind === "string" ? kind.replace(/^lp_?/i, "LP").replace(/ddr/i, "DDR") : undefined,
  };
}

/**
 * Lines `GPU name: Apple M2 Max` of tools that describe a Mac's GPU. Their bandwidth comes from tables that age, so it is left to the
 * catalog.
 */
export function parseGpuDescription(text: string): {
  readonly devices: SightedDevice[];
  readonly memoryBytes: Bytes | undefined;
} {
  const field = (name: string): string | undefined =>
    new RegExp(`^GPU ${name}:[ \\t]*(.+)$`, "m").exec(text)?.[1]?.trim();
  const name = field("name");
  if (name === undefined) return { devices: [], memoryBytes: undefined };
  const cores = Number(field("core count"));
  return {
    devices: [displayOf(name, vendorOf(name), undefined, false, cores)],
    memoryBytes: appleSize(field("memory")),
  };
}
