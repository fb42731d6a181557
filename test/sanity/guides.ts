/** Where practitioners said in 2026 what they run on which machine. What each names is condensed; the words are ours. */
export const guides = {
  tiers8:
    "intelligibberish.com, Best Local Models for Chat in 2026 by VRAM tier (2026-03-17): at 8 GB Qwen3.5 9B wins, Qwen3 8B and Gemma 3 4B follow",
  moe8: "nestfrontier.com, a 35B model on an RTX 3070: Qwen3.6-35B-A3B with its experts in RAM at 22 tok/s on 8 GB",
  moe12:
    "ai-radar.it, Qwen 35B-A3B on 12 GB: an RTX 3060 with 32 GB of RAM runs Qwen3.6-35B-A3B at 47 tok/s with --n-cpu-moe",
  gpu2026:
    "butler.aiskillhub.info, best local LLM by GPU (2026): Qwen3 30B-A3B partly offloaded at 12 GB with 32 GB of RAM, Mistral Small 3.2 24B and Qwen3 14B at 16 GB, Gemma 3 4B and Qwen3 4B on the smallest",
  vram16:
    "pactentia.com, best open models for 16 GB (2026-05-10): gpt-oss-20b, Qwen3.5 27B, Qwen3.6, Gemma 4, GLM 4.7 Flash",
  shootout:
    "runaihome.com, open-source LLM shootout 2026: one 24 GB card runs Qwen3.6 35B-A3B for speed or Gemma 4 31B for depth; Gemma 4 from 8 GB up",
  perGigabyte:
    "botmonster.com, open-weight coding models by capability per GB (2026): Qwen3.6-27B at Q4 on 24 GB, GLM-4.7-Flash beside it",
  coding4090:
    "aibytes.blog, Qwen3.5 against Gemma 4 for local agentic coding on an RTX 4090: Qwen3.5-27B first, Gemma4-31B equal in accuracy, both MoE variants three times as fast",
  coderNext: "compute-market.com, Qwen3-Coder-Next local hardware guide (2026): one RTX 5090 with 64 GB of RAM",
  fits: "codesota.com, which model fits your GPU (2026-06-03): Qwen3.6-35B-A3B from 24 GB up",
  dual: "koishiai.com, local LLM benchmark on 48 GB over two cards (2026): Qwen3-Next-80B, Qwen3.6-35B-A3B, Qwen3.5-27B kept",
  three3090: "theneuralfeed.com, Qwen3.5 122B at Q3_K on 3090s called the best available at its time",
  vram96:
    "localllm.in, best local LLMs for 96 GB (2026): 120B mixtures of experts entirely on an RTX PRO 6000, Qwen3.5-122B and gpt-oss-120b",
  rtx6000:
    "voipmonitor/rtx6kpro, community notes for RTX PRO 6000: Qwen3.5-27B and 122B on one card, MiniMax M2.5 from two",
  halo: "fromthematrix.dev, ten models on a Ryzen AI Max+ 395: Qwen3.5-35B-A3B, Qwen3-Coder-30B-A3B, GLM-4.7-Flash, gpt-oss-120b at 52 tok/s",
  halo122: "baguaai.com, Qwen3.5-122B on Strix Halo at 20 to 30 tok/s",
  haloBench: "theaibench.ai, Framework Desktop (2026-06): Qwen 3.5 35B-A3B for chat, Qwen3-Coder-30B-A3B for code",
  mac16: "quality-blog.eu, local models on a 16 GB Mac mini (2026): gpt-oss-20b, Gemma 4 e4b, Qwen3-Coder, Phi-4",
  mac64: "markshust.com, a real coding LLM on a 64 GB Mac (2026-05-17): Qwen3.6-27B and Qwen3-Coder-Next",
  cpu: "inventivehq.com, mixtures of experts on a CPU: 30B-A3B runs at the speed of a dense 3B, the best model for a box with RAM and no GPU",
  pi: "Gemma 4 Pi Benchmark (2026-05-05): Gemma 4 E2B at 6.5 and E4B at 2.7 tok/s on a Pi 5; specpicks.com: up to 4B at Q4 on a Pi",
  embedding:
    "bestllmfor.com and particula.tech (2026): Qwen3-Embedding-8B on one GPU; EmbeddingGemma-300M, Qwen3-Embedding-0.6B, BGE-M3 and jina-embeddings on small machines",
  scores:
    "catalog/quality/observations.json: LiveBench, Artificial Analysis and Arena rows up to 2026-08, where Qwen3.8-27B leads what fits one card and Qwen3.5, Qwen3.6 and Gemma 4 follow",
} as const;
export type Guide = keyof typeof guides;
