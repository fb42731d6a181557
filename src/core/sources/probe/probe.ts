/** The machine this runs on, from its operating system and vendor tools, all asked at once. */
import type { Fact } from "../../facts/evidence.ts";
import type { Bytes } from "../../units.ts";
import { type HardwareCatalog, loadHardwareCatalog } from "../hardware-catalog.ts";
import type { World } from "../world.ts";
import { sightApple } from "./apple.ts";
import { identifyDevice } from "./devices.ts";
import { type DrmFacts, sightDrm } from "./drm.ts";
import { ramBandwidth, sightHost } from "./host.ts";
import { matchEntry } from "./match.ts";
import { sightNvidia } from "./nvidia.ts";
import type { ProbedDevice, ProbedDisk, ProbeResult, SightedDevice } from "./result.ts";
import { sightModels } from "./models.ts";
import { sightRuntimes } from "./runtimes.ts";
import { visibleIndices } from "./visibility.ts";
import { sightWindows } from "./windows.ts";

export { hardwareOf } from "./hardware-of.ts";

/**
 * Everything `probe_hardware` tells. Never rejects for a missing or failing tool: that is a warning. Reads memory anew on each call;
 * `signal` cancels running tools.
 */
export async function probe(world: World, signal?: AbortSignal): Promise<ProbeResult> {
  const catalog = await loadHardwareCatalog();
  const apple = world.platform === "darwin" ? await sightApple(world, signal) : undefined;
  const [host, nvidia, cards, adapters, disks, runtimes, installedModels] = await Promise.all([
    sightHost(world, apple),
    sightNvidia(world, signal),
    sightDrm(world),
    sightWindows(world, signal),
    sightDisks(world),
    sightRuntimes(world, signal),
    sightModels(world),
  ]);
  const warnings = [...nvidia.warnings, ...platformWarnings(world)];
  const shown = hideInvisible(world, inCudaOrder(world, nvidia.devices, catalog));
  const others = cards.filter(({ device }) => !nvidia.devices.some((known) => known.pciAddress !== undefined && known.pciAddress === device.pciAddress));
  const sightings: { readonly sighted: SightedDevice; readonly gpuLimit: Fact<Bytes> | undefined }[] = [
    ...shown.map((sighted) => ({ sighted, gpuLimit: undefined })),
    ...others.map((card) => ({ sighted: card.device, gpuLimit: gttLimit(card) })),
    ...adapters.filter(({ vendor }) => vendor !== "NVIDIA" || nvidia.devices.length === 0).map((sighted) => ({ sighted, gpuLimit: undefined })),
    ...(apple?.device === undefined ? [] : [{ sighted: apple.device, gpuLimit: wiredLimit(apple.wiredLimitBytes) }]),
  ];
  const identified = sightings.map(({ sighted, gpuLimit }, index) =>
    identifyDevice(sighted, index, catalog, {
      totalBytes: host.ramTotalBytes.value,
      availableBytes: host.ramAvailableBytes.value,
      source: host.ramTotalBytes.source,
      gpuLimit,
    }),
  );
  const devices = identified.map(({ device }) => device);
  warnings.push(...identified.flatMap((device) => device.warnings));
  const chip = devices.find((device) => device.kind === "unified" && device.catalogId !== undefined && !isIntegrated(device, catalog));
  const bandwidth = chip?.bandwidthBytesPerSecond ?? (await ramBandwidth(world, host.cpuModel, catalog, signal));
  if (bandwidth.evidence === "assumed") warnings.push(`The RAM's bandwidth is assumed (${bandwidth.source}); probe_hardware with measure=true measures it.`);
  if (devices.length === 0) warnings.push("No GPU was found: plans use the processor alone.");
  const links = devices.flatMap((device) => (device.linkBytesPerSecond === undefined ? [] : [{ from: "host", to: `device ${device.index}`, bytesPerSecond: device.linkBytesPerSecond }]));
  return { host: { ...host, ramBandwidthBytesPerSecond: bandwidth }, devices, links, disks, runtimes, installedModels, warnings };
}

/** Graphics inside a processor use whatever modules are installed: their catalog bandwidth is a maximum. A chip with soldered memory has its own. */
function isIntegrated(device: ProbedDevice, catalog: HardwareCatalog): boolean {
  return catalog.byId(device.catalogId ?? "")?.memoryBytes.length === 0;
}

/**
 * CUDA counts the fastest card first unless `CUDA_DEVICE_ORDER=PCI_BUS_ID`; nvidia-smi counts by bus. Its measure of fast is not published:
 * FP32 rate stands in, and equal cards keep their order.
 */
function inCudaOrder(world: World, devices: readonly SightedDevice[], catalog: HardwareCatalog): readonly SightedDevice[] {
  if (world.env["CUDA_DEVICE_ORDER"] === "PCI_BUS_ID") return devices;
  const rate = (device: SightedDevice): number => matchEntry(device, catalog, 0)?.fp32FlopsPerSecond ?? 0;
  return devices.map((device) => ({ device, rate: rate(device) })).sort((a, b) => b.rate - a.rate).map(({ device }) => device);
}

function hideInvisible(world: World, devices: readonly SightedDevice[]): SightedDevice[] {
  const indices = visibleIndices(world.env["CUDA_VISIBLE_DEVICES"], devices.map((device) => device.uuid));
  return devices.map((device, i) => (indices === undefined || indices.includes(i) ? device : { ...device, visible: false }));
}

/** HIP reports the GTT limit as the total of a chip that shares its memory; its carve-out alone is a BIOS setting. */
function gttLimit(card: DrmFacts): Fact<Bytes> | undefined {
  const carveOut = card.device.totalBytes ?? 0;
  if (card.gttTotalBytes === undefined) return undefined;
  return { value: Math.max(card.gttTotalBytes, carveOut), evidence: "reported", source: "/sys/class/drm mem_info_gtt_total" };
}

function wiredLimit(bytes: Bytes | undefined): Fact<Bytes> | undefined {
  return bytes === undefined ? undefined : { value: bytes, evidence: "reported", source: "sysctl iogpu.wired_limit_mb" };
}

function platformWarnings(world: World): string[] {
  if (!["linux", "darwin", "win32"].includes(world.platform)) return [`GPUs are not probed on ${world.platform}; describe them in hardware.`];
  return [];
}

/** Where models would be put: the home folder, and the folders that runtimes are told to use. */
async function sightDisks(world: World): Promise<ProbedDisk[]> {
  const paths = [...new Set([world.homeDir, world.env["OLLAMA_MODELS"], world.env["HF_HOME"], world.env["LLAMA_CACHE"]].flatMap((path) => path ?? []))];
  const spaces = await Promise.all(paths.map(async (path) => ({ path, space: await world.diskSpace(path) })));
  return spaces.flatMap(({ path, space }) => (space === undefined ? [] : [{ path, ...space }]));
}
