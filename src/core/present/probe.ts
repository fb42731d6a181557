/** A probe as the contract shows it: plain numbers, evidence beside them. */
import type { Fact } from "../facts/evidence.ts";
import { formatBytes } from "../units-text.ts";

interface Host {
  readonly os: string;
  readonly arch: string;
  readonly cpuModel: string;
  readonly physicalCoreCount: Fact<number>;
  readonly isa: readonly string[];
  readonly ramTotalBytes: Fact<number>;
  readonly ramAvailableBytes: Fact<number>;
  readonly ramLimitBytes: Fact<number> | undefined;
  readonly ramBandwidthBytesPerSecond: Fact<number>;
  readonly cpuLoadFraction: number | undefined;
}

interface Device {
  readonly index: number;
  readonly id: string;
  readonly name: string;
  readonly vendor: string;
  readonly kind: "gpu" | "unified" | "cpu";
  readonly backends: readonly string[];
  readonly memoryTotalBytes: Fact<number>;
  readonly memoryFreeBytes: Fact<number>;
  readonly memoryUsableBytes: Fact<number>;
  readonly heldByOthersBytes: number;
  readonly bandwidthBytesPerSecond: Fact<number>;
  readonly fp16FlopsPerSecond: Fact<number> | undefined;
  readonly computeCapability: string | undefined;
  readonly driver: string | undefined;
  readonly catalogId: string | undefined;
  readonly visible: boolean;
}

/** What this presenter reads of a probe; `sources/probe/result.ts` gives more. */
export interface ProbeFacts {
  readonly host: Host;
  readonly devices: readonly Device[];
  readonly links: readonly { readonly from: string; readonly to: string; readonly bytesPerSecond: Fact<number> }[];
  readonly disks: readonly {
    readonly path: string;
    readonly totalBytes: number;
    readonly freeBytes: number;
    readonly kind?: string | undefined;
    readonly readBytesPerSecond?: Fact<number> | undefined;
  }[];
  readonly runtimes: readonly {
    readonly name: string;
    readonly version: string | undefined;
    readonly path: string | undefined;
    readonly endpoint: string | undefined;
    readonly running: boolean;
  }[];
  readonly installedModels: readonly {
    readonly name: string;
    readonly runtime: string;
    readonly path: string | undefined;
    readonly fileBytes: number;
  }[];
  readonly warnings: readonly string[];
}

const CONCISE_MODELS = 20;

export function probeSummary({ host, devices }: ProbeFacts): string {
  const usable = devices.filter((device) => device.visible);
  const list = usable.map(
    (device) =>
      `${device.name} with ${formatBytes(device.memoryUsableBytes.value)} usable${device.kind === "unified" ? " (shared with the system)" : ""}`,
  );
  const ram = `${formatBytes(host.ramTotalBytes.value)} RAM, ${formatBytes(Math.min(host.ramAvailableBytes.value, host.ramLimitBytes?.value ?? host.ramAvailableBytes.value))} available`;
  return list.length > 0
    ? `${list.join("; ")}; ${ram}, ${host.physicalCoreCount.value} cores.`
    : `No GPU that can be used: models run on the CPU (${host.physicalCoreCount.value} cores, ${ram}).`;
}

function evidence(rows: readonly (readonly [string, Fact<unknown> | undefined])[]) {
  return rows.flatMap(([field, fact]) =>
    fact
      ? [{ field, evidence: fact.evidence, source: fact.source, ...given("noiseFraction", fact.noiseFraction) }]
      : [],
  );
}

function given<Key extends string, Value>(key: Key, value: Value | undefined): Partial<Record<Key, Value>> {
  const entry: Partial<Record<Key, Value>> = {};
  if (value !== undefined) entry[key] = value;
  return entry;
}

function shapeHost(host: Host) {
  return {
    os: host.os,
    arch: host.arch,
    cpuModel: host.cpuModel,
    physicalCoreCount: host.physicalCoreCount.value,
    isa: host.isa,
    ramTotalBytes: host.ramTotalBytes.value,
    ramAvailableBytes: host.ramAvailableBytes.value,
    ...given("ramLimitBytes", host.ramLimitBytes?.value),
    ...given("limitSource", host.ramLimitBytes?.source),
    ramBandwidthBytesPerSecond: host.ramBandwidthBytesPerSecond.value,
    ...given(
      "cpuLoadFraction",
      host.cpuLoadFraction === undefined ? undefined : Math.round(host.cpuLoadFraction * 100) / 100,
    ),
    evidence: evidence([
      ["physicalCoreCount", host.physicalCoreCount],
      ["ramTotalBytes", host.ramTotalBytes],
      ["ramAvailableBytes", host.ramAvailableBytes],
      ["ramBandwidthBytesPerSecond", host.ramBandwidthBytesPerSecond],
    ]),
  };
}

function shapeDevice(device: Device) {
  return {
    index: device.index,
    id: device.id,
    name: device.name,
    vendor: device.vendor,
    kind: device.kind,
    backends: device.backends,
    memoryTotalBytes: device.memoryTotalBytes.value,
    memoryFreeBytes: device.memoryFreeBytes.value,
    memoryUsableBytes: device.memoryUsableBytes.value,
    heldByOthersBytes: device.heldByOthersBytes,
    bandwidthBytesPerSecond: device.bandwidthBytesPerSecond.value,
    ...given("fp16FlopsPerSecond", device.fp16FlopsPerSecond?.value),
    ...given("computeCapability", device.computeCapability),
    ...given("driver", device.driver),
    ...given("catalogId", device.catalogId),
    visible: device.visible,
    evidence: evidence([
      ["memoryTotalBytes", device.memoryTotalBytes],
      ["memoryUsableBytes", device.memoryUsableBytes],
      ["bandwidthBytesPerSecond", device.bandwidthBytesPerSecond],
      ["fp16FlopsPerSecond", device.fp16FlopsPerSecond],
    ]),
  };
}

export function shapeProbe(facts: ProbeFacts, detailed: boolean) {
  const models = detailed ? facts.installedModels : facts.installedModels.slice(0, CONCISE_MODELS);
  return {
    host: shapeHost(facts.host),
    devices: facts.devices.map(shapeDevice),
    links: facts.links.map(({ from, to, bytesPerSecond }) => ({
      from,
      to,
      kind: "pcie",
      bandwidthBytesPerSecond: bytesPerSecond.value,
      evidence: bytesPerSecond.evidence,
      source: bytesPerSecond.source,
    })),
    disks: facts.disks.map(({ path, kind, freeBytes, readBytesPerSecond }) => ({
      path,
      ...given("kind", kind),
      freeBytes,
      ...given("readBytesPerSecond", readBytesPerSecond?.value),
      ...given("evidence", readBytesPerSecond?.evidence),
      ...given("source", readBytesPerSecond?.source),
    })),
    runtimes: facts.runtimes.map(({ name, version, path, endpoint, running }) => ({
      name,
      ...given("version", version),
      ...given("path", path),
      ...given("endpoint", endpoint),
      running,
    })),
    installedModels: models.map(({ name, runtime, path, fileBytes }) => ({
      name,
      runtime,
      ...given("path", path),
      fileBytes,
    })),
    ...(models.length < facts.installedModels.length ? { installedModelCount: facts.installedModels.length } : {}),
    warnings: facts.warnings,
  };
}
