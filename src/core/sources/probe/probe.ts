/** The machine this runs on, from its operating system and vendor tools, all asked at once. */
import { type HardwareCatalog, loadHardwareCatalog } from "../hardware-catalog.ts";
import type { World } from "../world.ts";
import { sightAmdTools } from "./amd-smi.ts";
import { sightApple } from "./apple.ts";
import { sightAscend } from "./ascend.ts";
import { cudaNotes } from "./cuda-floor.ts";
import { identifyDevice } from "./devices.ts";
import { sightDisks } from "./disks.ts";
import { namedDisplays } from "./displays.ts";
import { sightDrm } from "./drm.ts";
import { modulesOf, ramBandwidth, readModules, sightHost } from "./host.ts";
import { sightKfd, withNodes } from "./kfd.ts";
import { matchEntry } from "./match.ts";
import { sightModels } from "./models.ts";
import { busyNotes, engineNotes, hostNotes, npuNotes, platformNotes } from "./notes.ts";
import { sightNpus } from "./npus.ts";
import { sightNvidia } from "./nvidia.ts";
import { sightPci } from "./pci.ts";
import type { ProbedDevice, ProbeResult } from "./result.ts";
import { sightEngine, sightLoaded, sightRuntimes } from "./runtimes.ts";
import { mergeSightings, nothingSighted, type SightedDevice, type Sighting, type Vendor } from "./sighting.ts";
import { forgetTools } from "./tools.ts";
import { hasVulkan, hideInvisible } from "./visibility.ts";
import { sightLoaders } from "./vulkaninfo.ts";
import { sightWindows } from "./windows.ts";
import { sightXpuSmi } from "./xpu-smi.ts";

export { hardwareOf } from "./hardware-of.ts";

export interface ProbeOptions {
  /** asks lasting facts again: lists of devices, versions, tools that hung */
  readonly refresh?: boolean;
  /** what further sources say, e.g. a log that a person has; below all others */
  readonly given?: readonly Sighting[];
}

/**
 * Everything `probe_hardware` tells. Never rejects for a missing or failing tool: that is a warning. Reads memory anew on each call;
 * `signal` cancels running tools.
 */
export async function probe(
  world: World,
  signal?: AbortSignal,
  { refresh = false, given = [] }: ProbeOptions = {},
): Promise<ProbeResult> {
  if (refresh) forgetTools(world);
  // everything starts at once; nobody waits for a tool that another one needs not
  const devicesSeen = sightDevices(world, signal);
  const restSeen = Promise.all([
    sightDisks(world),
    sightRuntimes(world, signal),
    sightModels(world),
    sightNpus(world),
    readModules(world, signal),
  ]);
  const catalog = await loadHardwareCatalog();
  const apple = world.platform === "darwin" ? await sightApple(world, signal) : undefined;
  const [bare, seen, [disks, runtimes, installedModels, npus, dimms]] = await Promise.all([
    sightHost(world, apple, given, signal),
    devicesSeen,
    restSeen,
  ]);
  const { nvidia, ascend, kernel, listing, adapters, engine, more } = seen;
  const known = await knownDevices(
    world,
    [...nvidia.devices, ...ascend.devices],
    [kernel, adapters, apple?.devices ?? [], more, listing.devices, engine.devices],
    given,
  );
  const shown = await hideInvisible(world, inCudaOrder(world, known, catalog));
  const warnings = [
    ...nvidia.warnings,
    ...ascend.warnings,
    ...engine.warnings,
    ...given.flatMap((sighting) => sighting.warnings),
    ...shown.warnings,
    ...platformNotes(world),
  ];
  const host = {
    ...bare,
    setting: {
      ...bare.setting,
      wsl: bare.setting.wsl || listing.setting?.wsl === true,
      virtualMachine: bare.setting.virtualMachine || dimms?.virtualMachine === true,
    },
  };
  const gfxOverridden = world.env["HSA_OVERRIDE_GFX_VERSION"] !== undefined;
  const ram = {
    limitBytes: host.ramLimitBytes?.value,
    lentBytes: world.platform === "win32" ? Math.floor(host.ramTotalBytes.value / 2) : undefined,
    totalBytes: host.ramTotalBytes.value,
    availableBytes: host.ramAvailableBytes.value,
    source: host.ramTotalBytes.source,
  };
  const identified = shown.devices.map((sighted, index) =>
    identifyDevice(sighted, index, catalog, { ram, board: host.setting.board, gfxOverridden }),
  );
  const devices = withVulkan(
    world,
    identified.map(({ device }) => device),
  );
  warnings.push(...identified.flatMap((device) => device.warnings), ...cudaNotes(devices));
  if (gfxOverridden && devices.some(({ vendor }) => vendor === "AMD")) {
    warnings.push(
      `HSA_OVERRIDE_GFX_VERSION=${(world.env["HSA_OVERRIDE_GFX_VERSION"] ?? "").slice(0, 20)} makes every AMD device claim one architecture; the one shown is by its identity.`,
    );
  }
  const chip = devices.find(
    (device) => device.kind === "unified" && device.catalogId !== undefined && !isIntegrated(device, catalog),
  );
  const bandwidth = chip?.bandwidthBytesPerSecond ?? ramBandwidth(dimms, host.cpuModel, catalog);
  if (bandwidth.evidence === "assumed")
    warnings.push(
      `The RAM's bandwidth is assumed (${bandwidth.source}); probe_hardware with measure=true measures it.`,
    );
  const holders = [...(nvidia.holders ?? []), ...(await sightLoaded(world, runtimes))];
  warnings.push(
    ...npuNotes(npus),
    ...engineNotes(engine, devices),
    ...hostNotes(host, devices),
    ...busyNotes(devices, holders, host.cpuLoadFraction),
  );
  if (devices.every(({ backends, visible }) => backends.length === 0 || !visible))
    warnings.push(
      devices.length === 0
        ? "No GPU was found: plans use the processor alone."
        : "No GPU that can be used: plans use the processor alone.",
    );
  const links = devices.flatMap((device) =>
    device.linkBytesPerSecond === undefined
      ? []
      : [{ from: "host", to: `device ${device.index}`, bytesPerSecond: device.linkBytesPerSecond }],
  );
  return {
    host: {
      ...host,
      ramBandwidthBytesPerSecond: bandwidth,
      memoryModules: modulesOf(dimms) ?? given.find(({ memoryModules }) => memoryModules !== undefined)?.memoryModules,
    },
    devices,
    links,
    disks,
    runtimes: runtimes.map((runtime) =>
      runtime.name === "llama.cpp" ? { ...runtime, backends: engine.backends } : runtime,
    ),
    installedModels,
    npus: [...npus, ...given.flatMap((sighting) => sighting.npus ?? [])],
    holders,
    tools: [...(nvidia.tools ?? []), ...(ascend.tools ?? []), ...given.flatMap((sighting) => sighting.tools ?? [])],
    warnings: [...new Set(warnings)],
  };
}

async function sightDevices(world: World, signal: AbortSignal | undefined) {
  const { platform } = world;
  const kernelSeen = platform === "linux" ? sightKernel(world) : Promise.resolve([]);
  const busSeen =
    platform === "win32" || platform === "darwin" ? Promise.resolve(nothingSighted) : sightPci(world, signal);
  const [nvidia, ascend, kernel, listing, adapters, engine, makers] = await Promise.all([
    platform === "darwin" ? nothingSighted : sightNvidia(world, signal),
    sightAscend(world, signal),
    kernelSeen,
    busSeen,
    sightWindows(world, signal),
    sightEngine(world, signal),
    platform === "darwin" ? [] : sightMakersTools(world, kernelSeen, busSeen, signal),
  ]);
  const known = nvidia.devices.length + kernel.length + listing.devices.length + adapters.length;
  const loaders = known === 0 && platform !== "darwin" ? await sightLoaders(world, signal) : [];
  const others = loaders.filter(({ vendor }) => !makers.some((device) => device.vendor === vendor));
  const unread = !["linux", "win32", "darwin"].includes(platform);
  const named =
    unread && known + loaders.length + engine.devices.length === 0
      ? namedDisplays((await world.system()).displays ?? [], platform)
      : [];
  return { nvidia, ascend, kernel, listing, adapters, engine, more: [...makers, ...others, ...named] };
}

/** AMD's and Intel's own tools, which are slow to start: only for what the kernel leaves open. */
async function sightMakersTools(
  world: World,
  kernelSeen: Promise<readonly SightedDevice[]>,
  busSeen: Promise<Sighting>,
  signal: AbortSignal | undefined,
): Promise<readonly SightedDevice[]> {
  const [kernel, { devices: bus }] = await Promise.all([kernelSeen, busSeen]);
  const leftOpen = (wanted: Vendor): boolean =>
    !kernel.some(({ vendor }) => vendor === wanted) &&
    (bus.length === 0 || bus.some(({ vendor, unified }) => vendor === wanted && unified !== true));
  const [amd, intel] = await Promise.all([
    leftOpen("AMD") ? sightAmdTools(world, signal) : [],
    leftOpen("Intel") ? sightXpuSmi(world, signal) : [],
  ]);
  return [...amd, ...intel];
}

/** Cards by their driver, and the compute nodes that a partitioned card is opened as. */
async function sightKernel(world: World): Promise<readonly SightedDevice[]> {
  const [cards, nodes] = await Promise.all([sightDrm(world), sightKfd(world)]);
  return withNodes(cards, nodes);
}

/** Sources by precedence: the vendor's own tool, the kernel or the registry, other tools, the bus, an engine's list, what was given. */
async function knownDevices(
  world: World,
  first: readonly SightedDevice[],
  lists: readonly (readonly SightedDevice[])[],
  given: readonly Sighting[],
): Promise<readonly SightedDevice[]> {
  const devices = mergeSightings([first, ...lists, ...given.map((sighting) => sighting.devices)]);
  const pages = /\bttm\.pages_limit=(\d{1,12})\b/.exec(
    (world.platform === "linux" ? await world.readFile("/proc/cmdline", 65_536) : undefined) ?? "",
  )?.[1];
  // what the kernel was told to map for the GPU, where its driver does not say
  return pages === undefined
    ? devices
    : devices.map((device) =>
        device.vendor === "AMD" && device.mappableBytes === undefined
          ? { ...device, mappableBytes: Number(pages) * 4096 }
          : device,
      );
}

/** Graphics inside a processor use whatever modules are installed: their catalog bandwidth is a maximum. A chip with soldered memory has its own. */
function isIntegrated(device: ProbedDevice, catalog: HardwareCatalog): boolean {
  return catalog.byId(device.catalogId ?? "")?.memoryBytes.length === 0;
}

/**
 * CUDA counts the fastest card first unless `CUDA_DEVICE_ORDER=PCI_BUS_ID`; nvidia-smi counts by bus. Its measure of fast is not published:
 * FP32 rate stands in, and equal cards keep their order.
 */
function inCudaOrder(
  world: World,
  devices: readonly SightedDevice[],
  catalog: HardwareCatalog,
): readonly SightedDevice[] {
  if (world.env["CUDA_DEVICE_ORDER"] === "PCI_BUS_ID") return devices;
  const rate = (device: SightedDevice): number => matchEntry(device, catalog, 0).entry?.fp32FlopsPerSecond ?? 0;
  const cards = devices.filter(({ vendor }) => vendor === "NVIDIA").map((device) => ({ device, rate: rate(device) }));
  return [
    ...cards.sort((a, b) => b.rate - a.rate).map(({ device }) => device),
    ...devices.filter(({ vendor }) => vendor !== "NVIDIA"),
  ];
}

/** `GGML_VK_VISIBLE_DEVICES` takes Vulkan away from the devices that it does not name. */
function withVulkan(world: World, devices: readonly ProbedDevice[]): readonly ProbedDevice[] {
  let ordinal = 0;
  return devices.map((device) => {
    if (!device.backends.includes("vulkan")) return device;
    return hasVulkan(world, ordinal++)
      ? device
      : { ...device, backends: device.backends.filter((backend) => backend !== "vulkan") };
  });
}
