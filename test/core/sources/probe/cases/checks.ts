/** The facts of an expectation held against a probe, each by its key and the same for every case. */

import { identifyingWords } from "../../../../../src/core/sources/device-names.ts";
import type { HardwareCatalog } from "../../../../../src/core/sources/hardware-catalog.ts";
import type { ProbedDevice, ProbeResult } from "../../../../../src/core/sources/probe/result.ts";
import { vendorOf } from "../../../../../src/core/sources/probe/sighting.ts";
import type { Expectation, ExpectedGpu } from "./expectation.ts";

export interface Checked {
  readonly faults: readonly string[];
  readonly checkedCount: number;
  /** keys that no check knows */
  readonly unknownKeys: readonly string[];
}

const plain = (text: string): string => text.toLowerCase().replace(/\((r|tm|c)\)|[^a-z0-9]/g, "");

/** The captured text shows who the device is: by one of its words, or by an id. */
function isShown(wanted: ExpectedGpu, captured: string): boolean {
  const words = [wanted.name, wanted.canonical]
    .flatMap((name) => (name == null ? [] : identifyingWords(name)))
    .filter((word) => /\d/.test(word) || word.length > 4);
  return words.some((word) => captured.toLowerCase().includes(word));
}

/** All words of one name among the other's, a number in them. */
function within(some: string, all: string): boolean {
  const words = identifyingWords(some);
  const others = new Set(identifyingWords(all));
  return words.length > 0 && words.some((word) => /\d/.test(word)) && words.every((word) => others.has(word));
}

function nameAgrees(device: ProbedDevice, wanted: ExpectedGpu, catalog: HardwareCatalog, captured = ""): boolean {
  // the id says who it is; a bus listing's words are another matter
  if (
    device.pciId !== undefined &&
    captured.includes(device.pciId) &&
    catalog.byPciId(device.pciId).some(({ id }) => id === device.catalogId)
  )
    return true;
  const names = [wanted.name, wanted.canonical].flatMap((name) => name ?? []);
  if (names.length === 0) return true;
  const id = names.map((name) => /\((\w{4}:\w{4}),/.exec(name)?.[1]).find((found) => found !== undefined);
  if (id !== undefined) return device.pciId === id;
  // a placeholder is no name: then anything but itself
  if (names.every((name) => /^0x/.test(name))) return !names.includes(device.name);
  const shown = device.slice?.cardName ?? device.name;
  return (
    names.some(
      (name) =>
        plain(name) === plain(shown) ||
        ((/[[/]/.test(name) || device.vendor === "Huawei") && (within(shown, name) || within(name, shown))) ||
        identifyingWords(name).join(" ") === identifyingWords(shown).join(" ") ||
        catalog.named(name).some((entry) => entry.id === device.catalogId),
    ) ||
    [...names].some(
      (name) =>
        device.catalogId !== undefined && plain(catalog.byId(device.catalogId)?.name ?? "").includes(plain(name)),
    )
  );
}

export function check(result: ProbeResult, expected: Expectation, captured: string, catalog: HardwareCatalog): Checked {
  const faults: string[] = [];
  let checkedCount = 0;
  const unknownKeys: string[] = [];
  const is = (what: string, got: unknown, wanted: unknown): void => {
    checkedCount++;
    if (got !== wanted) faults.push(`${what}: ${String(got)} instead of ${String(wanted)}`);
  };
  const holds = (what: string, fine: boolean): void => {
    checkedCount++;
    if (!fine) faults.push(what);
  };
  const { host } = result;
  const cards = cardsOf(result.devices);
  const first = cards[0];

  const gpuChecks: Readonly<Record<string, (device: ProbedDevice, value: unknown, wanted: ExpectedGpu) => void>> = {
    name: (device, _value, wanted) => {
      if (isShown(wanted, captured))
        holds(
          `name ${device.name} instead of ${wanted.canonical ?? wanted.name}`,
          nameAgrees(device, wanted, catalog, captured),
        );
    },
    canonical: () => {},
    vendor: (device, value) => is("vendor", device.vendor, vendorOf(String(value))),
    unified: (device, value) => is("unified", device.kind === "unified", value),
    vram_bytes: (device, value) => {
      if (value === null)
        holds(
          `memory ${device.memoryTotalBytes.value} called the device's own (${device.memoryTotalBytes.source})`,
          device.kind === "unified" ||
            device.memoryTotalBytes.evidence !== "reported" ||
            device.engineTotals.length > 0,
        );
      else
        holds(
          `memory ${device.memoryTotalBytes.value} or ${device.memoryUsableBytes.value} instead of ${String(value)}`,
          [
            device.memoryTotalBytes.value,
            device.slice?.cardTotalBytes,
            ...(device.kind === "unified"
              ? [device.memoryUsableBytes.value, ...device.engineTotals.map(({ totalBytes }) => totalBytes)]
              : []),
          ].includes(Number(value)),
        );
    },
    compute_capability: (device, value) => {
      if (device.computeCapability !== undefined || captured.includes(String(value)))
        is("compute capability", device.computeCapability, value);
    },
    gfx: (device, value) => {
      if (value === null) return;
      const known = captured.includes(String(value)) || device.catalogId !== undefined;
      holds(
        `gfx ${device.gfx} instead of ${String(value)}`,
        device.gfx === value || (!known && device.gfx === undefined),
      );
    },
    pci: (device, value) => {
      const text = String(value);
      const id = /^([0-9a-f]{4}:[0-9a-f]{4})(?: rev (\w+))?$/i.exec(text)?.[1];
      if (id !== undefined) is("PCI id", device.pciId, id.toLowerCase());
      else is("PCI address", device.pciAddress, text.toLowerCase().replace(/^0000(?=\w{4}:)/, ""));
    },
    pci_device: (device, value) => is("PCI id", device.pciId, value),
    device_id: (device, value) => {
      if (value !== null) is("PCI id", device.pciId, `1002:${String(value).slice(2)}`);
    },
    mig: (device, value) => is("MIG", device.slice !== undefined, value),
    gpu_cores: (device, value) => is("GPU cores", device.gpuCoreCount, value),
    carveout_bytes: (device, value) => is("carve-out", device.carveOutBytes, value),
    gtt_bytes: (device, value) => is("mappable", device.mappableBytes, value),
    backend_total_bytes: (device, value) => is("engine's total", device.engineTotals[0]?.totalBytes, value),
    backend_total: (device, value) =>
      is("engine's total", `${((device.engineTotals[0]?.totalBytes ?? 0) / 2 ** 30).toFixed(1)} GiB`, value),
    shared_total_bytes: (device, value) => is("shared memory", device.mappableBytes, value),
    dedicated_bytes: (device, value) =>
      holds("the reservation is taken for memory", device.memoryTotalBytes.value !== value),
    free_bytes: (device, value) => is("free", device.memoryFreeBytes.value, value),
    gfx_reported: (device, value) => holds("the claimed architecture is believed", device.gfx !== value),
    card_model: (device, value) => holds("the model number is shown as a name", device.name !== value),
  };

  for (const [i, wanted] of (expected.gpus ?? []).entries()) {
    const device = partner(cards, wanted, i, catalog);
    holds(`no device for ${wanted.canonical ?? wanted.name}`, device !== undefined);
    if (device === undefined) continue;
    for (const [key, value] of Object.entries(wanted)) {
      const test = gpuChecks[key];
      if (test === undefined) unknownKeys.push(`gpus[].${key}`);
      else if (value !== undefined) test(device, value, wanted);
    }
    if (wanted.name === undefined && isShown(wanted, captured))
      holds(`name ${device.name} instead of ${wanted.canonical}`, nameAgrees(device, wanted, catalog, captured));
  }

  const ramUsed = host.ramTotalBytes.value - host.ramAvailableBytes.value;
  const cardUsed = first === undefined ? undefined : first.memoryTotalBytes.value - first.memoryFreeBytes.value;
  const checks: Readonly<Record<string, (value: unknown) => void>> = {
    gpu_count: (value) => {
      if (typeof value === "number") is("GPUs", cards.length, value);
    },
    physical_cards: () => {},
    physical_gpu_count: (value) =>
      is(
        "cards",
        new Set(result.devices.map((device) => device.slice?.cardName ?? device.name)).size === 1
          ? result.devices.length
          : cards.length,
        value,
      ),
    status: (value) =>
      holds(
        `no status ${String(value)}`,
        result.tools.some(({ status }) => status === String(value).replaceAll("_", "-")),
      ),
    memory_total_bytes: (value) => is("RAM", host.ramTotalBytes.value, value),
    memory_available_bytes: (value) => {
      if (value !== null) is("available RAM", host.ramAvailableBytes.value, value);
    },
    usable_now_bytes: (value) => is("available RAM", host.ramAvailableBytes.value, value),
    memory_used_bytes: (value) => is("used memory", first?.kind === "gpu" ? cardUsed : ramUsed, value),
    memory_free_bytes: (value) =>
      is("free memory", first?.memoryFreeBytes.value ?? host.ramAvailableBytes.value, value),
    usable_ram_bytes: (value) => is("limit", host.ramLimitBytes?.value ?? null, value),
    usable_gpu_bytes: (value) => is("usable", first?.memoryUsableBytes.value, value),
    gpu_budget_bytes: (value) => is("GPU budget", first?.memoryUsableBytes.value, value),
    gpu_budget_default_bytes: (value) => is("GPU budget", first?.memoryUsableBytes.value, value),
    gpu_budget_default: (value) =>
      is(
        "GPU budget",
        `${((first?.memoryUsableBytes.value ?? 0) / 2 ** 30).toFixed(2)} GiB`,
        String(value).replace(/ \(.*/, ""),
      ),
    // builds before 2024 printed 2^20 under the same letters: where the line itself is not captured, either reading
    recommended_max_working_set_printed: (value) => {
      const units = captured.includes(String(value).replace(" MB", "")) ? [1e6] : [1e6, 2 ** 20];
      holds(
        `working set ${first?.memoryUsableBytes.value} instead of ${String(value)}`,
        units.some(
          (unit) => Math.abs((first?.memoryUsableBytes.value ?? 0) / unit - Number.parseFloat(String(value))) < 0.01,
        ),
      );
    },
    memory_bandwidth_gbps: (value) => is("bandwidth", (first?.bandwidthBytesPerSecond.value ?? 0) / 1e9, value),
    bandwidth_gbps_true: (value) => is("bandwidth", (first?.bandwidthBytesPerSecond.value ?? 0) / 1e9, value),
    memory_bandwidth_gbps_from_clock: (value) =>
      is("bandwidth", Math.round((first?.bandwidthBytesPerSecond.value ?? 0) / 1e9), value),
    driver: (value) => {
      if (captured.includes(String(value))) is("driver", first?.driver, value);
    },
    cpu: (value) => is("processor", plain(host.cpuModel), plain(String(value))),
    cores: (value) => is("cores", host.physicalCoreCount.value, value),
    cpu_cores: (value) => is("cores", host.physicalCoreCount.value, value),
    performance_cores: (value) => is("fast cores", host.topology.performanceCoreCount, value),
    efficiency_cores: (value) => is("slow cores", host.topology.efficiencyCoreCount, value),
    sockets: (value) => is("sockets", host.topology.socketCount, value),
    numa_nodes: (value) => is("NUMA nodes", host.topology.numaNodeCount, value),
    wsl: (value) => is("WSL", host.setting.wsl, value),
    virtual_machine: (value) => is("virtual machine", host.setting.virtualMachine, value),
    name: (value) => {
      if (captured.toLowerCase().includes(String(value).split(" ")[0]?.toLowerCase() ?? ""))
        is("board", host.setting.board, value);
    },
    is_tegra: (value) => is("Jetson", /jetson/i.test(host.setting.board ?? ""), value),
    unified: (value) => is("unified", first?.kind === "unified", value),
    memory_type: (value) => {
      if (value !== null)
        holds(
          `memory type ${host.memoryModules?.memoryType} instead of ${String(value)}`,
          String(value).startsWith(host.memoryModules?.memoryType ?? "none"),
        );
      else is("memory type", host.memoryModules?.memoryType, undefined);
    },
    configured_mts: (value) => is("memory speed", host.memoryModules?.configuredMegatransfers ?? null, value),
    slots: (value) => is("slots", host.memoryModules?.slotCount, value),
    slots_reported: (value) => is("slots", host.memoryModules?.slotCount, value),
    populated: (value) => is("modules", host.memoryModules?.populatedCount, value),
    bandwidth_gbps: (value) => {
      const known =
        host.memoryModules === undefined ? first?.bandwidthBytesPerSecond.value : host.ramBandwidthBytesPerSecond.value;
      holds(
        `bandwidth ${known} instead of ${String(value)} GB/s`,
        Math.abs((known ?? 0) / 1e9 / Number(value) - 1) < 0.01,
      );
    },
    channels: (value) => is("channels", host.memoryModules?.channelCount, value),
    mig_devices: (value) =>
      is(
        "slices",
        result.devices.flatMap(({ slice }) => slice?.profile ?? []).join(),
        Array.isArray(value) ? value.map((slice) => slice.profile).join() : "",
      ),
    mig_devices_shown: (value) => is("slices", result.devices.filter(({ slice }) => slice !== undefined).length, value),
    memory_total_visible: (value) => is("RAM", `${Math.round(host.ramTotalBytes.value / 2 ** 30)}Gi`, value),
    physical_ram_bytes: (value) =>
      holds(
        "more than the machine has",
        result.devices.every(({ memoryUsableBytes }) => memoryUsableBytes.value <= Number(value)),
      ),
    // prose, and figures of other tools that are wrong on purpose or rest on no captured fact
    must: () => {},
    must_not: () => {},
    note: () => {},
    gpus: () => {},
    os: () => {},
    fraction: () => {},
    fraction_of_ram_by_unit: () => {},
    torch_total: () => {},
    host_gpus: () => {},
    true_vram_mib: () => {},
    true_vram_gib: () => {},
    true_size_bytes: () => {},
    gpu_budget_with_override_bytes: () => {},
  };
  for (const [key, value] of Object.entries(expected)) {
    const test = checks[key];
    if (test === undefined) unknownKeys.push(key);
    else if (value !== undefined) test(value);
  }
  return { faults, checkedCount, unknownKeys };
}

/** Devices as cards: the slices of one card are one. */
function cardsOf(devices: readonly ProbedDevice[]): readonly ProbedDevice[] {
  const seen = new Set<string>();
  return devices.filter((device) => {
    if (device.slice === undefined) return true;
    const key = `${device.slice.cardName} ${device.pciAddress}`;
    return !seen.has(key) && seen.add(key) !== undefined;
  });
}

/** The device that an expectation speaks of: the same position among those of its name, as orders differ between tools. */
function partner(
  cards: readonly ProbedDevice[],
  wanted: ExpectedGpu,
  index: number,
  catalog: HardwareCatalog,
): ProbedDevice | undefined {
  const byAddress =
    typeof wanted.pci === "string"
      ? cards.find(
          ({ pciAddress }) => pciAddress !== undefined && wanted.pci?.toLowerCase().endsWith(pciAddress) === true,
        )
      : undefined;
  if (byAddress !== undefined) return byAddress;
  const own = cards[index];
  if (
    own !== undefined &&
    (cards.length === 1 || (nameAgrees(own, wanted, catalog) && vendorOf(String(wanted.vendor)) === own.vendor))
  )
    return own;
  return (
    cards.find(
      (device) =>
        (wanted.vendor == null || vendorOf(wanted.vendor) === device.vendor) && nameAgrees(device, wanted, catalog),
    ) ??
    cards.find(
      (device) => vendorOf(String(wanted.vendor)) === device.vendor && (device.kind === "unified") === wanted.unified,
    ) ??
    own
  );
}
