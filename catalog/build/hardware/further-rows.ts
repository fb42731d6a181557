/**
 * Devices that published measurements name and the collected facts lack. Bandwidths are the fastest memory that the maker supports, on
 * all channels; what the measurements themselves do not state is marked estimated.
 */
import type { HardwareRow } from "../../../src/core/sources/hardware-row.ts";

const END = "(?![A-Z0-9])";

interface Platform {
  readonly id: string;
  readonly name: string;
  readonly vendor: string;
  readonly memory: readonly [type: string, busBits: number, rateGbps: number];
  readonly year: number;
  readonly cores: number;
  readonly modelPattern?: string;
  readonly aliases?: readonly string[];
  readonly form?: HardwareRow["form"];
  readonly cpuArch?: HardwareRow["cpuArch"];
  readonly note?: string;
  /** the bandwidth is stated beside the measurement */
  readonly stated?: true;
}

const platforms: readonly Platform[] = [
  {
    id: "ryzen-7040-8040-mobile",
    name: "AMD Ryzen 7040/8040 mobile (Phoenix/Hawk Point)",
    vendor: "AMD",
    memory: ["DDR5", 128, 5.6],
    year: 2023,
    cores: 8,
    modelPattern: `Ryzen [3579] (PRO )?[78][5-9]4\\d(HX|HS|H|U)${END}`,
    note: "soldered LPDDR5X-7500 reaches 120 GB/s",
    stated: true,
  },
  {
    id: "core-10th-gen-desktop-comet-lake-s",
    name: "Intel Core 10th Gen desktop (Comet Lake-S)",
    vendor: "Intel",
    memory: ["DDR4", 128, 2.666],
    year: 2020,
    cores: 6,
    modelPattern: `i[3579]-10\\d{3}(KF|K|F|T)?${END}`,
  },
  {
    id: "core-6th-7th-gen-mobile-quad",
    name: "Intel Core 6th/7th Gen mobile (Skylake-H/Kaby Lake-H)",
    vendor: "Intel",
    memory: ["DDR4", 128, 2.4],
    year: 2017,
    cores: 4,
    modelPattern: `i[57]-[67]\\d{3}H[QK]${END}`,
  },
  {
    id: "core-10th-gen-mobile-ice-lake",
    name: "Intel Core 10th Gen mobile (Ice Lake)",
    vendor: "Intel",
    memory: ["LPDDR4X", 128, 3.733],
    year: 2019,
    cores: 4,
    modelPattern: "i[357]-10\\d{2}G[1-7]",
    aliases: ["Intel Core i5-1035G7 / Surface Book 3 (CPU)"],
  },
  {
    id: "core-11th-gen-mobile-tiger-lake",
    name: "Intel Core 11th Gen mobile (Tiger Lake)",
    vendor: "Intel",
    memory: ["LPDDR4X", 128, 4.267],
    year: 2020,
    cores: 4,
    modelPattern: "i[357]-11\\d{2}G[1-7]",
    note: "DDR4-3200 gives 51.2 GB/s",
  },
  {
    id: "core-2-quad",
    name: "Intel Core 2 Quad",
    vendor: "Intel",
    memory: ["DDR3", 64, 1.333],
    year: 2009,
    cores: 4,
    modelPattern: `Core ?2 Quad( CPU)? +Q[89]\\d{3}S?${END}`,
    note: "memory behind a front-side bus of 1333 MT/s × 64 bit",
  },
  {
    id: "xeon-two-sockets-ddr4",
    name: "Two Intel Xeon sockets, DDR4",
    vendor: "Intel",
    memory: ["DDR4", 512, 2.4],
    year: 2016,
    cores: 28,
    aliases: ["2x Intel Xeon (dual socket, DDR4)"],
    note: "four channels a socket assumed; an engine without NUMA options does not add the sockets",
  },
  {
    id: "snapdragon-888-phone",
    name: "Snapdragon 888 phone",
    vendor: "Qualcomm",
    memory: ["LPDDR5", 64, 6.4],
    year: 2021,
    cores: 8,
    form: "board",
    cpuArch: "arm64",
    aliases: ["SM8350", "Qualcomm Snapdragon 888 ARM64 (CPU)"],
  },
  {
    id: "snapdragon-8-gen-2-phone",
    name: "Snapdragon 8 Gen 2 phone",
    vendor: "Qualcomm",
    memory: ["LPDDR5X", 64, 8.4],
    year: 2022,
    cores: 8,
    form: "board",
    cpuArch: "arm64",
    aliases: ["SM8550", "Adreno 740", "Qualcomm Adreno 740"],
    stated: true,
  },
  {
    id: "snapdragon-8-elite-gen-5-phone",
    name: "Snapdragon 8 Elite Gen 5 phone",
    vendor: "Qualcomm",
    memory: ["LPDDR5X", 64, 10.6],
    year: 2025,
    cores: 8,
    form: "board",
    cpuArch: "arm64",
    aliases: ["SM8850", "Adreno 840", "Qualcomm Adreno 840"],
    stated: true,
  },
  {
    id: "radxa-dragon-q8b",
    name: "Radxa Dragon Q8B",
    vendor: "Radxa",
    memory: ["LPDDR4X", 128, 4.267],
    year: 2025,
    cores: 8,
    form: "board",
    cpuArch: "arm64",
    aliases: ["Qualcomm (Radxa Dragon Q8B CPU)"],
  },
  {
    id: "spacemit-k3-boards",
    name: "SpacemiT K3 boards",
    vendor: "SpacemiT",
    memory: ["LPDDR5", 64, 6.4],
    year: 2025,
    cores: 8,
    form: "board",
    cpuArch: "riscv64",
    aliases: ["SpacemiT K3", "spacemit k3"],
  },
  {
    id: "sifive-hifive-premier-p550",
    name: "SiFive HiFive Premier P550",
    vendor: "SiFive",
    memory: ["LPDDR5", 64, 6.4],
    year: 2024,
    cores: 4,
    form: "board",
    cpuArch: "riscv64",
    aliases: ["EIC7700X", "ESWIN EIC7700X"],
  },
  {
    id: "dc-roma-mainboard-ii",
    name: "DC-ROMA Mainboard II",
    vendor: "DeepComputing",
    memory: ["LPDDR5", 128, 6.4],
    year: 2025,
    cores: 8,
    form: "board",
    cpuArch: "riscv64",
    aliases: ["EIC7702X", "ESWIN EIC7702X"],
  },
];

function rowOf(platform: Platform): Record<string, unknown> {
  const [memoryType, memoryBusBits, memoryRateGbps] = platform.memory;
  return {
    id: platform.id,
    name: platform.name,
    aliases: platform.aliases,
    modelPattern: platform.modelPattern,
    vendor: platform.vendor,
    kind: "cpu",
    form: platform.form ?? "cpu",
    memoryGiB: [],
    memoryType,
    memoryBusBits,
    memoryRateGbps,
    bandwidthGBps: Math.round((memoryBusBits / 8) * memoryRateGbps * 10) / 10,
    cpuArch: platform.cpuArch,
    cpuCoreCount: platform.cores,
    releaseYear: platform.year,
    backends: ["cpu"],
    note: platform.note,
    source: "arithmetic",
    estimated: platform.stated ? undefined : ["bandwidthGBps"],
  };
}

export const furtherRows: readonly Record<string, unknown>[] = platforms.map(rowOf);
