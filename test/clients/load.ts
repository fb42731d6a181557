/** Many sessions at once over HTTP, each sending one mixed call after the other. */

import { readFileSync } from "node:fs";
import { Agent, request } from "node:http";

const headers = { "content-type": "application/json", accept: "application/json, text/event-stream" };
const models = ["qwen3-8b:Q4_K_M", "qwen3-30b-a3b:Q4_K_M", "llama-3.1-8b-instruct:Q8_0", "gemma-3-27b-it:Q4_K_M"];
const machines = ["rtx-4090, ram=64GiB", "2x rtx-3090, ram=64GiB", "m3-max-64gb", "cpu, ram=32GiB"];
const pick = <T>(list: readonly [T, ...T[]] | readonly T[], index: number) => list[index % list.length];

/** The call of that number: six fits, a ping, a list, a completion, a mistake. */
function callOf(index: number): { readonly kind: string; readonly method: string; readonly params: object } {
  const kind = index % 10;
  if (kind === 6) return { kind: "ping", method: "ping", params: {} };
  if (kind === 7) return { kind: "list", method: "tools/list", params: {} };
  if (kind === 8) {
    const ref = { type: "ref/resource", uri: "modelfit://catalog/models/{id}" };
    return {
      kind: "complete",
      method: "completion/complete",
      params: { ref, argument: { name: "id", value: "qwen3" } },
    };
  }
  if (kind === 9)
    return {
      kind: "mistake",
      method: "tools/call",
      params: { name: "fit_model", arguments: { model: "qwen3-8b", vram: index } },
    };
  const run = `-c ${1024 * (1 + (Math.floor(index / 10) % 32))}`;
  const args = { model: pick(models, index), hardware: pick(machines, Math.floor(index / 4)), run };
  return { kind: "fit", method: "tools/call", params: { name: "fit_model", arguments: args } };
}

export interface LoadResult {
  /** calls that were not answered as they should be */
  readonly failures: readonly string[];
  readonly tookMs: ReadonlyMap<string, readonly number[]>;
}

export async function runLoad(url: string, sessionCount: number, callCount: number): Promise<LoadResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: sessionCount });
  const failures: string[] = [];
  const tookMs = new Map<string, number[]>();
  const post = (body: object, session?: string): Promise<{ status: number; session: string; text: string }> =>
    new Promise((resolve, reject) => {
      const sent = session === undefined ? headers : { ...headers, "mcp-session-id": session };
      const call = request(`${url}/mcp`, { method: "POST", headers: sent, agent }, (response) => {
        let text = "";
        response.on("data", (chunk) => {
          text += String(chunk);
        });
        response.on("end", () =>
          resolve({ status: response.statusCode ?? 0, session: String(response.headers["mcp-session-id"]), text }),
        );
      });
      call.on("error", reject);
      call.end(JSON.stringify({ jsonrpc: "2.0", ...body }));
    });
  let next = 0;
  const work = async () => {
    const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "load", version: "1" } };
    const { session } = await post({ id: 0, method: "initialize", params });
    while (next < callCount) {
      const index = next++;
      const { kind, method, params } = callOf(index);
      const startMs = performance.now();
      const { status, text } = await post({ id: index + 1, method, params }, session);
      const times = tookMs.get(kind) ?? [];
      times.push(performance.now() - startMs);
      tookMs.set(kind, times);
      const fine =
        status === 200 && text.includes('"result"') && text.includes('"isError":true') === (kind === "mistake");
      if (!fine) failures.push(`${kind} ${status} ${text.slice(0, 200)}`);
    }
    await new Promise<void>((resolve) => {
      request(
        `${url}/mcp`,
        { method: "DELETE", headers: { ...headers, "mcp-session-id": session }, agent },
        (response) => response.resume().on("end", resolve),
      ).end();
    });
  };
  await Promise.all(Array.from({ length: sessionCount }, work));
  agent.destroy();
  return { failures, tookMs };
}

/** 0 where the system has no /proc */
export function residentBytes(pid: number | undefined): number {
  try {
    return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
