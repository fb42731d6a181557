/** NVIDIA GPUs through `nvidia-smi`: identity and memory in one query, newer fields in a second that old drivers may refuse. */
import { type Bytes, GIB } from "../../units.ts";
import type { World } from "../world.ts";
import { failureOf, type MigSlice, mebibytesOf, numberOf, parseMigList, parseMigTable, parseQuery, pciAddressOf, pciIdOf, type SmiFailure, type SmiRow } from "./nvidia-smi.ts";
import { nothingSighted, type SightedDevice, type Sighting } from "./result.ts";

const IDENTITY = ["index", "name", "uuid", "pci.bus_id", "pci.device_id", "memory.total", "memory.free", "driver_version"];
const MINIMAL = ["index", "name", "uuid", "pci.bus_id", "memory.total", "memory.free", "driver_version"];
const DETAILS = ["pci.bus_id", "memory.reserved", "compute_cap", "mig.mode.current", "clocks.max.memory", "pcie.link.gen.max", "pcie.link.width.max"];
const OLD_DETAILS = ["pci.bus_id", "clocks.max.memory", "pcie.link.gen.max", "pcie.link.width.max"];

/** The first call on a sleeping driver takes 2 to 4 s without persistence mode. */
const TIMEOUT_MS = 5000;

const EXPLANATIONS: Readonly<Record<SmiFailure, string>> = {
  "driver-unreachable": "nvidia-smi is installed but cannot reach the NVIDIA driver: no GPU, an unloaded module, or a GPU that is powered off.",
  "no-devices": "nvidia-smi finds no device: none is allocated to this job or container.",
  "driver-broken": "The NVIDIA driver and its library have different versions: reboot the machine, then probe again.",
  "gpu-error": "An NVIDIA GPU does not answer; nvidia-smi fails as a whole. Reset or reboot, then probe again.",
  "unknown-field": "nvidia-smi does not know the queried fields; its driver is too old to be read.",
  failed: "nvidia-smi failed; NVIDIA GPUs are not known.",
};

type Query = { readonly rows: SmiRow[] } | { readonly failure: SmiFailure | "hung" | "absent" };

async function query(world: World, program: string, fields: readonly string[], signal: AbortSignal | undefined, only?: string): Promise<Query> {
  const target = only === undefined ? [] : ["-i", only];
  const result = await world.exec(program, [...target, `--query-gpu=${fields.join(",")}`, "--format=csv,noheader,nounits"], { timeoutMs: TIMEOUT_MS, signal });
  if (result.outcome === "not-found") return { failure: "absent" };
  if (result.outcome === "timed-out") return { failure: "hung" };
  if (result.exitCode !== 0) return { failure: failureOf(result.exitCode, `${result.stdout}\n${result.stderr}`) };
  return { rows: parseQuery(result.stdout, fields) };
}

/** Where it lies when it is not on the PATH: WSL2 and Windows. */
function programs(world: World): string[] {
  const windows = world.env["SystemRoot"];
  return ["nvidia-smi", ...(world.platform === "win32" && windows !== undefined ? [`${windows}\\System32\\nvidia-smi.exe`] : []), ...(world.platform === "linux" ? ["/usr/lib/wsl/lib/nvidia-smi"] : [])];
}

/** The GPUs that still answer, one call each: a dead one fails the common call. */
async function survivors(world: World, program: string, signal: AbortSignal | undefined): Promise<SmiRow[]> {
  const count = (await world.listDir("/proc/driver/nvidia/gpus")).length;
  const single = await Promise.all([...Array(Math.min(count, 16)).keys()].map((i) => query(world, program, MINIMAL, signal, String(i))));
  return single.flatMap((result) => ("rows" in result ? result.rows : []));
}

/**
 * All NVIDIA GPUs, or why they are not known. MIG slices stand in for their card. Unified parts (GB10, Jetson) have no memory of their own:
 * the driver prints [N/A].
 */
export async function sightNvidia(world: World, signal?: AbortSignal): Promise<Sighting> {
  for (const program of programs(world)) {
    const [identity, details] = await Promise.all([query(world, program, IDENTITY, signal), query(world, program, DETAILS, signal)]);
    if ("failure" in identity && identity.failure === "absent") continue;
    if ("failure" in identity && identity.failure === "hung") {
      return { devices: [], warnings: ["nvidia-smi did not answer within 5 s: the driver hangs. NVIDIA GPUs are not known; a reboot usually helps."] };
    }
    const warnings: string[] = [];
    let rows = "rows" in identity ? identity.rows : [];
    if ("failure" in identity && identity.failure !== "absent" && identity.failure !== "hung") {
      if (identity.failure === "unknown-field" || identity.failure === "failed") {
        const retried = await query(world, program, MINIMAL, signal);
        rows = "rows" in retried ? retried.rows : [];
      } else if (identity.failure === "gpu-error") rows = await survivors(world, program, signal);
      if (rows.length === 0 || identity.failure === "gpu-error") warnings.push(EXPLANATIONS[identity.failure]);
      if (rows.length === 0) return { devices: [], warnings };
    }
    const more = "rows" in details ? details.rows : await oldDetails(world, program, signal);
    return { devices: await withMig(world, program, signal, rows, more), warnings };
  }
  return nothingSighted;
}

async function oldDetails(world: World, program: string, signal: AbortSignal | undefined): Promise<SmiRow[]> {
  const result = await query(world, program, OLD_DETAILS, signal);
  return "rows" in result ? result.rows : [];
}

/** One GPU's rows of both queries as a device. */
export function nvidiaDevice(row: SmiRow, detail: SmiRow | undefined): SightedDevice {
  const total = mebibytesOf(row, "memory.total");
  return {
    name: row.get("name") ?? "NVIDIA GPU",
    vendor: "NVIDIA",
    pciAddress: pciAddressOf(row.get("pci.bus_id")),
    pciId: pciIdOf(row.get("pci.device_id")),
    pciRevision: undefined,
    totalBytes: total,
    freeBytes: mebibytesOf(row, "memory.free"),
    reservedBytes: detail === undefined ? undefined : mebibytesOf(detail, "memory.reserved"),
    unified: total === undefined ? true : undefined,
    computeCapability: (detail ?? row).get("compute_cap"),
    driver: row.get("driver_version"),
    memoryClockMHz: numberOf(detail ?? row, "clocks.max.memory"),
    gpuCoreCount: undefined,
    pcieGeneration: detail === undefined ? undefined : numberOf(detail, "pcie.link.gen.max"),
    pcieLanes: detail === undefined ? undefined : numberOf(detail, "pcie.link.width.max"),
    uuid: row.get("uuid"),
    visible: true,
    source: "nvidia-smi",
  };
}

/** `3g.40gb` → 40 GiB, when the table with the exact sizes is not to be had. */
const profileBytes = (profile: string): Bytes => Number(/\.(\d{1,4})gb/.exec(profile)?.[1] ?? 0) * GIB;

async function withMig(world: World, program: string, signal: AbortSignal | undefined, rows: readonly SmiRow[], details: readonly SmiRow[]): Promise<SightedDevice[]> {
  const sliced = details.some((detail) => detail.get("mig.mode.current") === "Enabled");
  const texts = sliced ? await Promise.all([world.exec(program, ["-L"], { timeoutMs: TIMEOUT_MS, signal }), world.exec(program, [], { timeoutMs: TIMEOUT_MS, signal })]) : [];
  const [list = "", table = ""] = texts.map((result) => (result.outcome === "exited" ? result.stdout : ""));
  const slices = parseMigList(list);
  const sizes = parseMigTable(table);
  return rows.flatMap((row) => {
    const detail = details.find((other) => pciAddressOf(other.get("pci.bus_id")) === pciAddressOf(row.get("pci.bus_id")));
    const device = nvidiaDevice(row, detail);
    if (detail?.get("mig.mode.current") !== "Enabled") return [device];
    const index = Number(row.get("index"));
    const own = sizes.filter((size) => size.gpuIndex === index);
    return slices.filter((slice) => slice.gpuIndex === index).map((slice, i) => sliceDevice(device, slice, own[i]));
  });
}

function sliceDevice(card: SightedDevice, slice: MigSlice, size: { readonly usedBytes: Bytes; readonly totalBytes: Bytes } | undefined): SightedDevice {
  const total = size?.totalBytes ?? profileBytes(slice.profile);
  return {
    ...card,
    name: `${card.name} MIG ${slice.profile}`,
    totalBytes: total,
    freeBytes: total - (size?.usedBytes ?? 0),
    reservedBytes: 0,
    uuid: slice.uuid,
    source: size === undefined ? "nvidia-smi -L (profile's nominal size)" : "nvidia-smi MIG table",
  };
}
