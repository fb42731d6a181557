/** Twelve machines, six use cases: what practitioners run in 2026 is among the first three, and nothing there is a toy or unusable. */
import { describe, expect, it } from "vitest";
import { isUseCase, type UseCase } from "../../src/core/decide/use-cases.ts";
import { rank } from "../../src/library.ts";
import { fakeWorld } from "../fake-world.ts";
import { type Guide, guides } from "./guides.ts";

const context = { world: fakeWorld({}) };

interface Row {
  /** any of these among the first three */
  readonly accepted: readonly string[];
  readonly because: readonly Guide[];
}
interface MachineRow {
  readonly hardware: string;
  /** billions of parameters under which a model is a toy where a serious one fits */
  readonly toyBillions: number;
  readonly rows: Readonly<Record<"general" | "coding" | "reasoning" | "chat" | "multimodal" | "embedding", Row>>;
}

const row = (accepted: string, ...because: Guide[]): Row => ({ accepted: accepted.split(" "), because });
const smallEmbedding = row(
  "qwen3-embedding-0.6b embeddinggemma-300m bge-m3 jina-embeddings-v3 jina-embeddings-v5-text-nano",
  "embedding",
);
const gpuEmbedding = row("qwen3-embedding-8b qwen3-embedding-4b", "embedding");

const machines: Readonly<Record<string, MachineRow>> = {
  "8 GB laptop GPU": {
    hardware: "rtx-4060-laptop, ram=32GiB",
    toyBillions: 4,
    rows: {
      general: row("qwen3.5-9b qwen3.6-35b-a3b qwen3-8b", "tiers8", "moe8"),
      coding: row("qwen3.6-35b-a3b qwen3.5-9b", "moe8", "tiers8"),
      reasoning: row("qwen3.6-35b-a3b qwen3.5-9b", "moe8", "tiers8"),
      chat: row("qwen3.5-9b gemma-4-26b-a4b-it qwen3.6-35b-a3b", "tiers8", "moe8", "shootout"),
      multimodal: row("qwen3.6-35b-a3b qwen3.5-9b", "moe8", "tiers8"),
      embedding: gpuEmbedding,
    },
  },
  "12 GB card": {
    hardware: "rtx-3060-12gb, ram=32GiB",
    toyBillions: 7,
    rows: {
      general: row("qwen3.6-35b-a3b gemma-4-12b-it qwen3-30b-a3b", "moe12", "gpu2026", "shootout"),
      coding: row("qwen3.6-35b-a3b gemma-4-12b-it gemma-4-26b-a4b-it", "moe12", "shootout", "coding4090"),
      reasoning: row("qwen3.6-35b-a3b gemma-4-12b-it", "moe12", "shootout"),
      chat: row("gemma-4-26b-a4b-it gemma-4-12b-it qwen3.6-35b-a3b qwen3-30b-a3b", "shootout", "gpu2026", "moe12"),
      multimodal: row("qwen3.6-35b-a3b gemma-4-12b-it", "moe12", "shootout"),
      embedding: gpuEmbedding,
    },
  },
  "16 GB card": {
    hardware: "rtx-4080, ram=32GiB",
    toyBillions: 7,
    rows: {
      general: row("qwen3.6-35b-a3b qwen3.5-27b gpt-oss-20b gemma-4-26b-a4b-it glm-4.7-flash", "vram16"),
      coding: row("qwen3.6-35b-a3b qwen3.5-27b gpt-oss-20b gemma-4-26b-a4b-it glm-4.7-flash", "vram16"),
      reasoning: row("qwen3.6-35b-a3b qwen3.5-27b gpt-oss-20b glm-4.7-flash", "vram16"),
      chat: row(
        "gemma-4-26b-a4b-it gpt-oss-20b mistral-small-3.2-24b-instruct-2506 qwen3.6-35b-a3b",
        "vram16",
        "gpu2026",
      ),
      multimodal: row("qwen3.6-35b-a3b qwen3.5-27b gemma-4-26b-a4b-it", "vram16"),
      embedding: gpuEmbedding,
    },
  },
  "24 GB card": {
    hardware: "rtx-4090, ram=64GiB",
    toyBillions: 12,
    rows: {
      general: row("qwen3.6-35b-a3b gemma-4-31b-it", "shootout", "fits"),
      coding: row("qwen3.6-27b qwen3.5-27b", "perGigabyte", "coding4090"),
      reasoning: row("qwen3.6-35b-a3b gemma-4-31b-it qwen3.8-27b", "shootout", "scores"),
      chat: row("gemma-4-31b-it qwen3.6-35b-a3b", "shootout"),
      multimodal: row("qwen3.6-35b-a3b gemma-4-31b-it", "shootout"),
      embedding: gpuEmbedding,
    },
  },
  "32 GB card": {
    hardware: "rtx-5090, ram=64GiB",
    toyBillions: 12,
    rows: {
      general: row("qwen3.6-35b-a3b gemma-4-31b-it", "fits", "shootout"),
      coding: row("qwen3-coder-next qwen3.6-27b", "coderNext", "perGigabyte"),
      reasoning: row("qwen3.6-35b-a3b qwen3.8-27b", "fits", "scores"),
      chat: row("gemma-4-31b-it qwen3.6-35b-a3b", "shootout"),
      multimodal: row("qwen3.6-35b-a3b gemma-4-31b-it", "fits", "shootout"),
      embedding: gpuEmbedding,
    },
  },
  "two 24 GB cards": {
    hardware: "2x rtx-3090, ram=64GiB",
    toyBillions: 12,
    rows: {
      general: row("qwen3.6-35b-a3b qwen3.5-27b qwen3-next-80b-a3b-instruct qwen3.5-122b-a10b", "dual", "three3090"),
      coding: row("qwen3-coder-next qwen3.6-27b qwen3.6-35b-a3b", "dual", "perGigabyte"),
      reasoning: row("qwen3.5-122b-a10b qwen3.5-27b qwen3.6-35b-a3b", "dual", "three3090"),
      chat: row("qwen3-next-80b-a3b-instruct qwen3.5-122b-a10b qwen3.6-35b-a3b", "dual", "three3090"),
      multimodal: row("qwen3.6-35b-a3b qwen3.5-27b qwen3.5-122b-a10b", "dual", "three3090"),
      embedding: gpuEmbedding,
    },
  },
  "96 GB card": {
    hardware: "rtx-pro-6000, ram=128GiB",
    toyBillions: 20,
    rows: {
      general: row("qwen3.5-122b-a10b gpt-oss-120b qwen3.5-27b minimax-m2.5 minimax-m2.7", "vram96", "rtx6000"),
      coding: row(
        "qwen3.5-122b-a10b gpt-oss-120b qwen3-coder-next minimax-m2.5 qwen3.8-27b",
        "vram96",
        "rtx6000",
        "scores",
      ),
      reasoning: row("qwen3.5-122b-a10b gpt-oss-120b qwen3.8-27b", "vram96", "scores"),
      chat: row("qwen3.5-122b-a10b gpt-oss-120b", "vram96", "rtx6000"),
      multimodal: row("qwen3.5-122b-a10b qwen3.5-27b", "vram96", "rtx6000"),
      embedding: gpuEmbedding,
    },
  },
  "128 GB unified": {
    hardware: "radeon-8060s-128gb",
    toyBillions: 12,
    rows: {
      general: row("qwen3.5-35b-a3b qwen3.5-122b-a10b gpt-oss-120b", "haloBench", "halo122", "halo"),
      coding: row(
        "qwen3-coder-30b-a3b-instruct qwen3-coder-next qwen3.5-122b-a10b gpt-oss-120b",
        "haloBench",
        "halo",
        "coderNext",
      ),
      reasoning: row("qwen3.5-122b-a10b gpt-oss-120b qwen3.5-35b-a3b", "halo122", "halo"),
      chat: row(
        "qwen3.5-35b-a3b qwen3.5-122b-a10b qwen3-next-80b-a3b-instruct gpt-oss-120b",
        "haloBench",
        "halo122",
        "dual",
        "halo",
      ),
      multimodal: row("qwen3.5-35b-a3b qwen3.5-122b-a10b", "haloBench", "halo122"),
      embedding: gpuEmbedding,
    },
  },
  "16 GB Mac": {
    hardware: "m2-16gb",
    toyBillions: 3,
    rows: {
      general: row(
        "gpt-oss-20b gemma-4-e4b-it qwen3.5-9b gemma-4-12b-it gemma-4-26b-a4b-it",
        "mac16",
        "tiers8",
        "shootout",
      ),
      coding: row("gpt-oss-20b qwen3.5-9b gemma-4-12b-it", "mac16", "tiers8", "shootout"),
      reasoning: row("gpt-oss-20b qwen3.5-9b", "mac16", "tiers8"),
      chat: row("gemma-4-e4b-it qwen3.5-9b gemma-4-12b-it gemma-4-26b-a4b-it", "mac16", "tiers8", "shootout"),
      multimodal: row("gemma-4-e4b-it qwen3.5-9b gemma-4-12b-it gemma-4-26b-a4b-it", "mac16", "tiers8", "shootout"),
      embedding: row("qwen3-embedding-0.6b qwen3-embedding-4b embeddinggemma-300m", "embedding"),
    },
  },
  "64 GB Mac": {
    hardware: "m4-max-64gb",
    toyBillions: 12,
    rows: {
      general: row("qwen3.6-27b qwen3.5-35b-a3b qwen3.6-35b-a3b", "mac64", "haloBench"),
      coding: row("qwen3-coder-next qwen3.6-27b", "mac64"),
      reasoning: row("qwen3.6-27b qwen3.5-122b-a10b qwen3.8-27b", "mac64", "halo122", "scores"),
      chat: row(
        "qwen3.6-27b qwen3-next-80b-a3b-instruct gemma-4-26b-a4b-it gemma-4-31b-it",
        "mac64",
        "dual",
        "shootout",
      ),
      multimodal: row("qwen3.6-27b qwen3.6-35b-a3b gemma-4-31b-it", "mac64", "fits", "shootout"),
      embedding: gpuEmbedding,
    },
  },
  "32 GB of RAM, no GPU": {
    hardware: "cpu, ram=32GiB",
    toyBillions: 4,
    rows: {
      general: row("qwen3.5-35b-a3b qwen3.6-35b-a3b qwen3-30b-a3b gpt-oss-20b", "cpu", "scores"),
      coding: row("qwen3.6-35b-a3b qwen3-coder-30b-a3b-instruct gpt-oss-20b", "cpu", "scores"),
      reasoning: row("qwen3.5-35b-a3b qwen3.6-35b-a3b gpt-oss-20b", "cpu", "scores"),
      chat: row("qwen3-30b-a3b-instruct-2507 qwen3.5-35b-a3b gemma-4-26b-a4b-it", "cpu", "scores"),
      multimodal: row("qwen3.6-35b-a3b qwen3-vl-30b-a3b-instruct gemma-4-26b-a4b-it", "cpu", "scores"),
      embedding: smallEmbedding,
    },
  },
  "Raspberry Pi 5": {
    hardware: "raspberry-pi-5-8gb",
    toyBillions: 1,
    rows: {
      general: row("gemma-4-e2b-it qwen3.5-4b qwen3-4b qwen3.5-2b gemma-3-4b-it", "pi", "gpu2026"),
      coding: row("gemma-4-e2b-it qwen3.5-4b qwen3-4b qwen3.5-2b", "pi", "gpu2026"),
      reasoning: row("gemma-4-e2b-it qwen3.5-4b qwen3-4b qwen3-4b-thinking-2507", "pi", "gpu2026"),
      chat: row("gemma-4-e2b-it gemma-3-4b-it qwen3.5-4b qwen3-4b", "pi", "gpu2026"),
      multimodal: row("gemma-4-e2b-it qwen3.5-4b gemma-3-4b-it qwen3.5-2b", "pi", "gpu2026"),
      embedding: smallEmbedding,
    },
  },
};

/** What nobody waits for: less than two tokens a second, the threshold of "impractical". */
const LEAST_TOKENS_PER_SECOND = 2;

/**
 * Rows that miss: DeepSeek-V4-Flash and a later release of it lead where no guide names them, at 2.3 to 4 bits. They are expected to
 * fail, so that the day they hold they fail here and leave this list.
 */
const knownMisses = new Set(["96 GB card, reasoning", "128 GB unified, general"]);

describe.each(Object.entries(machines))("%s", (machine, { hardware, rows, toyBillions }) => {
  it.each(Object.entries(rows).filter(([useCase]) => knownMisses.has(`${machine}, ${useCase}`)))(
    "%s still misses",
    async (useCase, { accepted }) => {
      const { models } = await rank({ hardware, useCase: readUseCase(useCase), limit: 3 }, context);
      expect(models.map(({ id }) => id).filter((id) => accepted.includes(id))).toEqual([]);
    },
    60_000,
  );
  it.each(Object.entries(rows).filter(([useCase]) => !knownMisses.has(`${machine}, ${useCase}`)))(
    "%s",
    async (useCase, { accepted, because }) => {
      const { models } = await rank({ hardware, useCase: readUseCase(useCase), limit: 3, detail: "detailed" }, context);
      const names = models.map(({ id }) => id);
      expect(names, because.map((guide) => guides[guide]).join("\n")).toSatisfy((list: string[]) =>
        list.some((id) => accepted.includes(id)),
      );
      expect(models).toHaveLength(3);
      for (const model of models) {
        expect(model.runMode, model.id).not.toBe("does-not-fit");
        if (useCase === "embedding") continue;
        expect(model.parameterCount ?? 0, `${model.id} is a toy here`).toBeGreaterThan(toyBillions * 1e9);
        expect(model.decodeTokensPerSecond?.mid ?? 0, model.id).toBeGreaterThanOrEqual(LEAST_TOKENS_PER_SECOND);
        expect(model.id).not.toMatch(/embed|bge|rerank|ocr|guard|-base$/);
      }
    },
    60_000,
  );
});

it("names a source for every row, and every source is used", () => {
  const used = new Set(
    Object.values(machines).flatMap(({ rows }) => Object.values(rows).flatMap(({ because }) => because)),
  );
  expect(Object.values(machines)).toHaveLength(12);
  expect([...used].sort()).toEqual(Object.keys(guides).sort());
});

function readUseCase(name: string): UseCase {
  if (!isUseCase(name)) throw new Error(`${name} is no use case`);
  return name;
}
